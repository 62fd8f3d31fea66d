import { type Layout, plainCell } from './layout.js';
import { type Line, readLines } from './lines.js';
import type { Recognised } from './recognise.js';
import { type ListRecord, readRecords } from './records.js';

/**
 * The accounts of a list, some at a time: what is neither blank nor its header.
 * @throws ListRefused when the list has lines without end
 */
export async function* readEntries(
  bytes: Buffer,
  recognised: Recognised,
  layout: Layout,
): AsyncGenerator<ListRecord[]> {
  const { dialect, header, separator } = layout;
  if (dialect === 'words') {
    for await (const lines of readLines(bytes, recognised, ` \t${separator ?? ''}`)) {
      yield wordsOf(lines, separator ?? '');
    }
    return;
  }
  let headers = header === null ? 0 : 1;
  for await (const records of readRecords(readLines(bytes, recognised, ''), separator ?? ',')) {
    // Spreadsheets end with lines of nothing but separators.
    yield records.slice(headers).filter(({ cells }) => cells?.every((cell) => plainCell(cell) === '') !== true);
    headers = Math.max(0, headers - records.length);
  }
}

function wordsOf(lines: readonly Line[], separator: string): ListRecord[] {
  const between = new RegExp(`[\\s${separator}]+`);
  return lines.flatMap(({ number, text, isBroken }) =>
    text
      .split(between)
      .filter((word) => word !== '')
      .map((word) => ({
        line: number,
        text: word,
        // Of a line that does not decode, only the words fail that do not.
        isBroken: isBroken && /[\0\ufffd]/.test(word),
        cells: [word.replace(/^"(.*)"$/, '$1')],
      })),
  );
}
