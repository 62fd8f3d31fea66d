import type { EntityManager } from 'typeorm';
import { cutPage, type Page } from '../common/paging.js';
import type { Relationship, RelationshipKind } from './relationship.entity.js';

/** One relation of a person to an account, for their own archive. */
export interface OwnRelation extends Pick<Relationship, 'reblogs' | 'notify' | 'languages' | 'notifications'> {
  /** The account's. */
  id: string;
  username: string;
  /** Null for somebody here. */
  host: string | null;
}

/**
 * A person's own relations of one kind, by id of the account from the highest; `below` is the `next` of the page before.
 * Follows that wait are among them, and accounts that nobody else can see now: only those that are deleted are not.
 */
export async function pageOfRelations(
  kind: RelationshipKind,
  personId: string,
  limit: number,
  below: string | undefined,
  db: Pick<EntityManager, 'query'>,
): Promise<Page<OwnRelation, string>> {
  const rows: OwnRelation[] = await db.query(
    `select r.target_id as id, coalesce(u.username, e.username) as username, e.host, r.reblogs, r.notify, r.languages, r.notifications
     from relationship r left join "user" u on u.id = r.target_id left join remote_account e on e.id = r.target_id
     where r.source_id = $1 and r.kind = $2 and ($3::uuid is null or r.target_id < $3)
       and (r.expires_at is null or r.expires_at > now())
       and (e.id is not null or (u.id is not null and u.deletion_due_at is null))
     order by r.target_id desc limit $4`,
    [personId, kind, below ?? null, limit + 1],
  );
  return cutPage(rows, limit);
}
