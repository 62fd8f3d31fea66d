import { Readable } from 'node:stream';
import { csvLine } from '../backups/csv.js';
import type { ImportRow } from '../imports/import-row.entity.js';
import type { RelationshipKind } from '../relationships/relationship.entity.js';
import { inWords } from './imports.dto.js';

/** Mastodon's columns of each kind, but for the handle's. */
const COLUMNS: Record<RelationshipKind, { name: string; of: (options: Record<string, unknown>) => string }[]> = {
  follow: [
    { name: 'Show boosts', of: ({ reblogs }) => word(reblogs !== false) },
    { name: 'Notify on new posts', of: ({ notify }) => word(notify === true) },
    { name: 'Languages', of: ({ languages }) => (Array.isArray(languages) ? languages.join(', ') : '') },
  ],
  block: [],
  mute: [{ name: 'Hide notifications', of: ({ notifications }) => word(notifications !== false) }],
};

/** The failed rows of a list as CSV, in pages, so that no list is too long; can be sent back as it is (contract.md §7.5). */
export function failuresCsv(kind: RelationshipKind, page: (after: number) => Promise<ImportRow[]>): Readable {
  return Readable.from(lines(kind, page));
}

async function* lines(kind: RelationshipKind, page: (after: number) => Promise<ImportRow[]>): AsyncGenerator<string> {
  const columns = COLUMNS[kind];
  yield csvLine(['Account address', ...columns.map(({ name }) => name), 'Reason']);
  for (let after = 0; ;) {
    const rows = await page(after);
    const last = rows.at(-1);
    if (!last) return;
    yield rows
      .map((row) =>
        csvLine([row.handle, ...columns.map(({ of }) => of({ ...row.options })), inWords(row.reason ?? '', row)]),
      )
      .join('');
    after = last.position;
  }
}

function word(isTrue: boolean): string {
  return isTrue ? 'true' : 'false';
}
