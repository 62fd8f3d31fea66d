import type { Pool } from 'pg';
import type { ClientInfo } from '../common/client-info.js';
import { LIVE, type MintedCode, type NewCode, PENDING } from '../oauth/authorization-codes.service.js';

/** How long a signed-in browser stays so (contract.md §3.3.3). */
const SESSION_LIFETIME = `interval '1 hour'`;

/**
 * Signs a browser in: its session, the code that waits for consent and the journal's entry, in one statement and one
 * commit. Tells when the session ends, by the database's clock; null when the proof of identity counts no more, because
 * the account's password was changed, or everything revoked, since it was checked (`epoch`).
 */
export async function openSignIn(
  pool: Pool,
  wanted: NewCode & { epoch: number; ssoSessionId: string | null },
  minted: MintedCode,
  client: ClientInfo,
): Promise<Date | null> {
  const { rows } = await pool.query<{ expiresAt: Date }>({
    name: 'open_sign_in',
    text: `
      with person as (
        select id from "user" where id = $2 and credential_epoch = $14 for share
      ), browser as (
        insert into browser_session (id, user_id, expires_at, sso_session_id)
        select $1, id, now() + ${SESSION_LIFETIME}, $15 from person returning expires_at
      ), code as (
        insert into authorization_code (browser_session_id, user_id, application_id, redirect_uri, scope, state, code_challenge,
          hash, sealed_code, approved_at, expires_at)
        select $1, id, $3, $4, $5, $6, $7, $8, $9, case when $10 then now() end, now() + case when $10 then ${LIVE} else ${PENDING} end
        from person
      ), journal as (
        insert into audit_event (type, user_id, application_id, ip, user_agent, request_id)
        select 'login.succeeded', id, $3, $11, $12, $13 from person
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
      wanted.epoch,
      wanted.ssoSessionId,
    ],
  });
  return rows[0]?.expiresAt ?? null;
}
