import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  createUser,
  INVALID_GRANT,
  outcomeOf,
  journalOf,
  obtainCode,
  obtainTokens,
  pkcePair,
  redemption,
  registerClient,
  requestToken,
  sendAs,
  signIn,
  statusOf,
  type TestClient,
} from './support/flows.js';

const SECRET = /^[A-Za-z0-9_-]{43}$/;

describe('POST /oauth/token with grant_type=authorization_code', () => {
  let test: TestApp;
  let client: TestClient;
  let alice: string;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
    client = await registerClient(test);
    alice = await createUser(test, 'alice');
  });
  afterAll(() => test.close());

  const redeem = (code: string, more: Record<string, unknown> = {}, by = client) =>
    requestToken(test, by, { ...redemption(client, code), ...more });
  const ofNewest = (change: string) =>
    test.dataSource.query(
      `update authorization_code set ${change} where created_at = (select max(created_at) from authorization_code)`,
    );

  it.each(BODY_FORMS)('answers a person’s tokens to a %s body', async (form) => {
    const code = await obtainCode(test, client, 'alice', { scope: 'read write:follows' });
    const { client_id, client_secret } = client;
    const answer = await sendAs(test.http.post('/oauth/token'), form, {
      ...redemption(client, code),
      client_id,
      client_secret,
      scope: 'push',
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toStrictEqual({
      id: expect.any(Number),
      access_token: expect.stringMatching(SECRET),
      token_type: 'Bearer',
      scope: 'read write:follows',
      created_at: expect.any(Number),
      expires_in: 7_776_000,
      refresh_token: expect.stringMatching(SECRET),
      me: `${PUB}/users/alice`,
    });
    expect(Math.abs(answer.body.created_at - Date.now() / 1000)).toBeLessThan(5);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'access-control-allow-origin': '*',
    });
    expect((await journalOf(test, client)).slice(-3)).toStrictEqual([
      'login.succeeded',
      'consent.approved',
      'token.issued',
    ]);
    const account = await test.http
      .get('/api/v1/accounts/verify_credentials')
      .auth(answer.body.access_token, { type: 'bearer' });
    expect(account.body).toMatchObject({ id: alice, acct: 'alice', url: answer.body.me });
  });

  it('leaves admin scopes out of the token of everyone but staff', async () => {
    const admin = await registerClient(test, { scopes: 'read admin' });
    await createUser(test, 'boss', { role: 'admin' });
    expect((await obtainTokens(test, admin, 'alice', 'read admin:read')).scope).toBe('read');
    expect((await obtainTokens(test, admin, 'boss', 'read admin:read')).scope).toBe('read admin:read');
  });

  it('takes the verifier of the challenge', async () => {
    const { verifier, challenge } = pkcePair();
    const query = { code_challenge: challenge, code_challenge_method: 'S256' };
    const open = await registerClient(test, { token_endpoint_auth_method: 'none' });
    for (const each of [client, open]) {
      const code = await obtainCode(test, each, 'alice', query);
      expect((await requestToken(test, each, { ...redemption(each, code), code_verifier: verifier })).status).toBe(200);
    }
  });

  it('refuses every other verifier', async () => {
    const { verifier, challenge } = pkcePair();
    const query = { code_challenge: challenge, code_challenge_method: 'S256' };
    const code = await obtainCode(test, client, 'alice', query);
    const malformed = ['', 'short', 'a'.repeat(42), 'a'.repeat(129), `${verifier.slice(1)}+`, `${verifier} `];
    for (const code_verifier of [undefined, ...malformed, challenge, pkcePair().verifier]) {
      expect(await outcomeOf(redeem(code, { code_verifier }))).toStrictEqual(INVALID_GRANT);
      await ofNewest('failed_attempts = 0');
    }
    expect((await redeem(code, { code_verifier: verifier })).status).toBe(200);
  });

  it('refuses a verifier that nothing asked for', async () => {
    const code = await obtainCode(test, client, 'alice');
    expect(await outcomeOf(redeem(code, { code_verifier: pkcePair().verifier }))).toStrictEqual(INVALID_GRANT);
    expect(await outcomeOf(redeem(code, { code_verifier: '' }))).toStrictEqual(INVALID_GRANT);
    expect((await redeem(code)).status).toBe(200);
  });

  it('refuses every redirect URI but the one of the request, byte for byte', async () => {
    const registered = 'https://app.example/cb?from=gatehouse';
    const second = 'https://app.example/second';
    const both = await registerClient(test, { redirect_uris: [registered, second] });
    const code = await obtainCode(test, { ...both, redirect_uri: registered }, 'alice');
    const variants = [
      [second, '', `${registered}&a=1`, 'https://app.example/cb', `${registered}#`, `${registered}/`],
      ['https://APP.example/cb?from=gatehouse', 'HTTPS://app.example/cb?from=gatehouse', `${registered}%20`],
      ['https://app.example:443/cb?from=gatehouse', 'https://app.example./cb?from=gatehouse', registered.slice(0, -1)],
      ['https://app.example/x/../cb?from=gatehouse', 'https://app.example/%2e/cb?from=gatehouse', ` ${registered}`],
      ['https://app.example\\cb?from=gatehouse', 'https://u@app.example/cb?from=gatehouse', `${registered} `],
      ['https://аpp.example/cb?from=gatehouse', 'https://app。example/cb?from=gatehouse', encodeURI(`${registered}%`)],
      [
        encodeURIComponent(registered),
        'https://app.example/%63b?from=gatehouse',
        'https://app.example/CB?from=gatehouse',
      ],
    ].flat();
    for (const redirect_uri of variants) {
      expect(await outcomeOf(requestToken(test, both, { ...redemption(both, code), redirect_uri }))).toStrictEqual(
        INVALID_GRANT,
      );
      await ofNewest('failed_attempts = 0');
    }
    const answer = await requestToken(test, both, { ...redemption(both, code), redirect_uri: registered });
    expect(answer.status).toBe(200);
  });

  it.each(['code', 'redirect_uri'])('needs %s', async (name) => {
    const answer = await redeem('x', { [name]: undefined });
    expect(answer.status).toBe(400);
    expect(answer.body).toStrictEqual({ error: 'invalid_request', error_description: `Missing field: ${name}.` });
  });

  it('refuses what is no code', async () => {
    const { access_token, refresh_token } = await obtainTokens(test, client, 'alice');
    const { cookie } = await signIn(test, client, 'alice');
    const kinds = [access_token, refresh_token, client.client_id, client.client_secret, cookie.split('=')[1]];
    for (const code of ['', 'x', 'a'.repeat(43), "' or 1=1", ...kinds, await clientToken(test, client)]) {
      expect(await outcomeOf(redeem(code ?? ''))).toStrictEqual(INVALID_GRANT);
    }
    expect(await statusOf(test, access_token)).toBe(200);
    expect(await statusOf(test, await obtainCode(test, client, 'alice'))).toBe(401);
  });

  it.each(ACCOUNT_BLOCKS)('refuses the code of an account with %s', async (change) => {
    const code = await obtainCode(test, client, 'alice');
    await changeUser(test, alice, change);
    expect(await outcomeOf(redeem(code))).toStrictEqual(INVALID_GRANT);
    await changeUser(test, alice, UNBLOCKED);
    expect((await redeem(code)).status).toBe(200);
  });
});
