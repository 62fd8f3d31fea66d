import { fold } from '../common/fields.js';

/** Tells the operator the outcome, in lines on standard output. */
export function say(...lines: string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Tells the operator what to look at, beside the outcome. */
export function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A name or address as it is stored, from one as it was typed. */
export function folded(text: string): string {
  return String(fold(text));
}
