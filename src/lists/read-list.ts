import { readEntries } from './entries.js';
import { handleReader, type OwnPlace } from './handle.js';
import { findLayout } from './layout.js';
import { type ListFacts, ListRefused, type ListRow, type UploadedList } from './list.js';
import { recognise } from './recognise.js';
import { rowMaker, type RowRules } from './rows.js';
import { warningsOf } from './wrong-kind.js';

/** As what a list is to be read, and for whom. */
export interface WantedList extends OwnPlace, RowRules {
  maxRows: number;
}

/**
 * Reads a whole list, whatever its dialect (contract.md §7.3); the event loop turns every 20 ms or so.
 * @throws ListRefused
 */
export async function readList(
  { bytes, fileName }: UploadedList,
  wanted: WantedList,
): Promise<{ facts: ListFacts; rows: ListRow[] }> {
  const recognised = recognise(bytes);
  const readHandle = handleReader(wanted);
  const layout = findLayout(recognised.head, wanted.kind, readHandle);
  const makeRow = rowMaker(wanted, layout.columns, readHandle);
  const rows: ListRow[] = [];
  for await (const records of readEntries(bytes, recognised, layout)) {
    for (const record of records) rows.push(makeRow(record));
    if (rows.length > wanted.maxRows) {
      throw new ListRefused('too_many_rows', `The list has more than ${wanted.maxRows} rows.`);
    }
  }
  if (rows.length === 0) throw new ListRefused('empty', 'The list contains no accounts.');
  const warnings = warningsOf(wanted.kind, layout.header, fileName);
  return { facts: { dialect: layout.dialect, encoding: recognised.encoding, warnings }, rows };
}
