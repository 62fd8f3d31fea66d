import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { CLIENT_ID, CLIENT_SECRET } from './issuer-server.js';

/** What stands in a token; a value that is undefined is left out. */
export type Claims = Record<string, unknown>;

const STRANGER = 'another-client';
const ELSEWHERE = 'https://accounts.example.com';
const HOUR = 3600;
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';

const now = () => Math.floor(Date.now() / 1000);

/** What may be wrong with the claims of an ID token (OpenID Connect Core 1.0 §3.1.3.7). */
const WRONG_CLAIMS = {
  'wrong iss': () => ({ iss: ELSEWHERE }),
  'wrong aud': () => ({ aud: STRANGER }),
  'strangers in aud': () => ({ aud: [CLIENT_ID, STRANGER] }),
  'strangers in aud, azp ours': () => ({ aud: [CLIENT_ID, STRANGER], azp: CLIENT_ID }),
  'strangers in aud, azp theirs': () => ({ aud: [CLIENT_ID, STRANGER], azp: STRANGER }),
  'wrong azp': () => ({ azp: STRANGER }),
  expired: () => ({ iat: now() - 2 * HOUR, exp: now() - HOUR }),
  'no exp': () => ({ exp: undefined }),
  'future iat': () => ({ iat: now() + 24 * HOUR, exp: now() + 25 * HOUR }),
  'no iat': () => ({ iat: undefined }),
  'no nonce': () => ({ nonce: undefined }),
  'wrong nonce': () => ({ nonce: 'another-nonce' }),
  'nonce array': ({ nonce }) => ({ nonce: [nonce] }),
  'no sub': () => ({ sub: undefined }),
  'null sub': () => ({ sub: null }),
  'empty sub': () => ({ sub: '' }),
  'numeric sub': () => ({ sub: 5 }),
  'sub "null"': () => ({ sub: 'null' }),
} satisfies Record<string, (claims: Claims) => Claims>;

/**
 * What may be wrong with the signature of any token; `fresh kid` names another key that does not exist each time, and
 * `no kid` is wrong only while two keys are published (OpenID Connect Core 1.0 §10.1).
 */
export const SIGNATURE_FAULTS = [
  'alg none',
  'HS256 with the secret',
  'bad signature',
  'unknown kid',
  'fresh kid',
  'no kid',
] as const;
export type SignatureFault = (typeof SIGNATURE_FAULTS)[number];

/** What may be wrong with the claims of a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6). */
const WRONG_LOGOUT_CLAIMS = {
  'wrong iss': () => ({ iss: ELSEWHERE }),
  'wrong aud': () => ({ aud: STRANGER }),
  'has a nonce': () => ({ nonce: 'a-nonce' }),
  'no events': () => ({ events: undefined }),
  'wrong events': () => ({ events: { 'http://schemas.openid.net/event/another': {} } }),
  'events a string': () => ({ events: LOGOUT_EVENT }),
  'no sub, no sid': () => ({ sub: undefined, sid: undefined }),
  'no jti': () => ({ jti: undefined }),
  expired: () => ({ iat: now() - 300, exp: now() - 180 }),
  'no exp': () => ({ exp: undefined }),
  'old iat': () => ({ iat: now() - 24 * HOUR }),
  'future iat': () => ({ iat: now() + 24 * HOUR, exp: now() + 25 * HOUR }),
  'no iat': () => ({ iat: undefined }),
} satisfies Record<string, () => Claims>;

export type IdTokenFault = keyof typeof WRONG_CLAIMS | SignatureFault;
export type LogoutTokenFault = keyof typeof WRONG_LOGOUT_CLAIMS | SignatureFault;
export const ID_TOKEN_FAULTS = [...Object.keys(WRONG_CLAIMS), ...SIGNATURE_FAULTS] as IdTokenFault[];
export const LOGOUT_TOKEN_FAULTS = [...Object.keys(WRONG_LOGOUT_CLAIMS), ...SIGNATURE_FAULTS] as LogoutTokenFault[];

/** What stands in an ID token with these claims. */
export function idTokenClaims(claims: Claims, fault?: IdTokenFault): Claims {
  const right = { aud: CLIENT_ID, iat: now(), exp: now() + 300, ...claims };
  return { ...right, ...pick(WRONG_CLAIMS, fault)?.(right) };
}

/** What stands in a logout token about these. */
export function logoutTokenClaims(claims: Claims, fault?: LogoutTokenFault): Claims {
  const more = { iat: now(), exp: now() + 120, jti: randomUUID(), events: { [LOGOUT_EVENT]: {} } };
  return { aud: CLIENT_ID, ...more, ...claims, ...pick(WRONG_LOGOUT_CLAIMS, fault)?.() };
}

function pick<Item>(from: Record<string, Item>, name?: string): Item | undefined {
  return name === undefined ? undefined : from[name];
}

interface SigningKey {
  kid: string;
  private: CryptoKey;
  public: JWK;
}

/** The keys of a provider: it signs with the newest, and publishes what was not removed. */
export class SigningKeys {
  private readonly published = new Map<string, JWK>();

  private constructor(private key: SigningKey) {
    this.published.set(key.kid, key.public);
  }

  static async make(): Promise<SigningKeys> {
    return new SigningKeys(await makeKey());
  }

  /** Of the key that signs. */
  get kid(): string {
    return this.key.kid;
  }

  /** What `jwks_uri` answers. */
  get set(): { keys: JWK[] } {
    return { keys: [...this.published.values()] };
  }

  async rotate(): Promise<string> {
    this.key = await makeKey();
    this.published.set(this.kid, this.key.public);
    return this.kid;
  }

  /** From now on it is not published; if it is the newest, it signs all the same. */
  remove(kid: string): void {
    this.published.delete(kid);
  }

  async sign(claims: Claims, typ: 'JWT' | 'logout+jwt', fault?: IdTokenFault | LogoutTokenFault): Promise<string> {
    const jwt = new SignJWT(claims);
    const header = { alg: 'ES256', kid: this.kid, typ };
    switch (fault) {
      case 'alg none':
        return new UnsecuredJWT(claims).encode();
      case 'HS256 with the secret':
        return jwt.setProtectedHeader({ ...header, alg: 'HS256' }).sign(new TextEncoder().encode(CLIENT_SECRET));
      case 'bad signature':
        return jwt.setProtectedHeader(header).sign((await makeKey()).private);
      case 'unknown kid':
        return jwt.setProtectedHeader({ ...header, kid: 'a-key-of-nobody' }).sign(this.key.private);
      case 'fresh kid':
        return jwt.setProtectedHeader({ ...header, kid: randomUUID() }).sign(this.key.private);
      case 'no kid':
        return jwt.setProtectedHeader({ alg: 'ES256', typ }).sign(this.key.private);
      default:
        return jwt.setProtectedHeader(header).sign(this.key.private);
    }
  }
}

async function makeKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const kid = randomUUID();
  return { kid, private: privateKey, public: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}
