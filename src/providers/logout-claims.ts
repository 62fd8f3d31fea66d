import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { isSubject } from './claims.js';
import type { ProviderKeys } from './provider-keys.js';
import { ProviderTrouble } from './provider-trouble.js';

/** Whose sessions at a provider have ended: of a subject, of one session there, or both. */
export interface LogoutRequest {
  issuer: string;
  subject: string | null;
  providerSessionId: string | null;
  /** `iat` by the provider's clock, in Unix seconds: what began later is not meant. */
  issuedAt: number;
}

/** The one event that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4). */
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/**
 * By how many seconds a token may be from the future or the past: a clock may be wrong, and a delivery late, but one that
 * is not yet made would end sign-ins of after it, each time that it is repeated (§2.6 step 4, OpenID Connect Core §3.1.3.7).
 */
const MAX_DISTANCE = { ahead: 300, behind: 3600 };

/**
 * Reads a logout token whose signature, issuer, audience and expiry have been checked (§2.6 steps 4 to 8).
 * @throws ProviderTrouble `refused`
 */
export function readLogoutClaims(
  issuer: string,
  { sub, iat, exp, events, nonce, sid, jti }: JWTPayload,
  now = Date.now() / 1000,
): LogoutRequest {
  const refuse = (reason: string) => new ProviderTrouble('refused', `the logout token ${reason}`);
  if (iat === undefined || exp === undefined || typeof jti !== 'string') throw refuse('lacks iat, exp or jti');
  if (iat > now + MAX_DISTANCE.ahead || iat < now - MAX_DISTANCE.behind) throw refuse('is not of now');
  const event =
    typeof events === 'object' && events !== null ? Object.entries(events).find(([name]) => name === EVENT) : undefined;
  if (typeof event?.[1] !== 'object' || event[1] === null) throw refuse('has no logout event');
  // An ID token must not pass for one.
  if (nonce !== undefined) throw refuse('has a nonce');
  if (sub !== undefined && !isSubject(sub)) throw refuse('names no subject');
  if (sid !== undefined && typeof sid !== 'string') throw refuse('names no session');
  if (sub === undefined && sid === undefined) throw refuse('names neither subject nor session');
  return { issuer, subject: sub ?? null, providerSessionId: sid ?? null, issuedAt: iat };
}

/** Signatures that only the provider can have made: none at all and those with our own secret are not among them. */
const SIGNATURES = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Clocks may differ by so many seconds. */
export const CLOCK_TOLERANCE = 30;

/**
 * Verifies a logout token: the signature by the provider's keys, which are looked up once more where none fits, then what
 * it says (§2.6).
 * @throws ProviderTrouble, or an error of the library
 */
export async function verifyLogoutToken(
  token: string,
  expected: { issuer: string; audience: string },
  keys: ProviderKeys,
): Promise<LogoutRequest> {
  const verify = async (set: JSONWebKeySet) => {
    const options = { ...expected, algorithms: SIGNATURES, clockTolerance: CLOCK_TOLERANCE };
    const { payload } = await jwtVerify(token, createLocalJWKSet(set), options);
    return readLogoutClaims(expected.issuer, payload);
  };
  try {
    return await verify(await keys.current());
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    return verify(await keys.lookUp());
  }
}
