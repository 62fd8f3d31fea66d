import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionsPurge } from '../src/sessions/sessions.purge.js';
import { startApp, type TestApp } from './support/app.js';
import {
  clientToken,
  createUser,
  obtainCode,
  obtainTokens,
  redemption,
  registerClient,
  requestToken,
  statusOf,
  type TestClient,
} from './support/flows.js';

const OWN = { grant_type: 'client_credentials' };

describe('client authentication at /oauth/token, /oauth/revoke and /oauth/introspect', () => {
  let test: TestApp;
  let client: TestClient;
  let other: TestClient;
  let publicClient: TestClient;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
    client = await registerClient(test, { scopes: 'read:accounts write follow x:y admin:read' });
    other = await registerClient(test);
    publicClient = await registerClient(test, { token_endpoint_auth_method: 'none' });
  });
  afterAll(() => test.close());

  const post = () => test.http.post('/oauth/token');
  const ids = () => ({ client_id: client.client_id, client_secret: client.client_secret });
  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const invalidRequest = (error_description: string) => ({ error: 'invalid_request', error_description });

  it('takes HTTP Basic in any case, percent-encoded, also beside the same client_id', async () => {
    const encode = (text: string) => [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');
    const { client_id, client_secret } = client;
    for (const header of [
      basic(client_id, client_secret),
      basic(client_id, client_secret).replace('Basic', 'bASIC'),
      basic(encode(client_id), encode(client_secret)),
    ]) {
      expect((await post().set('Authorization', header).send(OWN)).status).toBe(200);
      expect(
        (
          await post()
            .set('Authorization', header)
            .send({ ...OWN, client_id })
        ).status,
      ).toBe(200);
    }
  });

  it('refuses two ways at once', async () => {
    const header = basic(client.client_id, client.client_secret);
    for (const more of [ids(), { client_secret: client.client_secret }, { client_id: other.client_id }]) {
      const answer = await post()
        .set('Authorization', header)
        .send({ ...OWN, ...more });
      expect(answer.status).toBe(400);
      expect(answer.body).toStrictEqual(invalidRequest('Only one way to authenticate the client may be used'));
    }
  });

  it.each(['client_secret', 'code', 'code_verifier', 'refresh_token', 'token', 'password'])(
    'refuses %s in the URL',
    async (name) => {
      const answer = await post()
        .query({ [name]: 'x' })
        .send({ ...OWN, ...ids() });
      expect(answer.status).toBe(400);
      expect(answer.body).toStrictEqual(invalidRequest('Secrets must not be sent in the URL'));
    },
  );

  it('reads nothing else from the URL', async () => {
    const answer = await post()
      .query({ grant_type: 'client_credentials', client_id: client.client_id })
      .send({ client_secret: client.client_secret });
    expect(answer.status).not.toBe(200);
  });

  const wrong: [string, () => Record<string, unknown>][] = [
    ['an unknown client', () => ({ ...ids(), client_id: 'a'.repeat(43) })],
    ['a malformed client_id', () => ({ ...ids(), client_id: "' or 1=1" })],
    ['an empty client_id', () => ({ ...ids(), client_id: '' })],
    ['no client_id', () => ({ ...ids(), client_id: undefined })],
    ['a wrong secret', () => ({ ...ids(), client_secret: 'a'.repeat(43) })],
    ['another client’s secret', () => ({ ...ids(), client_secret: other.client_secret })],
    ['the id as secret', () => ({ ...ids(), client_secret: client.client_id })],
    ['an empty secret', () => ({ ...ids(), client_secret: '' })],
    ['no secret', () => ({ ...ids(), client_secret: undefined })],
    ['a public client with a secret', () => ({ client_id: publicClient.client_id, client_secret: 'x' })],
    ['a public client with an empty secret', () => ({ client_id: publicClient.client_id, client_secret: '' })],
    ['the secret in capitals', () => ({ ...ids(), client_secret: client.client_secret.toUpperCase() })],
  ];
  it.each(wrong)('refuses %s, on every grant and in the same words', async (_, credential) => {
    for (const grant of [OWN, redemption(client, 'x'), { grant_type: 'refresh_token', refresh_token: 'x' }]) {
      const answer = await post().send({ ...grant, ...credential() });
      expect(answer.status).toBe(401);
      expect(answer.body).toStrictEqual({
        error: 'invalid_client',
        error_description: 'Client authentication failed',
      });
      expect(answer.headers).toMatchObject({
        'www-authenticate': 'Basic realm="Gatehouse"',
        'cache-control': 'no-store',
        pragma: 'no-cache',
      });
    }
  });

  it.each([
    ['Basic'],
    ['Basic !!!'],
    [basic('', '')],
    [`Basic ${Buffer.from('without a colon').toString('base64')}`],
    [basic('%zz', '%')],
    [basic('a%00', 'b\0')],
    ['Bearer x'],
  ])('refuses the header %s', async (header) => {
    for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
      const answer = await test.http
        .post(path)
        .set('Authorization', header)
        .send({ ...OWN, token: 'x' });
      expect(answer.status).toBe(401);
      expect(answer.body.error).toBe('invalid_client');
    }
  });

  it('refuses a good code and a good refresh token without the secret, and leaves both alone', async () => {
    await createUser(test, 'dora');
    const code = await obtainCode(test, other, 'dora');
    const { refresh_token } = await obtainTokens(test, other, 'dora');
    const stolen = { ...other, client_secret: undefined as unknown as string };
    const grants = [redemption(other, code), { grant_type: 'refresh_token', refresh_token }];
    for (const grant of grants) expect((await requestToken(test, stolen, grant)).status).toBe(401);
    for (const grant of grants) expect((await requestToken(test, other, grant)).status).toBe(200);
  });

  it('no longer knows a removed client', async () => {
    const removed = await registerClient(test);
    const token = await clientToken(test, removed);
    for (const table of ['application', 'session']) {
      await test.dataSource.query(
        `update ${table} set created_at = created_at - interval '91 days' where ${table === 'session' ? 'application_id' : 'id'} = $1`,
        [removed.id],
      );
    }
    await test.app.get(SessionsPurge).purge();
    expect((await requestToken(test, removed, OWN)).status).toBe(401);
    expect(await statusOf(test, token)).toBe(401);
  });
});
