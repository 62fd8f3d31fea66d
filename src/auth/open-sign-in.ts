import type { Pool } from 'pg';
import type { ClientInfo } from '../common/client-info.js';
import { LIVE, type MintedCode, type NewCode, PENDING } from '../oauth/authorization-codes.service.js';

/** How long a signed-in browser stays so (contract.md §3.3.3). */
const SESSION_LIFETIME = `interval '1 hour'`;

/**
 * Signs a browser in: its session, the code that waits for consent and the journal's entry, in one statement and one
 * commit. Tells when the session ends, by the database's clock.
 */
export async function openSignIn(pool: Pool, wanted: NewCode, minted: MintedCode, client: ClientInfo): Promise<Date> {
  const { rows } = await pool.query<{ expiresAt: Date }>({
    name: 'open_sign_in',
    text: `
      with browser as (
        insert into browser_session (id, user_id, expires_at) values ($1, $2, now() + ${SESSION_LIFETIME}) returning expires_at
      ), code as (
        insert into authorization_code (browser_session_id, user_id, application_id, redirect_uri, scope, state, code_challenge,
          hash, sealed_code, approved_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, case when $10 then now() end, now() + case when $10 then ${LIVE} else ${PENDING} end)
      ), journal as (
        insert into audit_event (type, user_id, application_id, ip, user_agent, request_id)
        values ('login.succeeded', $2, $3, $11, $12, $13)
      )
      select expires_at as "expiresAt" from browser`,
    values: [
      wanted.browserSessionId,
      wanted.userId,
      wanted.applicationId,
      wanted.redirectUri,
      wanted.scope,
      wanted.state,
      wanted.codeChallenge,
      minted.hash,
      minted.sealedCode,
      minted.isLive,
      client.ip,
      client.userAgent,
      client.requestId,
    ],
  });
  const [row] = rows;
  if (!row) throw new Error('A browser session was written and is not there');
  return row.expiresAt;
}
