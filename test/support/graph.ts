import { v7 as uuidv7 } from 'uuid';
import type { EntityManager } from 'typeorm';
import type { Change, Done, Wish } from '../../src/relationships/graph.js';
import { relate, restore, unrelate } from '../../src/relationships/graph.js';
import type { RelationshipKind } from '../../src/relationships/relationship.entity.js';
import type { TestApp } from './app.js';

let batches = 0;

/** Makes people who cannot sign in, without a hash each; their ids in order. */
export async function makePeople({ dataSource }: TestApp, count: number, locked = false): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  await dataSource.query(
    `insert into "user" (id, username, locked) select id, $2 || '_' || position, $3
     from unnest($1::uuid[]) with ordinality as p (id, position)`,
    [ids, `crowd${++batches}`, locked],
  );
  return ids;
}

/** Makes accounts on another server; their ids in order. */
export async function makeRemote({ dataSource }: TestApp, count: number, host = 'far.example'): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  await dataSource.query(
    `insert into remote_account (id, username, host, uri, url, resolved_at)
     select id, $2 || '_' || position, $3, 'https://' || $3 || '/actors/' || id, 'https://' || $3 || '/@' || $2 || '_' || position, now()
     from unnest($1::uuid[]) with ordinality as p (id, position)`,
    [ids, `far${++batches}`, host],
  );
  return ids;
}

/** One batch in a transaction of its own. */
export function batch<Result>({ dataSource }: TestApp, work: (tx: EntityManager) => Promise<Result>): Promise<Result> {
  return dataSource.transaction(work);
}

/** `relate` by targets, all wanted alike. */
export function relateAll(
  test: TestApp,
  kind: RelationshipKind,
  sourceId: string,
  targets: readonly string[],
  { revision = uuidv7(), ...wish }: Omit<Wish, 'targetId'> & { revision?: string } = {},
): Promise<Done> {
  const wishes = targets.map((targetId) => ({ targetId, ...wish }));
  return batch(test, (tx) => relate(kind, sourceId, wishes, revision, tx));
}

/** `unrelate` in a transaction of its own. */
export function unrelateAll(
  test: TestApp,
  kind: RelationshipKind,
  sourceId: string,
  targets: readonly string[],
): Promise<Change[]> {
  return batch(test, (tx) => unrelate(kind, sourceId, targets, tx));
}

/** `restore` in a transaction of its own. */
export function restoreAll(test: TestApp, changes: readonly Change[], revision: string, next = uuidv7()) {
  return batch(test, (tx) => restore(changes, revision, next, tx));
}

/** Every relation with one of these accounts at either end, but for its times and revision: `a follow b accepted …`. */
export async function relationsOf({ dataSource }: TestApp, ...ids: string[]): Promise<Record<string, unknown>[]> {
  return dataSource.query(
    `select source_id as source, kind, target_id as target, state, reblogs, notify, languages, notifications,
       expires_at is not null as expires
     from relationship where source_id = any($1) or target_id = any($1) order by source_id, kind, target_id`,
    [ids],
  );
}

/** How often each result came, with its reason. */
export function tally({ outcomes }: Done): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { result, reason } of outcomes) {
    const name = reason ?? result;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
