import { sha256 } from '../common/secrets.js';

/** RFC 7636 §4.1, §4.2: verifier and challenge are 43 to 128 unreserved characters. */
const UNRESERVED = /^[A-Za-z0-9._~-]{43,128}$/;

/**
 * What is wrong with the PKCE parameters of an authorization request, or null. S256 only, mandatory for public clients,
 * never ignored once sent (RFC 7636 §4.4.1, RFC 9700 §2.1.1).
 */
export function pkceProblem(
  challenge: string | undefined,
  method: string | undefined,
  isPublic: boolean,
): string | null {
  if (challenge === undefined) {
    if (method !== undefined) return 'code_challenge_method is given without code_challenge';
    return isPublic ? 'code_challenge is required for a public client' : null;
  }
  if (!UNRESERVED.test(challenge)) return 'code_challenge must be 43 to 128 unreserved characters';
  return method === 'S256' ? null : 'code_challenge_method must be S256';
}

/**
 * The challenge that a verifier answers, as it must stand with the code; null when no verifier was sent, which answers
 * no challenge only. A malformed verifier answers nothing (RFC 7636 §4.6).
 */
export function challengeOf(verifier: string | undefined): string | null {
  if (verifier === undefined) return null;
  return UNRESERVED.test(verifier) ? sha256(verifier).toString('base64url') : '';
}
