import type { EntityManager } from 'typeorm';
import { type Change, unrelate } from '../relationships/graph.js';
import { keepChanges } from './apply-rows.js';
import type { Import } from '../imports/import.entity.js';
import type { ImportJob } from '../imports/import-job.js';
import type { ImportsEndings } from './imports-endings.js';

/** Ends a list that has been gone through: takes away what it does not name, where it is to overwrite, and closes it. */
export async function finishImport(
  job: ImportJob,
  row: Import,
  endings: ImportsEndings,
  tx: EntityManager,
): Promise<void> {
  if (row.mode === 'overwrite') await removeUnnamed(row, tx);
  if (row.dryRun) {
    await tx.query(`update import set state = 'preview' where id = $1`, [row.id]);
  } else {
    await close(row, 'finished', endings, tx);
    await endings.tell(row, tx);
  }
  await job.complete(tx);
}

/** Ends a list whose owner has left. */
export async function stopImport(
  job: ImportJob,
  row: Import,
  endings: ImportsEndings,
  tx: EntityManager,
): Promise<void> {
  await tx.query(
    `update import_row set state = 'failed', reason = 'stopped', updated_at = now() where import_id = $1 and state in ('pending', 'planned')`,
    [row.id],
  );
  await close(row, 'cancelled', endings, tx);
  await job.complete(tx);
}

async function close({ id }: Import, state: string, { undoDays }: ImportsEndings, tx: EntityManager): Promise<void> {
  await tx.query(
    `update import set state = $2, finished_at = now(), undo_until = now() + make_interval(days => $3) where id = $1`,
    [id, state, undoDays],
  );
}

interface Unnamed {
  targetId: string;
  handle: string;
}

/**
 * Relations of the kind that the list does not name; a row that failed still names its account, by its handle. Each is
 * shown as a row without a line: taken away, or planned to be.
 */
async function removeUnnamed(row: Import, tx: EntityManager): Promise<void> {
  const unnamed: Unnamed[] = await tx.query(
    `select r.target_id as "targetId", coalesce(u.username, a.username || '@' || a.host) as handle
     from relationship r left join "user" u on u.id = r.target_id left join remote_account a on a.id = r.target_id
     where r.source_id = $2 and r.kind = $3
       and r.target_id not in (select account_id from import_row
         where import_id = $1 and line is not null and account_id is not null)
       and coalesce(u.username, a.username || '@' || a.host) not in (select handle from import_row
         where import_id = $1 and line is not null)
     order by r.target_id`,
    [row.id, row.userId, row.kind],
  );
  if (unnamed.length === 0) return;
  const [{ last }] = await tx.query('select max(position) as last from import_row where import_id = $1', [row.id]);
  const positions = new Map(unnamed.map(({ targetId }, index) => [targetId, last + 1 + index]));
  await tx.query(
    `insert into import_row (import_id, position, handle, options, state, account_id)
     select $1, position, handle, '{}', $2, account_id from unnest($3::int[], $4::text[], $5::uuid[]) as n (position, handle, account_id)`,
    [
      row.id,
      row.dryRun ? 'planned' : 'removed',
      [...positions.values()],
      unnamed.map(({ handle }) => handle),
      unnamed.map(({ targetId }) => targetId),
    ],
  );
  if (row.dryRun) return;
  const removed = await unrelate(row.kind, row.userId, [...positions.keys()], tx);
  await keepChanges(row.id, removed, ({ targetId }: Change) => positions.get(targetId) ?? null, tx);
}
