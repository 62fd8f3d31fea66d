import { CLIENT_COLUMNS, type OAuthClient } from '../applications/client.js';
import type { ShortReads } from '../database/short-reads.js';
import { USER_IS_ACTIVE } from '../users/account-state.js';

/** The asking client, and the live token it asks for, if there is one. */
export interface Introspection extends OAuthClient {
  tokenClientId: string | null;
  tokenScope: string;
  username: string | null;
  /** Unix seconds; null when it never expires. */
  exp: number | null;
  iat: number;
}

/** Client and token in one prepared statement; null when there is no such client. */
export async function introspectToken(
  reads: ShortReads,
  clientId: string,
  tokenHash: Buffer,
): Promise<Introspection | null> {
  const [row] = await reads.query<Introspection>({
    name: 'introspect_token',
    text: `
      select ${CLIENT_COLUMNS}, t."tokenClientId", t."tokenScope", t.username, t.exp, t.iat
      from application a left join lateral (
        select i.client_id as "tokenClientId", t.scope as "tokenScope", u.username,
          floor(extract(epoch from t.expires_at))::float8 as exp, floor(extract(epoch from t.created_at))::float8 as iat
        from access_token t
          join session s on s.id = t.session_id
          join application i on i.id = s.application_id
          left join "user" u on u.id = s.user_id
        where t.hash = $2 and s.revoked_at is null and (t.expires_at is null or t.expires_at > now())
          and (s.user_id is null or ${USER_IS_ACTIVE})
      ) t on true
      where a.client_id = $1`,
    values: [clientId, tokenHash],
  });
  return row ?? null;
}
