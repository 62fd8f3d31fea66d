import type { EntityManager } from 'typeorm';
import { type Change, type Hindrance, relate } from '../relationships/graph.js';
import type { Import } from '../imports/import.entity.js';
import type { RowState } from '../imports/import-row.entity.js';

/** A row that waits, as far as it is needed to decide it. */
export interface WaitingRow {
  position: number;
  username: string;
  /** Null for an account here. */
  host: string | null;
  options: object;
}

/** What a row has come to. */
export interface Decision {
  position: number;
  state: RowState;
  reason: string | null;
  accountId: string | null;
}

/** For how long what a host said of an account is taken without asking again. */
const KNOWN_FOR = `interval '7 days'`;

/**
 * Decides rows whose accounts are here, or known already, in the caller's transaction: the graph, what changed in it, and
 * the rows, all or nothing. Rows whose account has to be looked up elsewhere are left alone. Doing it again changes nothing.
 */
export async function applyRows(row: Import, waiting: readonly WaitingRow[], tx: EntityManager): Promise<void> {
  const accounts = await findAccounts(waiting, tx);
  const found = waiting.flatMap((one) => {
    const targetId = accounts.get(nameOf(one));
    return targetId === undefined ? [] : [{ ...one, targetId }];
  });
  const missing = waiting.filter((one) => one.host === null && !accounts.has(nameOf(one)));
  const decisions = row.dryRun ? await foresee(row, found, tx) : await apply(row, found, tx);
  await decide(row.id, [...decisions, ...missing.map(notFound)], tx);
}

/** Writes what rows have come to; only for rows that still wait. */
export async function decide(importId: string, decisions: readonly Decision[], tx: EntityManager): Promise<void> {
  if (decisions.length === 0) return;
  const positions = decisions.map(({ position }) => position);
  await tx.query(
    `update import_row r set state = d.state, reason = d.reason, account_id = d.account_id, updated_at = now(), retry_at = null
     from unnest($2::int[], $3::text[], $4::text[], $5::uuid[]) as d (position, state, reason, account_id)
     where r.import_id = $1 and r.position = d.position and r.state in ('pending', 'planned')
       and r.position between $6 and $7`,
    [
      importId,
      positions,
      decisions.map(({ state }) => state),
      decisions.map(({ reason }) => reason),
      decisions.map(({ accountId }) => accountId),
      // Without bounds, the planner would go through all rows of the import.
      Math.min(...positions),
      Math.max(...positions),
    ],
  );
}

type Found = WaitingRow & { targetId: string };

async function apply(row: Import, found: readonly Found[], tx: EntityManager): Promise<Decision[]> {
  const { outcomes, changes } = await relate(row.kind, row.userId, found.map(wishOf), row.id, tx);
  const byTarget = new Map(found.map((one) => [one.targetId, one.position]));
  await keepChanges(
    row.id,
    changes,
    (change) => (change.wasRemoved ? null : (byTarget.get(change.targetId) ?? null)),
    tx,
  );
  return outcomes.map(({ targetId, result, reason }) => decision(byTarget, targetId, result, reason));
}

/** What would happen: it is done, and taken back before anybody sees it, so that both ways are decided by the same rules. */
async function foresee(row: Import, found: readonly Found[], tx: EntityManager): Promise<Decision[]> {
  await tx.query('savepoint foresight');
  const { outcomes, changes } = await relate(row.kind, row.userId, found.map(wishOf), row.id, tx);
  await tx.query('rollback to savepoint foresight');
  const byTarget = new Map(found.map((one) => [one.targetId, one.position]));
  const changed = new Set(changes.filter(({ wasRemoved }) => !wasRemoved).map(({ targetId }) => targetId));
  return outcomes.map(({ targetId, result, reason }) =>
    decision(
      byTarget,
      targetId,
      result === 'failed' ? 'failed' : changed.has(targetId) ? 'planned' : 'unchanged',
      reason,
    ),
  );
}

/** Remembers what was changed, so that it can be taken back; the first memory of a relation stands. */
export async function keepChanges(
  importId: string,
  changes: readonly Change[],
  positionOf: (change: Change) => number | null,
  tx: EntityManager,
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `insert into import_change (import_id, source_id, kind, target_id, before, was_removed, position)
     select $1, * from unnest($2::uuid[], $3::text[], $4::uuid[], $5::jsonb[], $6::boolean[], $7::int[])
     on conflict do nothing`,
    [
      importId,
      changes.map(({ sourceId }) => sourceId),
      changes.map(({ kind }) => kind),
      changes.map(({ targetId }) => targetId),
      changes.map(({ before }) => (before === null ? null : JSON.stringify(before))),
      changes.map(({ wasRemoved }) => wasRemoved),
      changes.map(positionOf),
    ],
  );
}

/** Accounts by `user` or `user@host`: people here who can be seen, and accounts elsewhere that were looked up lately. */
async function findAccounts(waiting: readonly WaitingRow[], tx: EntityManager): Promise<Map<string, string>> {
  const elsewhere = waiting.filter(({ host }) => host !== null);
  const rows: { id: string; name: string }[] = await tx.query(
    `select id, username as name from "user"
     where username = any($1) and deletion_due_at is null and not confirmation_pending and not approval_pending
     union all
     select a.id, a.username || '@' || a.host from remote_account a
       join unnest($2::text[], $3::text[]) as w (host, username) on a.host = w.host and a.username = w.username
     where a.resolved_at > now() - ${KNOWN_FOR}`,
    [
      waiting.flatMap(({ host, username }) => (host === null ? [username] : [])),
      elsewhere.map(({ host }) => host),
      elsewhere.map(({ username }) => username),
    ],
  );
  return new Map(rows.map(({ id, name }) => [name, id]));
}

function nameOf({ username, host }: WaitingRow): string {
  return host === null ? username : `${username}@${host}`;
}

function wishOf({ targetId, options }: Found) {
  return { targetId, ...options };
}

function decision(
  byTarget: ReadonlyMap<string, number>,
  accountId: string,
  state: RowState,
  reason: Hindrance | null,
): Decision {
  return { position: byTarget.get(accountId) ?? 0, state, reason, accountId };
}

function notFound({ position }: WaitingRow): Decision {
  return { position, state: 'failed', reason: 'not_found', accountId: null };
}
