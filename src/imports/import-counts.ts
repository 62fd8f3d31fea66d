import type { EntityManager } from 'typeorm';
import type { RowState } from './import-row.entity.js';

/** How many rows there are in each state; `rows` is all of them (contract.md §7.5). */
export type ImportCounts = Record<RowState | 'rows', number>;

/** Before anything is counted. */
export const NO_ROWS: ImportCounts = {
  rows: 0,
  pending: 0,
  planned: 0,
  applied: 0,
  requested: 0,
  unchanged: 0,
  skipped: 0,
  failed: 0,
  removed: 0,
  undone: 0,
  cancelled: 0,
};

/** Counts the rows of imports as they are now: nothing is kept beside them that could disagree. */
export async function countRows(importIds: readonly string[], tx: EntityManager): Promise<Map<string, ImportCounts>> {
  const rows: { importId: string; state: RowState; count: number }[] = await tx.query(
    `select import_id as "importId", state, count(*)::int as count from import_row where import_id = any($1) group by 1, 2`,
    [importIds],
  );
  const counts = new Map(importIds.map((id) => [id, { ...NO_ROWS }]));
  for (const { importId, state, count } of rows) {
    const own = counts.get(importId);
    if (!own) continue;
    own[state] = count;
    own.rows += count;
  }
  return counts;
}
