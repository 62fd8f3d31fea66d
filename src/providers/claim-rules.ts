import type { ClaimRule, SsoProviderConfig } from '../config/sso-config.js';
import type { Role } from '../users/user.entity.js';
import type { Claims } from './claims.js';

/** Whether somebody fulfils a rule; of each claim named, one of the values. */
export function fulfils(claims: Claims, rule: ClaimRule): boolean {
  return missingClaims(claims, rule).length === 0;
}

/** The claims of a rule that lack every one of its values. */
export function missingClaims(claims: Claims, rule: ClaimRule): string[] {
  return Object.entries(rule)
    .filter(([name, values]) => !valuesOf(claims, name).some((value) => values.includes(value)))
    .map(([name]) => name);
}

/** The role that a provider's claims give; null gives none. */
export function roleOf({ roles }: SsoProviderConfig, claims: Claims): Exclude<Role, 'user'> | null {
  for (const role of ['admin', 'moderator'] as const) {
    if (Object.keys(roles[role]).length > 0 && fulfils(claims, roles[role])) return role;
  }
  return null;
}

/**
 * The values of a claim as texts. A name with dots that is not itself a claim leads into objects, because Keycloak says
 * `realm_access.roles`.
 */
export function valuesOf(claims: Claims, name: string): string[] {
  const value = Object.hasOwn(claims, name) ? claims[name] : descend(claims, name.split('.'));
  return [value ?? []]
    .flat()
    .filter((item) => ['string', 'number', 'boolean'].includes(typeof item))
    .map(String);
}

function descend(claims: Claims, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const part of path) {
    if (!isObject(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
