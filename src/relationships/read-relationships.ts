import type { EntityManager } from 'typeorm';
import { IS_VISIBLE, WHO } from './known-accounts.js';

/** How a person stands to another account, both ways (Mastodon's Relationship). */
export interface Standing {
  id: string;
  following: boolean;
  requested: boolean;
  /** Of a follow, waiting or not. */
  reblogs: boolean;
  notify: boolean;
  languages: string[] | null;
  followedBy: boolean;
  requestedBy: boolean;
  blocking: boolean;
  blockedBy: boolean;
  muting: boolean;
  mutingNotifications: boolean;
}

/**
 * How a person stands to each of these accounts, in their order and in one statement; those that cannot be seen are left
 * out. A mute that is over is none.
 */
export function readRelationships(
  personId: string,
  accountIds: readonly string[],
  db: Pick<EntityManager, 'query'>,
): Promise<Standing[]> {
  return db.query(
    `select n.id, coalesce(f.state = 'accepted', false) as following, coalesce(f.state = 'requested', false) as requested,
       coalesce(f.reblogs, false) as reblogs, coalesce(f.notify, false) as notify, f.languages,
       coalesce(fb.state = 'accepted', false) as "followedBy", coalesce(fb.state = 'requested', false) as "requestedBy",
       b.source_id is not null as blocking, bb.source_id is not null as "blockedBy",
       m.source_id is not null as muting, coalesce(m.notifications, false) as "mutingNotifications"
     from unnest($2::uuid[]) with ordinality as n (id, position) ${WHO('n.id')}
       left join relationship f on f.source_id = $1 and f.kind = 'follow' and f.target_id = n.id
       left join relationship fb on fb.source_id = n.id and fb.kind = 'follow' and fb.target_id = $1
       left join relationship b on b.source_id = $1 and b.kind = 'block' and b.target_id = n.id
       left join relationship bb on bb.source_id = n.id and bb.kind = 'block' and bb.target_id = $1
       left join relationship m on m.source_id = $1 and m.kind = 'mute' and m.target_id = n.id
         and (m.expires_at is null or m.expires_at > now())
     where ${IS_VISIBLE} order by n.position`,
    [personId, accountIds],
  );
}
