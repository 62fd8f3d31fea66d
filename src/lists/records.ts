import type { Line } from './lines.js';

/** One account as the file has it: a word, a line, or the lines that quotes hold together. */
export interface ListRecord {
  /** Of its first line. */
  line: number;
  /** As written. */
  text: string;
  isBroken: boolean;
  /** Null where quotes are out of place, or hold a line break. */
  cells: readonly string[] | null;
}

/** More columns than anybody's. */
const MAX_CELLS = 100;

/** How far the end of a quote is looked for: what is longer is a quote that was forgotten. */
const MAX_LINES = 32;
const MAX_CHARACTERS = 8192;

/**
 * The records of a CSV file. By hand, because a parser of RFC 4180 is lost for good at the first quote out of place;
 * here every line stands for itself, and a quote that does not close costs its own line only.
 */
export async function* readRecords(blocks: AsyncIterable<Line[]>, separator: string): AsyncGenerator<ListRecord[]> {
  let left: Line[] = [];
  for await (const block of blocks) {
    const lines = left.concat(block);
    const { records, next } = recordsOf(lines, separator, false);
    yield records;
    left = lines.slice(next);
  }
  yield recordsOf(left, separator, true).records;
}

/** The records that are whole for certain, and where the next one begins. */
function recordsOf(
  lines: readonly Line[],
  separator: string,
  areLast: boolean,
): { records: ListRecord[]; next: number } {
  const records: ListRecord[] = [];
  let at = 0;
  for (let line = lines[at]; line !== undefined; line = lines[at]) {
    const { number, text, isBroken } = line;
    const cells = readCells(text, separator);
    let end = at + 1;
    if (cells === 'open' && !isBroken) {
      const close = findClosingLine(lines, at, separator);
      if (close === lines.length && !areLast) break;
      if (close !== null && close < lines.length) end = close + 1;
    }
    const written =
      end === at + 1
        ? text
        : lines
            .slice(at, end)
            .map((part) => part.text)
            .join('\n');
    records.push({ line: number, text: written, isBroken, cells: cells === 'open' ? null : cells });
    at = end;
  }
  return { records, next: at };
}

/** The line in which the quotes close that a line leaves open; past the last one when they may yet, null when not. */
function findClosingLine(lines: readonly Line[], opening: number, separator: string): number | null {
  let characters = 0;
  for (let at = opening; at < lines.length; at++) {
    const { text, isBroken } = lines[at] ?? { text: '', isBroken: true };
    characters += text.length;
    if (isBroken || characters > MAX_CHARACTERS || at - opening === MAX_LINES) return null;
    const cells = at === opening ? 'open' : readCells(text, separator, true);
    if (cells === null) return null;
    if (cells !== 'open') return at;
  }
  return lines.length;
}

/**
 * The cells of a line (RFC 4180 §2, spaces around quotes allowed); `open` when it ends inside quotes, null when
 * something follows a closing quote.
 * @param isInside whether it begins inside quotes
 */
export function readCells(line: string, separator: string, isInside = false): string[] | 'open' | null {
  if (!isInside && !line.includes('"')) return line.split(separator, MAX_CELLS);
  const cells: string[] = [];
  let at = 0;
  while (cells.length < MAX_CELLS) {
    const first = skipSpaces(line, at);
    const isQuoted = (isInside && at === 0) || line[first] === '"';
    if (isQuoted) {
      const from = isInside && at === 0 ? 0 : first + 1;
      const close = findClosingQuote(line, from);
      if (close === -1) return 'open';
      cells.push(line.slice(from, close).replaceAll('""', '"'));
      at = skipSpaces(line, close + 1);
      if (at < line.length && line[at] !== separator) return null;
    } else {
      const end = line.indexOf(separator, at);
      cells.push(line.slice(at, end === -1 ? line.length : end));
      at = end === -1 ? line.length : end;
    }
    if (at >= line.length) break;
    at++;
  }
  return cells;
}

function findClosingQuote(line: string, from: number): number {
  let at = line.indexOf('"', from);
  while (at !== -1 && line[at + 1] === '"') at = line.indexOf('"', at + 2);
  return at;
}

function skipSpaces(line: string, from: number): number {
  let at = from;
  while (line[at] === ' ') at++;
  return at;
}
