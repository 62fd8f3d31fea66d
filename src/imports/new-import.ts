import { createHash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import type { ListFacts, ListRow } from '../lists/list.js';
import type { RelationshipKind } from '../relationships/relationship.entity.js';
import type { ImportMode } from './import.entity.js';

/** What is known of a list before it is kept. */
export interface NewImport {
  id: string;
  userId: string;
  kind: RelationshipKind;
  mode: ImportMode;
  dryRun: boolean;
  fileName: string | null;
  facts: ListFacts;
  rows: readonly ListRow[];
}

/** The same for the same list and intention, whatever it was called; a look may become the real thing. */
export function digestOf({ kind, mode, rows }: NewImport): Buffer {
  const hash = createHash('sha256').update(JSON.stringify([kind, mode]));
  for (const { handle, reason, options } of rows) hash.update(JSON.stringify([handle, reason, options]));
  return hash.digest();
}

/** Rows of one statement: more would hold up everybody else for longer than a blink. */
const CHUNK = 2000;

/** Writes a list and every row of it. */
export async function insertImport(wanted: NewImport, digest: Buffer, tx: EntityManager): Promise<void> {
  const { id, userId, kind, mode, dryRun, fileName, facts, rows } = wanted;
  await tx.query(
    `insert into import (id, user_id, kind, mode, dry_run, state, file_name, dialect, encoding, warnings, digest)
     values ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, $10)`,
    [id, userId, kind, mode, dryRun, fileName, facts.dialect, facts.encoding, JSON.stringify(facts.warnings), digest],
  );
  for (let first = 0; first < rows.length; first += CHUNK)
    await insertRows(id, first, rows.slice(first, first + CHUNK), tx);
}

async function insertRows(id: string, first: number, rows: readonly ListRow[], tx: EntityManager): Promise<void> {
  await tx.query(
    `insert into import_row (import_id, position, line, handle, username, host, options, state, reason)
     select $1, $2 + ordinality, line, handle, username, host, options,
       case when reason is null then 'pending' when reason in ('self', 'duplicate') then 'skipped' else 'failed' end, reason
     from unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[])
       with ordinality as r (line, handle, username, host, options, reason, ordinality)`,
    [
      id,
      first,
      rows.map(({ line }) => line),
      rows.map(({ handle }) => handle),
      rows.map(({ username }) => username),
      rows.map(({ host }) => host),
      rows.map(({ options }) => JSON.stringify(options)),
      rows.map(({ reason }) => reason),
    ],
  );
}
