import type { EntityManager } from 'typeorm';
import { parametersOf, RELATE } from './graph-statements.js';
import type { RelationshipKind } from './relationship.entity.js';

/** What is wanted of a relation; what its kind does not know is left out. */
export interface Wish {
  targetId: string;
  /** Of a follow. */
  reblogs?: boolean;
  notify?: boolean;
  /** None is all. */
  languages?: string[] | null;
  /** Of a mute. */
  notifications?: boolean;
  /** Of a mute: seconds; absent or 0 is for ever. */
  duration?: number;
}

/** Why a relation cannot be made (contract.md §7.4). */
export type Hindrance = 'you_block_them' | 'they_block_you' | 'account_disabled';

/** What became of a wish: it holds now, waits for the target's answer, held before, or cannot be. */
export interface Outcome {
  targetId: string;
  result: 'applied' | 'requested' | 'unchanged' | 'failed';
  reason: Hindrance | null;
}

/** One relation that was made, changed or taken away, and how it was before. */
export interface Change {
  sourceId: string;
  kind: RelationshipKind;
  targetId: string;
  /** The whole row; null when there was none. */
  before: object | null;
  wasRemoved: boolean;
}

/** What a batch did. */
export interface Done {
  outcomes: Outcome[];
  changes: Change[];
}

interface Judged {
  targetId: string;
  reason: Hindrance | null;
  /** Of a follow, after the batch. */
  state: 'accepted' | 'requested';
  hasChanged: boolean;
  before: object | null;
}

/**
 * Makes relations of one kind from one person to many accounts, in one statement: thousands at a time, each at most once.
 * The rules are Mastodon's: who is blocked either way is not followed, a block ends follows both ways, a locked or remote
 * account is asked. The person's row is locked first, and those of whom they block, so that what happens to two people at
 * once is done one after the other.
 * @param revision names this change, so that an import can tell what nobody has touched since
 */
export async function relate(
  kind: RelationshipKind,
  sourceId: string,
  wishes: readonly Wish[],
  revision: string,
  tx: EntityManager,
): Promise<Done> {
  if (wishes.length === 0) return { outcomes: [], changes: [] };
  const targets = wishes.map(({ targetId }) => targetId);
  await lockPeople(kind === 'block' ? [sourceId, ...targets] : [sourceId], tx);
  const severed = kind === 'block' ? await sever(sourceId, targets, tx) : [];
  const judged: Judged[] = await tx.query(RELATE[kind], parametersOf(kind, sourceId, wishes, revision));
  const changes = judged
    .filter(({ hasChanged }) => hasChanged)
    .map(({ targetId, before }) => ({ sourceId, kind, targetId, before, wasRemoved: false }));
  return { outcomes: judged.map(outcomeOf), changes: [...severed, ...changes] };
}

/** Takes relations of one kind away; answers those that there were. A mute that is over is none. */
export async function unrelate(
  kind: RelationshipKind,
  sourceId: string,
  targetIds: readonly string[],
  tx: EntityManager,
): Promise<Change[]> {
  await lockPeople([sourceId], tx);
  const [rows] = await tx.query(
    `delete from relationship r where source_id = $1 and kind = $2 and target_id = any($3)
       and (expires_at is null or expires_at > now()) ${AS_CHANGE}`,
    [sourceId, kind, targetIds],
  );
  return rows;
}

/**
 * Lets a waiting follow through, or takes it away; false when none waits. Its revision stays: whoever asked has not touched
 * it, so that an import may still take it back.
 */
export async function answerFollow(
  targetId: string,
  sourceId: string,
  answer: 'authorize' | 'reject',
  tx: EntityManager,
): Promise<boolean> {
  // The row is of whoever asked, who may ask anew right now.
  await lockPeople([sourceId], tx);
  const waiting = `source_id = $1 and kind = 'follow' and target_id = $2 and state = 'requested' returning source_id`;
  const [answered] = await tx.query(
    answer === 'authorize'
      ? `update relationship set state = 'accepted' where ${waiting}`
      : `delete from relationship where ${waiting}`,
    [sourceId, targetId],
  );
  return answered.length > 0;
}

/**
 * Takes changes back that nobody has touched since: a relation must still carry the revision that made it, and one that
 * was taken away must still be away. A follow does not come back against a block, nor a block against the follow that its
 * owner made since; it ends that of the other again. Answers what was taken back.
 */
export async function restore(
  changes: readonly Change[],
  revision: string,
  next: string,
  tx: EntityManager,
): Promise<Pick<Change, 'sourceId' | 'kind' | 'targetId'>[]> {
  if (changes.length === 0) return [];
  const people = new Set(
    changes.flatMap(({ sourceId, targetId, kind }) => (kind === 'mute' ? [sourceId] : [sourceId, targetId])),
  );
  await lockPeople([...people], tx);
  const columns = [
    changes.map(({ sourceId }) => sourceId),
    changes.map(({ kind }) => kind),
    changes.map(({ targetId }) => targetId),
    changes.map(({ before }) => (before === null ? null : JSON.stringify(before))),
    changes.map(({ wasRemoved }) => wasRemoved),
  ];
  // First what was made, because a block that goes makes room for the follows that it ended.
  const [unmade] = await tx.query(
    `delete from relationship r using ${CHANGES} where ${SAME} and not c.was_removed and c.before is null
       and r.revision = $6 returning ${NAMED}`,
    [...columns, revision],
  );
  // Not the state: whoever is followed may have agreed since.
  const [changedBack] = await tx.query(
    `update relationship r set (reblogs, notify, languages, notifications, expires_at, revision) =
       (select b.reblogs, b.notify, b.languages, b.notifications, b.expires_at, $7::uuid
        from jsonb_populate_record(null::relationship, c.before) b)
     from ${CHANGES} where ${SAME} and not c.was_removed and c.before is not null and r.revision = $6 returning ${NAMED}`,
    [...columns, revision, next],
  );
  const broughtBack: Pick<Change, 'sourceId' | 'kind' | 'targetId'>[] = await tx.query(
    `insert into relationship as r (source_id, kind, target_id, state, reblogs, notify, languages, notifications, expires_at, created_at, revision)
     select b.source_id, b.kind, b.target_id, b.state, b.reblogs, b.notify, b.languages, b.notifications, b.expires_at, b.created_at, $6::uuid
     from ${CHANGES}, jsonb_populate_record(null::relationship, c.before) b
     where c.was_removed and not (${IN_THE_WAY})
       and not exists (select from "user" u where u.id in (c.source_id, c.target_id) and u.erased_at is not null)
     on conflict do nothing returning ${NAMED}`,
    [...columns, next],
  );
  const blocks = broughtBack.filter(({ kind }) => kind === 'block');
  await tx.query(
    `delete from relationship r using unnest($1::uuid[], $2::uuid[]) as b (source_id, target_id)
     where r.source_id = b.target_id and r.kind = 'follow' and r.target_id = b.source_id`,
    [blocks.map(({ sourceId }) => sourceId), blocks.map(({ targetId }) => targetId)],
  );
  return [...unmade, ...changedBack, ...broughtBack];
}

const NAMED = 'r.source_id as "sourceId", r.kind, r.target_id as "targetId"';
const AS_CHANGE = `returning ${NAMED}, to_jsonb(r) as before, true as "wasRemoved"`;
const SAME = 'r.source_id = c.source_id and r.kind = c.kind and r.target_id = c.target_id';
const CHANGES =
  'unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[], $5::boolean[]) as c (source_id, kind, target_id, before, was_removed)';

/** Whether there is a relation of a kind, by its key, so that thousands can be asked for. */
const STANDS = (kind: RelationshipKind, source: string, target: string) =>
  `exists (select from relationship x where x.source_id = ${source} and x.kind = '${kind}' and x.target_id = ${target})`;

/** What keeps a relation `c` from coming back. */
const IN_THE_WAY = `case c.kind
  when 'follow' then ${STANDS('block', 'c.source_id', 'c.target_id')} or ${STANDS('block', 'c.target_id', 'c.source_id')}
  when 'block' then ${STANDS('follow', 'c.source_id', 'c.target_id')} else false end`;

/** Ends follows both ways, waiting ones included. */
async function sever(sourceId: string, targetIds: readonly string[], tx: EntityManager): Promise<Change[]> {
  const [rows] = await tx.query(
    `delete from relationship r where kind = 'follow'
       and ((source_id = $1 and target_id = any($2)) or (target_id = $1 and source_id = any($2))) ${AS_CHANGE}`,
    [sourceId, targetIds],
  );
  return rows;
}

/**
 * Holds people until the transaction ends: in one order, so that two who lock the same people never wait in a circle.
 * Accounts elsewhere have no row.
 */
export async function lockPeople(ids: readonly string[], tx: EntityManager): Promise<void> {
  await tx.query('select from "user" where id = any($1) order by id for no key update', [ids]);
}

function outcomeOf({ targetId, reason, state, before }: Judged): Outcome {
  if (reason !== null) return { targetId, result: 'failed', reason };
  if (state === 'requested') return { targetId, result: 'requested', reason: null };
  const isNew = before === null || ('state' in before && before.state === 'requested');
  return { targetId, result: isNew ? 'applied' : 'unchanged', reason: null };
}
