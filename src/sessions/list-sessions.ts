import type { ShortReads } from '../database/short-reads.js';

/** One live session as its owner sees it. */
export interface ListedSession {
  id: number;
  appName: string;
  appWebsite: string | null;
  scope: string;
  createdAt: Date;
  lastUsedAt: Date | null;
  ip: string | null;
  userAgent: string | null;
  /** With microseconds and no zone, as the seed prints it; null when the token never expires. */
  validUntil: string | null;
  isCurrent: boolean;
}

/** The newest so many are listed, besides the calling one: more a person does not read, and one account may have thousands. */
const MOST = 100;

/**
 * A person's live sessions in one prepared statement: the calling one first, then by last use. The newest ids are taken
 * from the index `(user_id, id)` first, so that one account with ten thousand sessions costs no more than the list; only
 * live ones count, so that expired ones crowd nothing out.
 */
export async function listSessions(reads: ShortReads, userId: string, currentId: number): Promise<ListedSession[]> {
  return reads.query<ListedSession>({
    name: 'list_sessions',
    text: `
      select s.id, a.name as "appName", a.website as "appWebsite", s.scope, s.created_at as "createdAt",
        s.last_used_at as "lastUsedAt", s.ip, s.user_agent as "userAgent",
        to_char(t.expires_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US') as "validUntil",
        s.id = $2 as "isCurrent"
      from (
        select * from session where user_id = $1 and revoked_at is null and id = $2
        union all
        (select o.* from session o
          cross join lateral (
            select from access_token where session_id = o.id and (expires_at is null or expires_at > now()) limit 1
          ) live
          where o.user_id = $1 and o.revoked_at is null and o.id <> $2 order by o.id desc limit ${MOST})
      ) s
        join application a on a.id = s.application_id
        join lateral (
          select expires_at from access_token where session_id = s.id order by expires_at desc nulls first limit 1
        ) t on t.expires_at is null or t.expires_at > now()
      order by s.id = $2 desc, s.last_used_at desc nulls last, s.id desc`,
    values: [userId, currentId],
  });
}
