import type { SsoProviderConfig } from '../config/sso-config.js';
import { type Claims, idTokenProblem } from '../providers/claims.js';
import { isSameIssuer } from '../providers/provider.js';
import { Mistake } from './mistake.js';

/** What a provider might say of somebody, as an operator wrote it down. */
export interface ClaimsInput {
  /** What was left out of it is as it would be at a sign-in now. */
  idToken: Claims & { iss: string; sub: string; aud: string | string[]; iat: number };
  userinfo: Claims;
}

/**
 * Reads a JSON object: claims of the ID token, or `{"id_token": {…}, "userinfo": {…}}`.
 * @throws Mistake
 */
export function readClaimsInput(text: string, { issuer, client_id: clientId }: SsoProviderConfig): ClaimsInput {
  const input = parse(text);
  const hasBoth = input['id_token'] !== undefined || input['userinfo'] !== undefined;
  const claims = hasBoth ? input['id_token'] : input;
  const userinfo = (hasBoth ? input['userinfo'] : undefined) ?? {};
  if (!isClaims(claims)) {
    throw new Mistake('id_token must be an object with the claims of an ID token, not the token itself');
  }
  if (!isClaims(userinfo)) throw new Mistake('userinfo must be an object with claims');
  const { iss = issuer, sub, aud = clientId, iat = Math.floor(Date.now() / 1000) } = claims;
  if (sub === undefined) throw new Mistake('There is no sub: it says who somebody is, and every ID token has one');
  if (typeof sub !== 'string') throw new Mistake('sub must be a text');
  if (typeof iss !== 'string') throw new Mistake('iss must be a text');
  if (typeof aud !== 'string' && !isTexts(aud)) throw new Mistake('aud must be a text or a list of texts');
  if (typeof iat !== 'number') throw new Mistake('iat must be a number of seconds');
  return { idToken: { ...claims, iss, sub, aud, iat }, userinfo };
}

/** Why such an ID token or userinfo would not be trusted, or null. */
export function distrust({ idToken, userinfo }: ClaimsInput, provider: SsoProviderConfig): string | null {
  if (!isSameIssuer(idToken.iss, provider.issuer)) return `the ID token is of another issuer, ${idToken.iss}`;
  const problem = idTokenProblem(idToken, provider.client_id);
  if (problem !== null) return problem;
  const isOfAnother = userinfo['sub'] !== undefined && userinfo['sub'] !== idToken.sub;
  return isOfAnother ? 'userinfo has another sub than the ID token' : null;
}

function parse(text: string): Claims {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new Mistake(
      text.trim() === ''
        ? 'Standard input is empty: give it a JSON object with claims'
        : 'Standard input is not JSON: give it an object with claims, such as {"sub": "1234", "groups": ["members"]}',
    );
  }
  if (!isClaims(input)) throw new Mistake('Standard input must be a JSON object with claims');
  return input;
}

function isClaims(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
