import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  createUser,
  INVALID_GRANT,
  journalOf,
  obtainCode,
  obtainTokens,
  outcomeOf,
  pkcePair,
  redemption,
  registerClient,
  requestToken,
  sendAs,
  statusOf,
  type TestClient,
} from './support/flows.js';

const INVALID_CLIENT = {
  status: 401,
  body: { error: 'invalid_client', error_description: 'Client authentication failed' },
};
const REVOKED = { status: 200, body: {} };

let test: TestApp;
let client: TestClient;
let other: TestClient;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { scopes: 'read write push' });
  other = await registerClient(test);
  await createUser(test, 'alice');
});
afterAll(() => test.close());

const credentials = ({ client_id, client_secret }: TestClient) => ({ client_id, client_secret });
const basic = ({ client_id, client_secret }: TestClient) =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;
const refresh = (by: TestClient, refresh_token: string) =>
  requestToken(test, by, { grant_type: 'refresh_token', refresh_token });

describe('POST /oauth/revoke', () => {
  const revoke = (fields: Record<string, unknown>, by = client, at = test) =>
    at.http.post('/oauth/revoke').send({ ...credentials(by), ...fields });

  it.each(BODY_FORMS)('ends the session of an access token sent by %s, with its refresh token', async (form) => {
    for (const path of ['/oauth/revoke', '/oauth/revoke/']) {
      const tokens = await obtainTokens(test, client, 'alice');
      const fields = { ...credentials(client), token: tokens.access_token };
      const answer = await sendAs(test.http.post(path), form, fields);
      expect(answer.status).toBe(200);
      expect(answer.body).toStrictEqual({});
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      });
      expect(await statusOf(test, tokens.access_token)).toBe(401);
      expect(await outcomeOf(refresh(client, tokens.refresh_token))).toStrictEqual(INVALID_GRANT);
      expect((await journalOf(test, client)).at(-1)).toBe('session.revoked');
    }
  });

  it('ends the session of a refresh token, fresh or spent, with every access token', async () => {
    for (const pick of ['first', 'second'] as const) {
      const first = await obtainTokens(test, client, 'alice');
      const second = (await refresh(client, first.refresh_token)).body;
      expect(await outcomeOf(revoke({ token: { first, second }[pick].refresh_token }))).toStrictEqual(REVOKED);
      for (const { access_token } of [first, second]) expect(await statusOf(test, access_token)).toBe(401);
    }
  });

  it('ends an app token, and takes HTTP Basic', async () => {
    const token = await clientToken(test, client);
    const answer = await test.http.post('/oauth/revoke').set('Authorization', basic(client)).send({ token });
    expect(answer.status).toBe(200);
    expect(await statusOf(test, token)).toBe(401);
  });

  it('takes a public client by its id', async () => {
    const open = await registerClient(test, { token_endpoint_auth_method: 'none' });
    const { verifier, challenge } = pkcePair();
    const query = { code_challenge: challenge, code_challenge_method: 'S256' };
    const code = await obtainCode(test, open, 'alice', query);
    const { access_token: token } = (
      await requestToken(test, open, { ...redemption(open, code), code_verifier: verifier })
    ).body;
    const { client_id } = open;
    expect(await outcomeOf(test.http.post('/oauth/revoke').send({ client_id, token }))).toStrictEqual(REVOKED);
    expect(await statusOf(test, token)).toBe(401);
  });

  it.each(['access_token', 'refresh_token', 'junk', ''])('ignores the hint %j', async (token_type_hint) => {
    for (const kind of ['access_token', 'refresh_token'] as const) {
      const tokens = await obtainTokens(test, client, 'alice');
      expect(await outcomeOf(revoke({ token: tokens[kind], token_type_hint }))).toStrictEqual(REVOKED);
      expect(await statusOf(test, tokens.access_token)).toBe(401);
    }
  });

  it('answers the same for unknown, revoked and expired tokens', async () => {
    const { access_token: token, id } = await obtainTokens(test, client, 'alice');
    await test.dataSource.query('update access_token set expires_at = now() where session_id = $1', [id]);
    for (const value of [token, token, 'a'.repeat(43), 'x', '']) {
      expect(await outcomeOf(revoke({ token: value }))).toStrictEqual(REVOKED);
    }
  });

  it('does nothing to the tokens of another client', async () => {
    const tokens = await obtainTokens(test, client, 'alice');
    for (const token of [tokens.access_token, tokens.refresh_token])
      expect(await outcomeOf(revoke({ token }, other))).toStrictEqual(REVOKED);
    expect(await statusOf(test, tokens.access_token)).toBe(200);
    expect((await refresh(client, tokens.refresh_token)).status).toBe(200);
    expect(await journalOf(test, other)).not.toContain('session.revoked');
  });

  it('lets the holder of a token end that token by sending it as the secret', async () => {
    const [mine, bystander] = [await obtainTokens(test, client, 'alice'), await obtainTokens(test, client, 'alice')];
    const client_secret = mine.access_token;
    expect(await outcomeOf(revoke({ token: bystander.access_token, client_secret }))).toStrictEqual(INVALID_CLIENT);
    expect(await outcomeOf(revoke({ token: mine.access_token, client_secret }))).toStrictEqual(REVOKED);
    expect(await statusOf(test, mine.access_token)).toBe(401);
    expect(await statusOf(test, bystander.access_token)).toBe(200);
  });

  it('refuses wrong credentials, and the token lives', async () => {
    const { access_token: token } = await obtainTokens(test, client, 'alice');
    for (const wrong of [
      { client_secret: 'wrong' },
      { client_secret: '' },
      { client_secret: undefined },
      { client_id: 'x' },
    ]) {
      const answer = await revoke({ token, ...wrong });
      expect(answer).toMatchObject(INVALID_CLIENT);
      expect(answer.headers['www-authenticate']).toBe('Basic realm="Gatehouse"');
    }
    expect((await test.http.post('/oauth/revoke').send({ token })).status).toBe(401);
    const inUrl = await test.http.post('/oauth/revoke').query({ token }).send(credentials(client));
    expect(inUrl.status).toBe(400);
    expect(await statusOf(test, token)).toBe(200);
  });

  it.each([
    [{}, 'Missing field: token.'],
    [{ token: 5 }, 'token - Invalid string.'],
    [{ token: ['a', 'b'] }, 'token - Invalid string.'],
  ])('refuses %j', async (fields, error_description) => {
    const body = { error: 'invalid_request', error_description };
    expect(await outcomeOf(revoke(fields))).toStrictEqual({ status: 400, body });
  });

  it('holds at once on another replica, also against requests on their way', async () => {
    const replica = await startApp(() => {}, test.database);
    await replica.listen();
    const { access_token: token } = await obtainTokens(test, client, 'alice');
    expect(await statusOf(replica, token)).toBe(200);
    const uses = Array.from({ length: 8 }, (_, index) => statusOf(index % 2 === 0 ? test : replica, token));
    const [revoked, ...statuses] = await Promise.all([revoke({ token }), ...uses]);
    expect(revoked.status).toBe(200);
    for (const status of statuses) expect([200, 401]).toContain(status);
    for (const app of [test, replica]) expect(await statusOf(app, token)).toBe(401);
    await replica.close();
  });
});
