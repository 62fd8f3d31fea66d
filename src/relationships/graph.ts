import type { EntityManager } from 'typeorm';
import { USER_IS_ACTIVE } from '../users/account-state.js';
import type { RelationshipKind } from './relationship.entity.js';

/** What is wanted of a relation; what its kind does not know is left out. */
export interface Wish {
  targetId: string;
  /** Of a follow. */
  reblogs?: boolean;
  notify?: boolean;
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
  const judged: Judged[] = await tx.query(STATEMENTS[kind], parametersOf(kind, sourceId, wishes, revision));
  const changes = judged
    .filter(({ hasChanged }) => hasChanged)
    .map(({ targetId, before }) => ({ sourceId, kind, targetId, before, wasRemoved: false }));
  return { outcomes: judged.map(outcomeOf), changes: [...severed, ...changes] };
}

/** Takes relations of one kind away; answers those that there were. */
export async function unrelate(
  kind: RelationshipKind,
  sourceId: string,
  targetIds: readonly string[],
  tx: EntityManager,
): Promise<Change[]> {
  await lockPeople([sourceId], tx);
  const [rows] = await tx.query(
    `delete from relationship r where source_id = $1 and kind = $2 and target_id = any($3) ${AS_CHANGE}`,
    [sourceId, kind, targetIds],
  );
  return rows;
}

/**
 * Takes changes back that nobody has touched since: a relation must still carry the revision that made it, and one that
 * was taken away must still be away. Answers those that were taken back.
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
  const [changedBack] = await tx.query(
    `update relationship r set (state, reblogs, notify, languages, notifications, expires_at, revision) =
       (select b.state, b.reblogs, b.notify, b.languages, b.notifications, b.expires_at, $7::uuid
        from jsonb_populate_record(null::relationship, c.before) b)
     from ${CHANGES} where ${SAME} and not c.was_removed and c.before is not null and r.revision = $6 returning ${NAMED}`,
    [...columns, revision, next],
  );
  const broughtBack = await tx.query(
    `insert into relationship as r (source_id, kind, target_id, state, reblogs, notify, languages, notifications, expires_at, created_at, revision)
     select b.source_id, b.kind, b.target_id, b.state, b.reblogs, b.notify, b.languages, b.notifications, b.expires_at, b.created_at, $6::uuid
     from ${CHANGES}, jsonb_populate_record(null::relationship, c.before) b
     where c.was_removed and not (c.kind = 'follow' and exists (select from relationship x where x.kind = 'block'
       and ((x.source_id = c.source_id and x.target_id = c.target_id) or (x.source_id = c.target_id and x.target_id = c.source_id))))
     on conflict do nothing returning ${NAMED}`,
    [...columns, next],
  );
  return [...unmade, ...changedBack, ...broughtBack];
}

const NAMED = 'r.source_id as "sourceId", r.kind, r.target_id as "targetId"';
const AS_CHANGE = `returning ${NAMED}, to_jsonb(r) as before, true as "wasRemoved"`;
const SAME = 'r.source_id = c.source_id and r.kind = c.kind and r.target_id = c.target_id';
const CHANGES =
  'unnest($1::uuid[], $2::text[], $3::uuid[], $4::jsonb[], $5::boolean[]) as c (source_id, kind, target_id, before, was_removed)';

/** Ends follows both ways, waiting ones included. */
async function sever(sourceId: string, targetIds: readonly string[], tx: EntityManager): Promise<Change[]> {
  const [rows] = await tx.query(
    `delete from relationship r where kind = 'follow'
       and ((source_id = $1 and target_id = any($2)) or (target_id = $1 and source_id = any($2))) ${AS_CHANGE}`,
    [sourceId, targetIds],
  );
  return rows;
}

/** In one order, so that two who lock the same people never wait in a circle; accounts elsewhere have no row. */
async function lockPeople(ids: readonly string[], tx: EntityManager): Promise<void> {
  await tx.query('select from "user" where id = any($1) order by id for no key update', [ids]);
}

/** The present relation of each kind, where it still holds. */
const PRESENT = (kind: RelationshipKind) =>
  `left join relationship f on f.source_id = $1 and f.kind = '${kind}' and f.target_id = w.target_id`;

const BEFORE = 'case when f.source_id is not null then to_jsonb(f) end as before';

const STATEMENTS: Record<RelationshipKind, string> = {
  follow: `
    with wanted as (
      select w.target_id, w.reblogs, w.notify,
        case when w.languages is not null then array(select jsonb_array_elements_text(w.languages)) end as languages
      from unnest($2::uuid[], $4::boolean[], $5::boolean[], $6::jsonb[]) as w (target_id, reblogs, notify, languages)
    ), judged as (
      select w.*, ${BEFORE}, f.state as before_state,
        case
          when exists (select from relationship b where b.source_id = $1 and b.kind = 'block' and b.target_id = w.target_id) then 'you_block_them'
          when exists (select from relationship b where b.source_id = w.target_id and b.kind = 'block' and b.target_id = $1) then 'they_block_you'
          when u.id is not null and not ${USER_IS_ACTIVE} then 'account_disabled'
        end as reason,
        case when f.state = 'accepted' then 'accepted' when u.id is null or u.locked then 'requested' else 'accepted' end as state,
        f.source_id is null or (f.reblogs, f.notify, f.languages) is distinct from (w.reblogs, w.notify, w.languages) as differs
      from wanted w left join "user" u on u.id = w.target_id ${PRESENT('follow')}
    ), written as (
      insert into relationship (source_id, kind, target_id, state, reblogs, notify, languages, revision)
      select $1, 'follow', target_id, state, reblogs, notify, languages, $3 from judged
      where reason is null and (differs or before_state <> state)
      on conflict (source_id, kind, target_id) do update set state = excluded.state, reblogs = excluded.reblogs,
        notify = excluded.notify, languages = excluded.languages, revision = excluded.revision
    )
    select target_id as "targetId", reason, state, before, reason is null and (differs or before_state <> state) as "hasChanged" from judged`,
  block: `
    with judged as (
      select w.target_id, ${BEFORE} from unnest($2::uuid[]) as w (target_id) ${PRESENT('block')}
    ), written as (
      insert into relationship (source_id, kind, target_id, revision)
      select $1, 'block', target_id, $3 from judged where before is null on conflict do nothing
    )
    select target_id as "targetId", null as reason, 'accepted' as state, before, before is null as "hasChanged" from judged`,
  mute: `
    with wanted as (
      select w.target_id, w.notifications, now() + make_interval(secs => nullif(w.duration, 0)) as expires_at
      from unnest($2::uuid[], $4::boolean[], $5::int[]) as w (target_id, notifications, duration)
    ), judged as (
      select w.*, ${BEFORE},
        f.source_id is null or (f.notifications, f.expires_at) is distinct from (w.notifications, w.expires_at) as differs
      from wanted w ${PRESENT('mute')}
    ), written as (
      insert into relationship (source_id, kind, target_id, notifications, expires_at, revision)
      select $1, 'mute', target_id, notifications, expires_at, $3 from judged where differs
      on conflict (source_id, kind, target_id) do update set notifications = excluded.notifications,
        expires_at = excluded.expires_at, revision = excluded.revision
    )
    select target_id as "targetId", null as reason, 'accepted' as state, before, differs as "hasChanged" from judged`,
};

function parametersOf(kind: RelationshipKind, sourceId: string, wishes: readonly Wish[], revision: string): unknown[] {
  const common = [sourceId, wishes.map(({ targetId }) => targetId), revision];
  switch (kind) {
    case 'follow':
      return [
        ...common,
        wishes.map(({ reblogs = true }) => reblogs),
        wishes.map(({ notify = false }) => notify),
        wishes.map(({ languages = null }) => (languages === null ? null : JSON.stringify(languages))),
      ];
    case 'mute':
      return [
        ...common,
        wishes.map(({ notifications = true }) => notifications),
        wishes.map(({ duration = 0 }) => duration),
      ];
    default:
      return common;
  }
}

function outcomeOf({ targetId, reason, state, before }: Judged): Outcome {
  if (reason !== null) return { targetId, result: 'failed', reason };
  if (state === 'requested') return { targetId, result: 'requested', reason: null };
  const isNew = before === null || ('state' in before && before.state === 'requested');
  return { targetId, result: isNew ? 'applied' : 'unchanged', reason: null };
}
