import pg from 'pg';
import type { ShortReads } from '../database/short-reads.js';

/** One live session as its owner sees it. Moments are in UTC with microseconds and no zone, as PostgreSQL prints them. */
export interface ListedSession {
  id: number;
  appName: string;
  appWebsite: string | null;
  scope: string;
  createdAt: string;
  lastUsedAt: string | null;
  ip: string | null;
  userAgent: string | null;
  /** When its access token ends, or its refresh token where only that lives; `infinity` is never. */
  validUntil: string;
  isCurrent: boolean;
}

/** The newest so many are listed, besides the calling one: more a person does not read, and one account may have thousands. */
const MOST = 40;

/** The type id of `timestamp without time zone`. */
const TIMESTAMP: number = pg.types.builtins.TIMESTAMP;

/** Moments stay text: reading and printing dozens of them again would cost more than the rest of the list. */
const AS_TEXT: pg.CustomTypesConfig = {
  getTypeParser: (type: number) => (type === TIMESTAMP ? String : pg.types.getTypeParser(type)),
};

/**
 * A person's live sessions in one prepared statement: the calling one first, then by last use. The newest are taken down
 * the index `(user_id, id)`, so that an account with ten thousand of them costs no more than the list.
 */
export function listSessions(reads: ShortReads, userId: string, currentId: number): Promise<ListedSession[]> {
  return reads.query<ListedSession>({
    name: 'list_sessions',
    text: `
      select s.id, a.name as "appName", a.website as "appWebsite", s.scope, s.created_at at time zone 'utc' as "createdAt",
        s.last_used_at at time zone 'utc' as "lastUsedAt", s.ip, s.user_agent as "userAgent",
        case when s.access_expires_at > now() then s.access_expires_at else s.refresh_expires_at end at time zone 'utc' as "validUntil",
        s.id = $2 as "isCurrent"
      from (
        select * from session where id = $2 and user_id = $1 and revoked_at is null
        union all
        (select * from session where user_id = $1 and revoked_at is null and id <> $2
           and (access_expires_at > now() or refresh_expires_at > now()) order by id desc limit ${MOST})
      ) s join application a on a.id = s.application_id
      order by s.id = $2 desc, s.last_used_at desc nulls last, s.id desc`,
    values: [userId, currentId],
    types: AS_TEXT,
  });
}
