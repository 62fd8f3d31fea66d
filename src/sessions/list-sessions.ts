import pg from 'pg';
import { cutPage, type Page } from '../common/paging.js';
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

const COLUMNS = `s.id, a.name as "appName", a.website as "appWebsite", s.scope, s.created_at at time zone 'utc' as "createdAt",
        s.last_used_at at time zone 'utc' as "lastUsedAt", s.ip, s.user_agent as "userAgent",
        case when s.access_expires_at > now() then s.access_expires_at else s.refresh_expires_at end at time zone 'utc' as "validUntil"`;

const IS_ALIVE = 'revoked_at is null and (access_expires_at > now() or refresh_expires_at > now())';

/**
 * A person's live sessions in one prepared statement: the calling one first, then by last use. The newest ids are read
 * from the index `(user_id, id)` alone and each row by its key; `offset 0` keeps the planner from looking for the rows by
 * person instead, which takes an average account for granted and reads all ten thousand of a very heavy one. The purge
 * takes ended sessions out of that index.
 */
export function listSessions(reads: ShortReads, userId: string, currentId: number): Promise<ListedSession[]> {
  return reads.query<ListedSession>({
    name: 'list_sessions',
    text: `
      select ${COLUMNS}, s.id = $2 as "isCurrent"
      from (
        select $2::bigint as id
        union
        (select id from session where user_id = $1 and revoked_at is null order by id desc limit ${MOST})
      ) newest
        cross join lateral (
          select * from session where id = newest.id and user_id = $1 and ${IS_ALIVE} offset 0
        ) s
        join application a on a.id = s.application_id
      order by s.id = $2 desc, s.last_used_at desc nulls last, s.id desc`,
    values: [userId, currentId],
    types: AS_TEXT,
  });
}

/**
 * All of a person's live sessions in pages, newest first, for who wants them without a caller; `below` is the `next` of the
 * page before. Pairs of values that the planner cannot see make it walk down the index of the person's sessions.
 */
export async function pageOfSessions(
  pool: pg.Pool,
  userId: string,
  limit: number,
  below: number = Number.MAX_SAFE_INTEGER,
): Promise<Page<ListedSession>> {
  const { rows } = await pool.query<ListedSession>({
    name: 'page_of_sessions',
    text: `
      select ${COLUMNS}, false as "isCurrent"
      from session s join application a on a.id = s.application_id
      where (s.user_id, s.id) >= ((select $1::uuid), 0) and (s.user_id, s.id) < ((select $1::uuid), $2::bigint) and ${IS_ALIVE}
      order by s.user_id desc, s.id desc limit $3`,
    values: [userId, below, limit + 1],
    types: AS_TEXT,
  });
  return cutPage(rows, limit);
}
