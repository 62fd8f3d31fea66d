import { type ClientInfo, widerNetworkOf } from '../common/client-info.js';
import { randomSecret, sha256 } from '../common/secrets.js';
import type { Config } from '../config/config.js';
import type { NamedStatement } from '../database/short-reads.js';
import { NEW_NETWORK_JOB } from './new-network.worker.js';

/**
 * The right to a session, as the text of a query that yields `session_id, user_id, application_id, scope, signed_in_at, sso_session_id`
 * in one row or none: a code that is spent, a registration, a client's own request. Its parameters start at `GRANT_PARAMETER`.
 */
export interface Grant {
  name: string;
  sql: string;
  values: unknown[];
}

/** The number of a grant's first parameter. */
export const GRANT_PARAMETER = 10;

/** A new id for a session, where a grant has to write it down as well. */
export const NEXT_SESSION_ID = `nextval('session_id_seq')`;

/** What a client gets for its grant (RFC 6749 §5.1). */
export interface IssuedSession {
  id: number;
  accessToken: string;
  /** Null for a client's own token. */
  refreshToken: string | null;
  scope: string;
  createdAt: Date;
  /** Seconds; 0 when the token never expires. */
  expiresIn: number;
  userId: string | null;
  username: string | null;
}

/** What the statement answers. */
export type IssuedRow = Pick<IssuedSession, 'id' | 'scope' | 'createdAt' | 'userId' | 'username'>;

/** A lifetime in seconds as a moment; 0 is never, which is null. */
export function expiryAfter(seconds: string): string {
  return `(now() + make_interval(secs => nullif(${seconds}::int, 0)))`;
}

/**
 * One data-modifying statement: the grant is spent, the session and its tokens are made, the journal is written, all or
 * nothing in one commit; two at once are decided by the grant's row lock.
 */
export function issueStatement(config: Config, grant: Grant, client: ClientInfo) {
  const [accessToken, refreshToken] = [randomSecret(), randomSecret()];
  const { access_token_idle, refresh_token_idle, refresh_token_max } = config.oauth;
  const statement: NamedStatement = {
    name: `issue_session_${grant.name}`,
    text: `
      with granted as (${grant.sql}),
      new_session as (
        insert into session (id, user_id, application_id, scope, signed_in_at, sso_session_id, ip, user_agent, last_used_at, access_expires_at, refresh_expires_at)
        select session_id, user_id, application_id, scope, signed_in_at, sso_session_id, $1, $2, now(), coalesce(${expiryAfter('$6')}, 'infinity'),
          case when user_id is null then '-infinity' else coalesce(least(${expiryAfter('$7')}, ${expiryAfter('$8')}), 'infinity') end
        from granted
        returning id, user_id, application_id, scope, created_at
      ),
      new_access as (
        insert into access_token (hash, session_id, scope, expires_at)
        select $4, id, scope, ${expiryAfter('$6')} from new_session
      ),
      new_refresh as (
        insert into refresh_token (hash, session_id, expires_at)
        select $5, id, least(${expiryAfter('$7')}, ${expiryAfter('$8')}) from new_session where user_id is not null
      ),
      journal as (
        insert into audit_event (type, user_id, application_id, ip, user_agent, request_id)
        select 'token.issued', user_id, application_id, $1, $2, $3 from new_session
      ),
      network as (
        insert into seen_network as n (user_id, network)
        select user_id, $9 from new_session where user_id is not null
        on conflict (user_id, network) do update set seen_at = now() where n.seen_at < now() - interval '1 day'
        returning xmax = 0 as is_new
      ),
      notice as (
        insert into job (kind, payload)
        select '${NEW_NETWORK_JOB}', jsonb_build_object('sessionId', s.id) from new_session s, network
        where is_new and exists (select from seen_network before where before.user_id = s.user_id)
      )
      select s.id, s.scope, s.created_at as "createdAt", s.user_id as "userId", u.username
      from new_session s left join "user" u on u.id = s.user_id`,
    values: [
      client.ip,
      client.userAgent,
      client.requestId,
      sha256(accessToken),
      sha256(refreshToken),
      access_token_idle,
      refresh_token_idle,
      refresh_token_max,
      widerNetworkOf(client.ip),
      ...grant.values,
    ],
  };
  const complete = (row: IssuedRow): IssuedSession => ({
    ...row,
    accessToken,
    refreshToken: row.userId === null ? null : refreshToken,
    expiresIn: access_token_idle,
  });
  return { statement, complete };
}
