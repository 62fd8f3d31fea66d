import type { ShortReads } from '../database/short-reads.js';
import type { Principal, SignedInUser } from './principal.js';

/** What one access token stands for, dead or alive. */
export interface FoundToken {
  principal: Principal;
  /** Expired, revoked, or its person is gone. */
  isDead: boolean;
  /** It was the disabling of the account that revoked it, and the account still is disabled (contract.md §0.4). */
  diedOfDisabling: boolean;
}

interface TokenRow extends SignedInUser {
  sessionId: number;
  applicationId: number;
  scope: string;
  isDead: boolean;
  diedOfDisabling: boolean | null;
  id: string;
}

/** The token, its session and its person in one prepared statement: what every bearer request costs. */
export async function findByAccessToken(reads: ShortReads, hash: Buffer): Promise<FoundToken | null> {
  const [row] = await reads.query<TokenRow>({
    name: 'find_by_access_token',
    text: `
      select s.id as "sessionId", s.application_id as "applicationId", t.scope,
        s.revoked_at is not null or coalesce(t.expires_at <= now(), false) or (s.user_id is not null and u.id is null) as "isDead",
        s.revoked_at >= u.disabled_at as "diedOfDisabling",
        u.id, u.username, u.display_name as "displayName", u.note, u.locale, u.role, u.created_at as "createdAt",
        u.disabled_at as "disabledAt", u.deletion_due_at as "deletionDueAt", u.approval_pending as "approvalPending",
        u.confirmation_pending as "confirmationPending", u.password_reset_required as "passwordResetRequired"
      from access_token t
        join session s on s.id = t.session_id
        left join "user" u on u.id = s.user_id
      where t.hash = $1`,
    values: [hash],
  });
  if (!row) return null;
  const { sessionId, applicationId, scope, isDead, diedOfDisabling, ...user } = row;
  const principal = { sessionId, applicationId, scopes: scope.split(' '), user: user.id === null ? null : user };
  return { principal, isDead, diedOfDisabling: diedOfDisabling === true };
}
