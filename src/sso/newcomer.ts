import type { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import type { VouchedPerson } from '../providers/claims.js';
import type { VouchedRegistration } from '../registration/registration.service.js';
import type { WaitingPerson } from '../sso-registration/sso-registration.entity.js';
import type { UsersService } from '../users/users.service.js';
import type { Verdict } from './judge.js';

/** What keeps an address from being a new account's, in the words of a registration, or null. */
export async function addressProblem(users: UsersService, email: string): Promise<string | null> {
  const [problem] = users.emailProblems(email);
  if (problem) return problem.description;
  return (await users.isAddressTaken(email)) ? 'has already been taken' : null;
}

/** What counts of the claims; an address that somebody here has is nobody's to register with (contract.md §3.7). */
export async function waitingPerson(
  users: UsersService,
  vouched: VouchedPerson,
  { role }: Verdict,
): Promise<WaitingPerson> {
  const { issuer, subject, preferredUsername, displayName, providerSessionId, issuedAt, email } = vouched;
  const isFree = email !== null && (await addressProblem(users, email)) === null;
  return {
    issuer,
    subject,
    preferredUsername,
    displayName,
    providerSessionId,
    issuedAt,
    email: isFree ? email : null,
    role,
  };
}

/** The account that somebody gets at once, without being asked. */
export function accountAtOnce(
  { registrations }: Config,
  provider: SsoProviderConfig,
  person: WaitingPerson,
  username: string,
): VouchedRegistration {
  return {
    username,
    email: person.email,
    isVerified: person.email !== null,
    displayName: person.displayName ?? '',
    // The operator lets everybody in whom the provider vouches for, but may still want to approve them.
    reason: registrations.approval ? `Vouched for by ${provider.name}` : null,
    agreement: true,
  };
}
