import type { Pool } from 'pg';
import type { ClientInfo } from '../common/client-info.js';
import { randomSecret, sha256 } from '../common/secrets.js';
import type { Config } from '../config/config.js';
import { USER_IS_ACTIVE } from '../users/account-state.js';
import { expiryAfter, type IssuedRow, type IssuedSession } from './issue-session.js';

/** How long a spent refresh token, and the access token it replaces, stay good for parallel tabs (contract.md §2.5.2). */
const OVERLAP = `interval '30 seconds'`;

/** A refresh token that a client shows. */
export interface RefreshRequest {
  token: string;
  applicationId: number;
  /** Words joined by spaces; absent keeps the session's. */
  scope?: string;
}

/**
 * Turns a refresh token into a new pair of tokens under the same session, in one statement and one commit; null when
 * the token is unknown, another client's, expired, long spent, or its session or account has ended (RFC 6749 §6).
 */
export async function refreshSession(
  pool: Pool,
  config: Config,
  { token, applicationId, scope }: RefreshRequest,
  client: ClientInfo,
): Promise<IssuedSession | null> {
  const [accessToken, refreshToken] = [randomSecret(), randomSecret()];
  const { access_token_idle, refresh_token_idle, refresh_token_max } = config.oauth;
  const { rows } = await pool.query<IssuedRow>({
    name: 'refresh_session',
    text: `
      with spent as (
        update refresh_token r set used_at = coalesce(r.used_at, now())
        from session s join "user" u on u.id = s.user_id
        where r.hash = $4 and s.id = r.session_id and s.application_id = $5 and s.revoked_at is null
          and (r.expires_at is null or r.expires_at > now()) and (r.used_at is null or r.used_at > now() - ${OVERLAP})
          and ${USER_IS_ACTIVE}
        returning s.id, coalesce($6, s.scope) as scope, s.created_at, s.user_id, s.application_id, u.username,
          r.used_at = now() as is_first_use
      ),
      retired as (
        update access_token t set retired = true, expires_at = least(t.expires_at, now() + ${OVERLAP})
        from spent where t.session_id = spent.id and not t.retired and spent.is_first_use
      ),
      ends as (
        select id, ${expiryAfter('$8')} as access, least(${expiryAfter('$10')}, created_at + make_interval(secs => nullif($11::int, 0))) as refresh
        from spent
      ),
      prolonged as (
        update session s set access_expires_at = coalesce(ends.access, 'infinity'), refresh_expires_at = coalesce(ends.refresh, 'infinity')
        from ends where s.id = ends.id
      ),
      new_access as (
        insert into access_token (hash, session_id, scope, expires_at)
        select $7, spent.id, scope, ends.access from spent join ends on ends.id = spent.id
      ),
      new_refresh as (
        insert into refresh_token (hash, session_id, expires_at)
        select $9, id, refresh from ends
      ),
      journal as (
        insert into audit_event (type, user_id, application_id, ip, user_agent, request_id)
        select 'token.issued', user_id, application_id, $1, $2, $3 from spent
      )
      select id, scope, now() as "createdAt", user_id as "userId", username from spent`,
    values: [
      client.ip,
      client.userAgent,
      client.requestId,
      sha256(token),
      applicationId,
      scope ?? null,
      sha256(accessToken),
      access_token_idle,
      sha256(refreshToken),
      refresh_token_idle,
      refresh_token_max,
    ],
  });
  const [row] = rows;
  return row ? { ...row, accessToken, refreshToken, expiresIn: access_token_idle } : null;
}

/** What is known of a refresh token that was not accepted. */
export interface RefusedRefresh {
  sessionId: number;
  userId: string;
  /** The session's scope. */
  scope: string;
  /** Spent longer ago than parallel tabs explain: whoever shows it now may have stolen it. */
  isReused: boolean;
}

/** Looks up a refresh token of a client, whatever its state. */
export async function findRefreshToken(
  pool: Pool,
  token: string,
  applicationId: number,
): Promise<RefusedRefresh | null> {
  const { rows } = await pool.query<RefusedRefresh>({
    name: 'find_refresh_token',
    text: `select s.id as "sessionId", s.user_id as "userId", s.scope,
        coalesce(r.used_at <= now() - ${OVERLAP}, false) as "isReused"
      from refresh_token r join session s on s.id = r.session_id
      where r.hash = $1 and s.application_id = $2`,
    values: [sha256(token), applicationId],
  });
  return rows[0] ?? null;
}
