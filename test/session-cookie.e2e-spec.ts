import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, exportJWK, importJWK, jwtVerify, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SigningKeysService } from '../src/browsers/signing-keys.service.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  approve,
  cookiesOf,
  createUser,
  oauthQuery,
  obtainTokens,
  postLogin,
  redirectOf,
  registerClient,
  type SignedIn,
  signIn,
  type TestClient,
} from './support/flows.js';

let test: TestApp;
let client: TestClient;
let other: TestClient;
let alice: string;
let bob: string;
let browser: SignedIn;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  other = await registerClient(test);
  alice = await createUser(test, 'alice');
  bob = await createUser(test, 'bob');
});
afterAll(() => test.close());
beforeEach(async () => {
  browser = await signIn(test, client, 'alice');
});

/** What the consent route answers to a cookie: where it leads, or the refusal. */
async function consentBy(cookie: string, { code } = browser): Promise<string> {
  const { client_id, redirect_uri } = client;
  const answer = await test.http
    .post('/api/auth/redirect')
    .set('Cookie', cookie)
    .type('form')
    .send({ client_id, redirect_uri, code });
  if (answer.status !== 302) return `${answer.status} ${answer.body.error}`;
  return redirectOf(answer).sent['error_description'] ?? `code ${redirectOf(answer).sent['code'] === code}`;
}

const value = ({ cookie }: SignedIn) => cookie.replace(/^jwt=/, '');
const SIGNED_OUT = 'Please sign in again';

describe('the jwt cookie (contract.md §0.9, §3.3.3)', () => {
  it('is a signed session for one client, checked with the published key', async () => {
    const { body } = await test.http.get('/.well-known/jwks.json');
    const header = decodeProtectedHeader(value(browser));
    const key = body.keys.find(({ kid }: { kid: string }) => kid === header.kid);
    expect(header).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: expect.any(String) });
    expect(key).toEqual({
      kty: 'OKP',
      crv: 'Ed25519',
      use: 'sig',
      alg: 'EdDSA',
      kid: header.kid,
      x: expect.any(String),
    });
    const { payload } = await jwtVerify(value(browser), await importJWK(key, 'EdDSA'));
    const [row] = await test.dataSource.query(
      'select id from browser_session where user_id = $1 order by created_at desc limit 1',
      [alice],
    );
    const { iat = 0 } = payload;
    expect(payload).toEqual({
      iss: PUB,
      sub: alice,
      aud: client.client_id,
      sid: row.id,
      typ: 'session',
      iat,
      nbf: iat,
      exp: expect.any(Number),
    });
    expect((payload.exp ?? 0) - iat).toBeGreaterThanOrEqual(3598);
    expect((payload.exp ?? 0) - iat).toBeLessThanOrEqual(3600);
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(5);
  });

  it('is HttpOnly, Lax, on every path, without a domain, short, and Secure where we are https (R38)', async () => {
    const line = cookiesOf(await postLogin(test, oauthQuery(client)))[0] ?? '';
    expect(line).toMatch(/^jwt=[\w.-]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(line.length).toBeLessThan(4096);
    const https = await startApp((config) => (config.publicUrl = 'https://id.example'), test.database);
    const secure = await postLogin(https, oauthQuery(client));
    expect(cookiesOf(secure)).toEqual([
      expect.stringMatching(/^jwt=[\w.-]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ]);
    const out = await https.http.post('/api/auth/logout');
    expect(cookiesOf(out)[0]).toContain('; Secure');
    await https.close();
  });

  it('is new at every sign-in: a planted one is never adopted, nor ended (R37)', async () => {
    const planted = await signIn(test, client, 'bob');
    for (const cookie of [planted.cookie, 'jwt=planted', 'jwt=']) {
      const answer = await postLogin(test, oauthQuery(client)).set('Cookie', cookie);
      const { sid, sub } = decodeJwt(cookiesOf(answer)[0]?.slice(4).split(';')[0] ?? '');
      expect(sub).toBe(alice);
      expect(sid).not.toBe(decodeJwt(value(planted))['sid']);
    }
    expect(await consentBy(planted.cookie)).toBe(SIGNED_OUT);
    expect(await approve(test, client, planted)).toBe(planted.code);
  });

  it('works on every replica', async () => {
    const replica = await startApp(() => {}, test.database);
    expect(await approve(replica, client, browser)).toBe(browser.code);
    await replica.close();
  });

  it('outlives the rotation of its key, until the key is two hours old news (D16)', async () => {
    const kid = await test.app.get(SigningKeysService).rotate();
    const { body } = await test.http.get('/.well-known/jwks');
    expect(body.keys.map((key: { kid: string }) => key.kid)).toEqual([kid, decodeProtectedHeader(value(browser)).kid]);
    const next = await signIn(test, client, 'alice');
    expect(decodeProtectedHeader(value(next)).kid).toBe(kid);
    expect(await consentBy(browser.cookie)).toBe('code true');
    await test.dataSource.query(
      `update signing_key set retired_at = now() - interval '3 hours' where retired_at is not null`,
    );
    const later = await startApp(() => {}, test.database);
    const answer = await later.http.post('/api/auth/continue').set('Cookie', browser.cookie).query(oauthQuery(client));
    expect(redirectOf(answer).sent['error']).toBe('login_required');
    expect((await later.http.get('/.well-known/jwks.json')).body.keys).toHaveLength(1);
    await later.close();
  });
});

describe('a forged jwt cookie (security.md R39)', () => {
  /** Signed by our own key, with claims or header changed; undefined ones are left out. */
  async function sign(
    claims: Record<string, unknown>,
    header: Record<string, unknown> = {},
    key?: CryptoKey,
  ): Promise<string> {
    const ours = await test.app.get(SigningKeysService).current();
    const all = Object.entries({ ...decodeJwt(value(browser)), ...claims }).filter(([, claim]) => claim !== undefined);
    const jwt = new SignJWT(Object.fromEntries(all)).setProtectedHeader({
      alg: 'EdDSA',
      typ: 'JWT',
      kid: ours.kid,
      ...header,
    });
    return jwt.sign(key ?? ours.privateKey);
  }
  const now = () => Math.floor(Date.now() / 1000);

  it('is told from one that we signed ourselves', async () => {
    expect(await consentBy(`jwt=${await sign({})}`)).toBe('code true');
  });

  it.each<[string, () => Record<string, unknown>]>([
    ['is expired', () => ({ exp: now() - 1 })],
    ['starts in the future', () => ({ nbf: now() + 60 })],
    ['has another issuer', () => ({ iss: 'https://evil.example' })],
    ['has the issuer with a slash', () => ({ iss: `${PUB}/` })],
    ['is for another client', () => ({ aud: other.client_id })],
    ['is for several clients', () => ({ aud: [client.client_id, other.client_id] })],
    ['is for another person', () => ({ sub: bob })],
    ['is for nobody', () => ({ sub: '' })],
    ['names an unknown session', () => ({ sid: randomUUID() })],
    ['names no session', () => ({ sid: `' or true --` })],
    ['names a session by a number', () => ({ sid: 1 })],
    ['is another kind of token', () => ({ typ: 'id_token' })],
    ...['iss', 'sub', 'aud', 'sid', 'typ', 'iat', 'nbf', 'exp'].map(
      (claim): [string, () => Record<string, unknown>] => [`has no ${claim}`, () => ({ [claim]: undefined })],
    ),
    ['expires by a word', () => ({ exp: 'never' })],
  ])('is worthless when it %s, even well signed', async (_, claims) => {
    expect(await consentBy(`jwt=${await sign(claims())}`)).toBe(SIGNED_OUT);
    expect(await consentBy(browser.cookie)).toBe('code true');
  });

  const attacker = generateKeyPairSync('ed25519');
  const attackerKey = () =>
    crypto.subtle.importKey('pkcs8', attacker.privateKey.export({ format: 'der', type: 'pkcs8' }), 'Ed25519', false, [
      'sign',
    ]);
  it.each<[string, () => Promise<Record<string, unknown>>]>([
    ['under our kid', async () => ({})],
    ['with the key in the header', async () => ({ jwk: await exportJWK(attacker.publicKey), kid: undefined })],
    ['with the key in the header, under our kid', async () => ({ jwk: await exportJWK(attacker.publicKey) })],
    ['with a jku', async () => ({ jku: 'http://127.0.0.1:9/jwks.json', kid: 'theirs' })],
    ['with an x5u', async () => ({ x5u: 'http://127.0.0.1:9/cert.pem' })],
    ['without kid', async () => ({ kid: undefined })],
    ['with a path as kid', async () => ({ kid: '../../../../dev/null' })],
    ['with SQL as kid', async () => ({ kid: `' union select 'x' --` })],
    ['with U+0000 as kid', async () => ({ kid: '\0' })],
    ['with __proto__ as kid', async () => ({ kid: '__proto__' })],
    ['with a list as kid', async () => ({ kid: ['a'] })],
    ['with a number as kid', async () => ({ kid: 1 })],
  ])('is worthless when another key signed it %s', async (_, header) => {
    expect(await consentBy(`jwt=${await sign({}, await header(), await attackerKey())}`)).toBe(SIGNED_OUT);
  });

  it('is worthless without a signature, with another algorithm, or with our public key as a secret', async () => {
    const [head = '', body = '', signature = ''] = value(browser).split('.');
    const { kid } = decodeProtectedHeader(value(browser));
    const { keys } = (await test.http.get('/.well-known/jwks.json')).body;
    const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const hs256 = (secret: string | Buffer) => {
      const unsigned = `${encode({ alg: 'HS256', typ: 'JWT', kid })}.${body}`;
      return `${unsigned}.${createHmac('sha256', secret).update(unsigned).digest('base64url')}`;
    };
    const forged = [
      new UnsecuredJWT(decodeJwt(value(browser))).encode(),
      ...['none', 'None', 'ES256', 'RS256', 'Ed448'].map(
        (alg) => `${encode({ alg, typ: 'JWT', kid })}.${body}.${signature}`,
      ),
      ...['none', 'nOnE'].map((alg) => `${encode({ alg, typ: 'JWT', kid })}.${body}.`),
      hs256(keys[0].x),
      hs256(Buffer.from(keys[0].x, 'base64url')),
      hs256(JSON.stringify(keys[0])),
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${encode({ ...decodeJwt(value(browser)), sub: bob })}.${signature}`,
      `${head}.${body}.${signature.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`,
      `${encode({ alg: 'EdDSA', typ: 'JWT', kid, crit: ['x'], x: 1 })}.${body}.${signature}`,
      'a.b.c',
      '..',
      '{}',
      'A'.repeat(8000),
      `${encode({})}.${encode({})}.`,
    ];
    for (const forgery of forged) expect(await consentBy(`jwt=${forgery}`), forgery).toBe(SIGNED_OUT);
    expect(await consentBy(browser.cookie)).toBe('code true');
  });
});

describe('the two worlds of credentials (security.md R40)', () => {
  it('do not take each other’s', async () => {
    const { access_token, refresh_token } = await obtainTokens(test, client, 'alice');
    for (const token of [access_token, refresh_token]) expect(await consentBy(`jwt=${token}`)).toBe(SIGNED_OUT);
    const asBearer = await test.http.get('/api/oauth_tokens').auth(value(browser), { type: 'bearer' });
    expect(asBearer.status).toBe(401);
    const asCookie = await test.http.get('/api/oauth_tokens').set('Cookie', browser.cookie);
    expect(asCookie.status).toBe(401);
    expect(asCookie.body).toEqual({ error: 'The access token is invalid' });
  });
});

describe('the end of a session (security.md R41)', () => {
  const sql = (statement: string) => () => test.dataSource.query(statement, [alice]);
  it.each<[string, () => Promise<unknown>]>([
    ['a logout', async () => test.http.post('/api/auth/logout').set('Cookie', browser.cookie)],
    [
      'the end of all sessions',
      async () => {
        const { access_token } = await obtainTokens(test, client, 'alice');
        await test.http.delete('/api/oauth_tokens').auth(access_token, { type: 'bearer' });
      },
    ],
    ['the account being disabled', sql(`update "user" set disabled_at = now() where id = $1`)],
    ['the account waiting for deletion', sql(`update "user" set deletion_due_at = now() where id = $1`)],
    ['a demand for a new password', sql(`update "user" set password_reset_required = true where id = $1`)],
    ['its hour', sql(`update browser_session set expires_at = now() where user_id = $1`)],
  ])('is %s: the cookie is worthless from then on', async (_, end) => {
    await end();
    expect(await consentBy(browser.cookie)).toBe(SIGNED_OUT);
    await test.dataSource.query(
      `update "user" set disabled_at = null, deletion_due_at = null, password_reset_required = false`,
    );
  });
});
