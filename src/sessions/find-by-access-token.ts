import type { ShortReads } from '../database/short-reads.js';
import { OWN_COLUMNS, type OwnAccount } from '../users/own-account.js';
import type { Principal, SignedInUser } from './principal.js';

/** What one access token stands for, dead or alive. */
export interface FoundToken {
  principal: Principal;
  /** Expired, revoked, or its person is gone. */
  isDead: boolean;
  /** It was the disabling of the account that revoked it, and the account still is disabled (contract.md §0.4). */
  diedOfDisabling: boolean;
}

interface TokenRow extends Omit<SignedInUser, 'own'> {
  sessionId: number;
  applicationId: number;
  scope: string;
  isDead: boolean;
  diedOfDisabling: boolean | null;
  id: string;
}

const statement = (columns: string) => `
      select s.id as "sessionId", s.application_id as "applicationId", t.scope,
        s.revoked_at is not null or coalesce(t.expires_at <= now(), false) or (s.user_id is not null and u.id is null) as "isDead",
        s.revoked_at >= u.disabled_at as "diedOfDisabling",
        u.id, u.username, u.display_name as "displayName", u.note, u.locale, u.role, u.created_at as "createdAt",
        u.disabled_at as "disabledAt", u.deletion_due_at as "deletionDueAt", u.approval_pending as "approvalPending",
        u.confirmation_pending as "confirmationPending", u.password_reset_required as "passwordResetRequired"${columns}
      from access_token t
        join session s on s.id = t.session_id
        left join "user" u on u.id = s.user_id
      where t.hash = $1`;

const PLAIN = statement('');

const WITH_OWN = statement(`, ${OWN_COLUMNS}`);

/** The token, its session and its person in one prepared statement: what every bearer request costs. */
export async function findByAccessToken(reads: ShortReads, hash: Buffer): Promise<FoundToken | null> {
  const [row] = await reads.query<TokenRow>({ name: 'find_by_access_token', text: PLAIN, values: [hash] });
  return row ? foundToken(row, null) : null;
}

/** The same and, still in one statement, what only the person's own account tells, for the routes that tell it. */
export async function findWithOwnAccount(reads: ShortReads, hash: Buffer): Promise<FoundToken | null> {
  const [row] = await reads.query<TokenRow & OwnAccount>({
    name: 'find_with_own_account',
    text: WITH_OWN,
    values: [hash],
  });
  if (!row) return null;
  const { locked, bot, discoverable, settingsStore, hasFollows, ...rest } = row;
  return foundToken(rest, { locked, bot, discoverable, settingsStore, hasFollows });
}

function foundToken(row: TokenRow, own: OwnAccount | null): FoundToken {
  const { sessionId, applicationId, scope, isDead, diedOfDisabling, ...user } = row;
  const person = user.id === null ? null : { ...user, own };
  const principal = { sessionId, applicationId, scopes: scope.split(' '), user: person };
  return { principal, isDead, diedOfDisabling: diedOfDisabling === true };
}
