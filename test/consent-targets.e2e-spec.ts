import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  createUser,
  pkcePair,
  redemption,
  registerClient,
  requestToken,
  type SignedIn,
  signIn,
  type TestClient,
} from './support/flows.js';

const ISS = encodeURIComponent(PUB);
const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob';

/** Registers a client for one redirect URI and approves a sign-in there. */
async function approveAt(test: TestApp, redirect_uri: string, state?: string) {
  const client = await registerClient(test, { redirect_uris: [redirect_uri] });
  client.redirect_uri = redirect_uri;
  const browser = await signIn(test, client, 'alice', { state });
  return { client, browser, answer: await approvalOf(test, client, browser) };
}

function approvalOf({ http }: TestApp, { client_id, redirect_uri }: TestClient, { cookie, code }: SignedIn) {
  return http.post('/api/auth/redirect').set('Cookie', cookie).type('form').send({ client_id, redirect_uri, code });
}

describe('POST /api/auth/redirect: where it leads (contract.md §3.5.2)', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
    await createUser(test, 'alice');
  });
  afterAll(() => test.close());

  it.each([
    ['https://app.example/cb', 'https://app.example/cb?'],
    ['https://app.example', 'https://app.example?'],
    ['https://app.example/cb?domain=host', 'https://app.example/cb?domain=host&'],
    ['https://App.Example:443/a/../cb?x=%2f+;%zz', 'https://App.Example:443/a/../cb?x=%2f+;%zz&'],
    ['http://localhost:1234', 'http://localhost:1234?'],
    ['http://[::1]:8080/cb', 'http://[::1]:8080/cb?'],
    ['myapp://cb', 'myapp://cb?'],
    ['com.example.app:/cb', 'com.example.app:/cb?'],
    ['myapp://cb?a=1', 'myapp://cb?a=1&'],
  ])('keeps %s character for character', async (uri, start) => {
    const { answer, browser } = await approveAt(test, uri, 's');
    expect(answer.status).toBe(302);
    expect(answer.headers['location']).toBe(`${start}code=${browser.code}&state=s&iss=${ISS}`);
  });

  it('shows an out-of-band code on our own page, and redeems it', async () => {
    const { answer, browser, client } = await approveAt(test, OUT_OF_BAND, 's');
    expect(answer.headers['location']).toBe(`${PUB}/oauth/code?code=${browser.code}&state=s`);
    expect((await requestToken(test, client, redemption(client, browser.code))).status).toBe(200);
  });

  it('leaves state out when none was given', async () => {
    const { answer, browser } = await approveAt(test, 'https://app.example/cb');
    expect(answer.headers['location']).toBe(`https://app.example/cb?code=${browser.code}&iss=${ISS}`);
  });

  it.each(['a&b=c#d?e;f/g%zz+h', 'a\r\nSet-Cookie: x=1', '🌊 é ı', '"><script>', 's'.repeat(2048)])(
    'gives the state %j back byte for byte, in its place (R28)',
    async (state) => {
      const { answer } = await approveAt(test, 'https://app.example/cb?a=1', state);
      const location = answer.headers['location'] ?? '';
      expect(location).toMatch(/^[\x21-\x7e]+$/);
      expect(new URL(location).searchParams.get('state')).toBe(state);
      expect([...new URL(location).searchParams.keys()]).toEqual(['a', 'code', 'state', 'iss']);
      expect(answer.headers).not.toHaveProperty('set-cookie');
    },
  );

  it('names the issuer of the metadata (RFC 9207 §2)', async () => {
    const { body } = await test.http.get('/.well-known/oauth-authorization-server');
    const { answer } = await approveAt(test, 'https://app.example/cb');
    expect(new URL(answer.headers['location'] ?? '').searchParams.get('iss')).toBe(body.issuer);
  });
});

describe('oauth.live_consent_code (contract.md §3.5.4)', () => {
  let test: TestApp;
  let client: TestClient;
  beforeAll(async () => {
    test = await startApp((config) => {
      config.oauth.live_consent_code = true;
    });
    await test.listen();
    client = await registerClient(test);
    await createUser(test, 'alice');
  });
  afterAll(() => test.close());
  const redeem = (code: string, more = {}) => requestToken(test, client, { ...redemption(client, code), ...more });

  it('makes the code of the consent URL redeemable at once, for five minutes, and once', async () => {
    const { code } = await signIn(test, client, 'alice');
    const [row] = await test.dataSource.query(
      `select extract(epoch from expires_at - now()) as left from authorization_code`,
    );
    expect(Math.round(Number(row.left) / 10)).toBe(30);
    const answer = await redeem(code);
    expect(answer.status).toBe(200);
    expect(answer.body.scope).toBe('read write');
    expect((await redeem(code)).body.error).toBe('invalid_grant');
  });

  it('lets it expire, and keeps redirect URI, client and PKCE as strict as ever', async () => {
    const { verifier, challenge } = pkcePair();
    const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };
    const { code } = await signIn(test, client, 'alice', pkce);
    const stranger = await registerClient(test);
    expect((await requestToken(test, stranger, redemption(client, code))).body.error).toBe('invalid_grant');
    expect((await redeem(code)).body.error).toBe('invalid_grant');
    expect((await redeem(code, { code_verifier: verifier, redirect_uri: 'https://app.example/cb' })).body.error).toBe(
      'invalid_grant',
    );
    await test.dataSource.query(`update authorization_code set expires_at = now() - interval '1 second'`);
    expect((await redeem(code, { code_verifier: verifier })).body.error).toBe('invalid_grant');
    const again = await signIn(test, client, 'alice', pkce);
    expect((await redeem(again.code, { code_verifier: verifier })).status).toBe(200);
  });

  it('still answers the consent form: approve and deny', async () => {
    const approved = await signIn(test, client, 'alice');
    expect((await approvalOf(test, client, approved)).headers['location']).toContain(`code=${approved.code}`);
    expect((await redeem(approved.code)).status).toBe(200);
    const denied = await signIn(test, client, 'alice');
    const { client_id, redirect_uri } = client;
    const answer = await test.http
      .post('/api/auth/redirect')
      .set('Cookie', denied.cookie)
      .send({ client_id, redirect_uri, code: denied.code, decision: 'deny' });
    expect(answer.headers['location']).toContain('error=access_denied');
    expect((await redeem(denied.code)).body.error).toBe('invalid_grant');
  });
});
