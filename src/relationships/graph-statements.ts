import { userIsVisible } from '../users/account-state.js';
import type { Wish } from './graph.js';
import type { RelationshipKind } from './relationship.entity.js';

/**
 * The present relation of each kind, where it still holds: a mute that is over is none. Lateral and limited, so that each
 * is looked up by its whole key: as a plain join, the planner goes through all relations of the person for every one
 * wanted, as long as its statistics do not know of the thousands that an import has just made (a hundred times slower).
 */
const PRESENT = (kind: RelationshipKind) =>
  `left join lateral (
        select * from relationship r where r.source_id = $1 and r.kind = '${kind}' and r.target_id = w.target_id
          and (r.expires_at is null or r.expires_at > now()) limit 1
      ) f on true`;

const BEFORE = 'case when f.source_id is not null then to_jsonb(f) end as before';

/** By kind, the statement that makes relations of one person to many accounts and tells what became of each. */
export const RELATE: Record<RelationshipKind, string> = {
  follow: `
    with wanted as (
      select w.target_id, w.reblogs, w.notify,
        case when w.languages is not null then nullif(array(select jsonb_array_elements_text(w.languages)), '{}') end as languages
      from unnest($2::uuid[], $4::boolean[], $5::boolean[], $6::jsonb[]) as w (target_id, reblogs, notify, languages)
    ), judged as (
      select w.*, ${BEFORE}, f.state as before_state,
        case
          when exists (select from relationship b where b.source_id = $1 and b.kind = 'block' and b.target_id = w.target_id) then 'you_block_them'
          when exists (select from relationship b where b.source_id = w.target_id and b.kind = 'block' and b.target_id = $1) then 'they_block_you'
          when u.id is not null and not ${userIsVisible('u')} then 'account_disabled'
        end as reason,
        case when f.state = 'accepted' then 'accepted' when u.id is null or u.locked then 'requested' else 'accepted' end as state,
        f.source_id is null or (f.reblogs, f.notify, f.languages) is distinct from (w.reblogs, w.notify, w.languages) as differs
      from wanted w left join lateral (select * from "user" p where p.id = w.target_id limit 1) u on true ${PRESENT('follow')}
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

/** The parameters of `RELATE`; what a wish leaves open is as Mastodon has it. */
export function parametersOf(
  kind: RelationshipKind,
  sourceId: string,
  wishes: readonly Wish[],
  revision: string,
): unknown[] {
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
