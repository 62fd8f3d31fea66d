import type { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { missingClaims, roleOf } from '../providers/claim-rules.js';
import type { VouchedPerson } from '../providers/claims.js';
import { admitsStrangers } from '../providers/provider.js';
import type { Role } from '../users/user.entity.js';

/** What a provider's rules make of somebody's claims, before anybody is looked up. */
export interface Verdict {
  /** The claims that let people in and are missing; none when they get in. */
  missing: readonly string[];
  /** What the claims make of them among the staff. */
  role: Exclude<Role, 'user'> | null;
  /** Whether what the provider asked for counts as a second factor here. */
  withSecondFactor: boolean;
  /** Whether they may get an account when they have none. */
  mayRegister: boolean;
  /** Whether at once, without choosing a name. */
  registersItself: boolean;
  /** The name that they would like: folded, and not checked for anything. */
  wantedName: string | null;
}

/** Judges by the configured rules alone; the sign-in and its simulator do the same by it (contract.md §3.7). */
export function judge(config: Config, provider: SsoProviderConfig, person: VouchedPerson): Verdict {
  const { acr, amr, claims } = person;
  const mayRegister = admitsStrangers(config, provider);
  const missing = missingClaims(claims, provider.allow);
  return {
    missing,
    // Whom the provider does not let in, it makes nobody among the staff.
    role: missing.length > 0 ? null : roleOf(provider, claims),
    withSecondFactor:
      (acr !== null && provider.mfa_acr.includes(acr)) || amr.some((method) => provider.mfa_amr.includes(method)),
    mayRegister,
    registersItself: mayRegister && provider.auto_register,
    wantedName: wantedName(person),
  };
}

/** `preferred_username`, else what stands before the `@` of a verified address. */
function wantedName({ preferredUsername, email }: VouchedPerson): string | null {
  const name = preferredUsername ?? email?.split('@', 1)[0] ?? null;
  return name?.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) ?? null;
}
