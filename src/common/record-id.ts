import { Refusal } from './errors.js';

/** A whole number as a bigint column counts them, or null; nothing below 2^53 is lost in JSON (contract.md §0.8). */
export function readBigint(text: unknown): number | null {
  return typeof text === 'string' && /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text))
    ? Number(text)
    : null;
}

/**
 * A record's id in a path: anything but a plain positive integer below 2^53 is missing, not malformed (contract.md §0.2).
 * @throws Refusal `record_not_found`
 */
export function readRecordId(text: string): number {
  const id = readBigint(text);
  if (id === null) throw new Refusal('record_not_found');
  return id;
}
