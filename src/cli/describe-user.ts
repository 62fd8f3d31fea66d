import type { LinkedIdentity } from '../identities/linked-identity.entity.js';
import { needsRehash } from '../passwords/stored-hash.js';
import type { SessionSummary } from '../sessions/sum-up-sessions.js';
import type { User } from '../users/user.entity.js';

/** Everything that keeps a person from their account, in words; "active" when nothing does. */
export function describeState(user: User): string {
  if (user.erasedAt !== null) return 'erased';
  const states = [
    user.deletionDueAt !== null && `deleted, to be erased at ${user.deletionDueAt.toISOString()}`,
    user.disabledAt !== null && (user.disabledByStaff ? 'disabled by staff' : 'disabled by its owner'),
    user.confirmationPending && 'awaiting confirmation',
    user.approvalPending && 'awaiting approval',
    user.passwordResetRequired && 'password reset required',
  ];
  return states.filter((state) => state !== false).join(', ') || 'active';
}

/** One line of the list of everybody. */
export function summariseUser(user: User) {
  const { username, email, role, createdAt } = user;
  return { username, email: email ?? '', role, state: describeState(user), created: createdAt.toISOString() };
}

/** What an operator may know of one account. */
export function describeUser(
  user: User,
  { live, lastUsedAt }: SessionSummary,
  identities: readonly Pick<LinkedIdentity, 'issuer'>[],
) {
  const { username, id, email, emailVerifiedAt, displayName, role, createdAt } = user;
  return {
    username,
    id,
    email,
    email_verified: email !== null && emailVerifiedAt !== null,
    display_name: displayName,
    role,
    state: describeState(user),
    password: describePassword(user),
    providers: identities.map(({ issuer }) => issuer),
    created: createdAt.toISOString(),
    sessions: live,
    last_used: lastUsedAt?.toISOString() ?? null,
  };
}

function describePassword({ passwordHash }: User): string {
  if (passwordHash === null) return 'none';
  return needsRehash(passwordHash) ? 'as another server hashed it' : 'set';
}
