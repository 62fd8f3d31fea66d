import type { Handle } from './handle.js';
import type { Dialect, ListKind } from './list.js';
import { readCells } from './records.js';

/** How the accounts of a list are laid out. */
export interface Layout {
  dialect: Dialect;
  /** Between cells; between words besides white space, where there is one. */
  separator: string | null;
  /** Null where there is none, and the first record is an account. */
  header: readonly string[] | null;
  /** Where the columns are that are known, by the names of Mastodon's headers in lower case. */
  columns: ReadonlyMap<string, number>;
}

/** Mastodon's name for the column of the handles, in lower case. */
export const ACCOUNT = 'account address';

/** The headers of Mastodon's exports (its `app/models/export.rb`), in its order and in lower case. */
export const MASTODON_COLUMNS: Record<ListKind, readonly string[]> = {
  follow: [ACCOUNT, 'show boosts', 'notify on new posts', 'languages'],
  block: [ACCOUNT],
  mute: [ACCOUNT, 'hide notifications'],
};

/** What other programs and people call it. A lone cell of this kind is somebody's name. */
const OTHER_NAMES = ['account', 'acct', 'handle', 'address'];

const SEPARATORS = [',', ';', '\t'];

const SAMPLE_LINES = 20;

/** Finds the layout by the first lines of a list (contract.md §7.3). */
export function findLayout(head: string, kind: ListKind, readHandle: (text: string) => Handle | null): Layout {
  const sample = head
    .split(/\r\n|[\n\r]/)
    .filter((line) => line.trim() !== '')
    .slice(0, SAMPLE_LINES);
  const first = sample[0] ?? '';
  const separator = commonestSeparator(sample);
  const header = readHeader(first, commonestSeparator([first]) ?? separator ?? ',');
  if (header !== null) return header;
  const columns = new Map(MASTODON_COLUMNS[kind].map((name, index) => [name, index]));
  const isQuoted = sample.some((line) => line.trimStart().startsWith('"'));
  // `a@x, b@y` and `a@x<tab>b@y`: by their places, all but the first would be options, and lost without a word.
  const isWords = separator === null ? !isQuoted : furtherCellsAreHandles(sample, separator, readHandle);
  return isWords
    ? { dialect: 'words', separator, header: null, columns: new Map() }
    : { dialect: 'csv', separator: separator ?? ',', header: null, columns };
}

/** The cell of a spreadsheet as it was meant: without the `'` that keeps formulas from running (contract.md §7.5). */
export function plainCell(cell: string): string {
  const trimmed = cell.trim();
  return /^'[=+\-@\t\r]/.test(trimmed) ? trimmed.slice(1).trim() : trimmed;
}

function readHeader(line: string, separator: string): Layout | null {
  const cells = readCells(line, separator);
  if (cells === null || cells === 'open') return null;
  const names = cells.map((cell) => plainCell(cell).toLowerCase());
  const isMastodons = names.includes(ACCOUNT);
  const account = isMastodons
    ? names.indexOf(ACCOUNT)
    : names.findIndex((name) => names.length > 1 && OTHER_NAMES.includes(name));
  if (account === -1) return null;
  // The first one of a name counts.
  const columns = new Map(names.map((name, index): [string, number] => [name, index]).toReversed());
  columns.set(ACCOUNT, account);
  return { dialect: isMastodons ? 'mastodon_csv' : 'csv', separator, header: names, columns };
}

function commonestSeparator(lines: readonly string[]): string | null {
  const unquoted = lines.map((line) => line.replace(/"[^"]*(?:"|$)/g, '')).join('\n');
  const counts = SEPARATORS.map((separator) => unquoted.split(separator).length - 1);
  const most = Math.max(...counts);
  return most === 0 ? null : (SEPARATORS[counts.indexOf(most)] ?? null);
}

function furtherCellsAreHandles(
  sample: readonly string[],
  separator: string,
  readHandle: (text: string) => Handle | null,
): boolean {
  const further = sample.flatMap((line) => {
    const cells = readCells(line, separator);
    return cells === null || cells === 'open' ? [] : cells.slice(1).map(plainCell).filter(Boolean);
  });
  return (
    further.length > 0 &&
    further.every((cell) => cell.split(/\s+/).every((word) => word.includes('@') && readHandle(word) !== null))
  );
}
