import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetConfig, LimitsConfig } from '../src/config/config.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  journalOf,
  redemption,
  registerClient,
  requestToken,
  sendAs,
  statusOf,
  type TestClient,
} from './support/flows.js';

const SECRET = /^[A-Za-z0-9_-]{43}$/;
/** For a client of `read:accounts write follow x:y admin:read`. */
const UNGRANTABLE = [
  ['', ' ', 'read', 'write  follow', ' write', 'write ', 'write,follow', 'WRITE', 'Follow', 'wri', 'write:'],
  ['read:account', 'read:accounts:', 'read:statuses', 'follow:x', 'write:nonsense', 'x', 'x:z', 'push'],
  ['admin', 'admin:write', 'admin:read', 'x:y', '__proto__', 'toString'],
].flat();
const OWN = { grant_type: 'client_credentials' };

describe('POST /oauth/token', () => {
  let test: TestApp;
  let client: TestClient;
  let publicClient: TestClient;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
    client = await registerClient(test, { scopes: 'read:accounts write follow x:y admin:read' });
    publicClient = await registerClient(test, { token_endpoint_auth_method: 'none' });
  });
  afterAll(() => test.close());

  const post = () => test.http.post('/oauth/token');
  const ids = () => ({ client_id: client.client_id, client_secret: client.client_secret });
  const invalidRequest = (error_description: string) => ({ error: 'invalid_request', error_description });

  describe('grant_type=client_credentials', () => {
    it.each(BODY_FORMS)('answers an app token to a %s body, with and without a trailing slash', async (form) => {
      for (const path of ['/oauth/token', '/oauth/token/']) {
        const answer = await sendAs(test.http.post(path), form, { ...OWN, ...ids() });
        expect(answer.status).toBe(200);
        expect(answer.body).toStrictEqual({
          id: expect.any(Number),
          access_token: expect.stringMatching(SECRET),
          token_type: 'Bearer',
          scope: 'read:accounts write follow',
          created_at: expect.any(Number),
          expires_in: 7_776_000,
        });
        expect(answer.body.id).toSatisfy(Number.isSafeInteger);
        expect(Math.abs(answer.body.created_at - Date.now() / 1000)).toBeLessThan(5);
        expect(answer.headers).toMatchObject({
          'content-type': 'application/json; charset=utf-8',
          'cache-control': 'no-store',
          pragma: 'no-cache',
          'access-control-allow-origin': '*',
        });
        expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
        expect(await statusOf(test, answer.body.access_token)).toBe(200);
      }
    });

    it('has the headers of every answer', async () => {
      const { headers } = await requestToken(test, client, OWN);
      expect(headers).toMatchObject({
        'x-request-id': expect.stringMatching(/^[\w-]{36}$/),
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
      });
      expect(headers['content-security-policy']?.split(/; ?/)).toStrictEqual([
        "default-src 'none'",
        "frame-ancestors 'none'",
      ]);
    });

    it('is written in the journal', async () => {
      const fresh = await registerClient(test);
      await clientToken(test, fresh);
      expect(await journalOf(test, fresh)).toStrictEqual(['client.registered', 'token.issued']);
    });

    it('says nothing of an end when tokens never expire', async () => {
      const endless = await startApp((config) => (config.oauth.access_token_idle = 0), test.database);
      const answer = await requestToken(endless, client, OWN);
      await endless.close();
      expect(answer.status).toBe(200);
      expect(answer.body).not.toHaveProperty('expires_in');
    });

    it.each([
      ['a registered word', 'write', 'write'],
      ['a child of a registered word', 'write:security', 'write:security'],
      ['what follow covers', 'read:mutes write:blocks', 'read:mutes write:blocks'],
      ['a registered word that is unknown here, without granting it', 'write x:y', 'write'],
      ['a word for staff, without granting it', 'write admin:read', 'write'],
    ])('grants %s', async (_, scope, granted) => {
      const answer = await requestToken(test, client, { ...OWN, scope });
      expect(answer.status).toBe(200);
      expect(answer.body.scope).toBe(granted);
    });

    it.each(UNGRANTABLE)('refuses the scope %j', async (scope) => {
      const answer = await requestToken(test, client, { ...OWN, scope });
      expect(answer.status).toBe(400);
      expect(answer.body).toStrictEqual({ error: 'invalid_scope', error_description: expect.any(String) });
    });

    it('is not for public clients', async () => {
      const answer = await requestToken(test, publicClient, OWN);
      expect(answer.status).toBe(400);
      expect(answer.body).toStrictEqual({
        error: 'unauthorized_client',
        error_description: 'The client may not use this grant',
      });
    });
  });

  describe('the request', () => {
    it.each([
      'password',
      'implicit',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'Client_Credentials',
      '',
    ])('refuses the grant type %j', async (grant_type) => {
      const answer = await requestToken(test, client, { grant_type, username: 'alice', password: 'x' });
      expect(answer.status).toBe(400);
      expect(answer.body).toStrictEqual({
        error: 'unsupported_grant_type',
        error_description: 'The grant type is not supported',
      });
    });

    it('needs a grant type', async () => {
      const answer = await requestToken(test, client, {});
      expect(answer.status).toBe(400);
      expect(answer.body).toStrictEqual(invalidRequest('Missing field: grant_type.'));
      expect(answer.headers['cache-control']).toBe('no-store');
    });

    it.each([5, null, true, ['client_credentials'], { a: 1 }])('refuses a mistyped field: %j', async (value) => {
      for (const name of ['grant_type', 'scope', 'client_id', 'client_secret']) {
        const answer = await requestToken(test, client, { ...OWN, [name]: value });
        expect(answer.status).toBe(400);
        expect(answer.body).toStrictEqual(invalidRequest(`${name} - Invalid string.`));
      }
    });

    it.each([
      ['twice the same', 'application/x-www-form-urlencoded', 'grant_type=a&grant_type=a', 400, /more than once/],
      ['broken escapes', 'application/x-www-form-urlencoded', 'grant_type=%zz', 400, /Malformed/],
      ['broken JSON', 'application/json', '{', 400, /Malformed/],
      ['a JSON list', 'application/json', '[]', 400, /Malformed/],
      ['a boundary that is missing', 'multipart/form-data', 'x', 400, /Malformed/],
      ['U+0000', 'application/json', '{"grant_type":"\\u0000"}', 400, /characters/],
      ['plain text', 'text/plain', 'grant_type=client_credentials', 415, /content type/],
      ['another charset', 'application/json; charset=utf-16', '{}', 415, /content type/],
      ['too much', 'application/x-www-form-urlencoded', `a=${'a'.repeat(65_536)}`, 413, /too large/],
    ])('refuses %s in the OAuth dialect', async (_, type, body, status, sentence) => {
      const answer = await post().set('Content-Type', type).send(body);
      expect(answer.status).toBe(status);
      expect(answer.body).toStrictEqual({
        error: 'invalid_request',
        error_description: expect.stringMatching(sentence),
      });
      expect(answer.headers['cache-control']).toBe('no-store');
    });

    it('keeps HTTP/1.0 caches from every answer, also to what could not be read', async () => {
      for (const body of ['{', '{"grant_type":5}', '{}', JSON.stringify({ ...OWN, ...ids() })]) {
        const answer = await post().set('Content-Type', 'application/json').send(body);
        expect(answer.headers['pragma'], `${answer.status} to ${body}`).toBe('no-cache');
      }
    });

    it('is a POST', async () => {
      const answer = await test.http.get('/oauth/token');
      expect(answer.status).toBe(405);
      expect(answer.headers['allow']).toBe('POST');
    });
  });
});

describe('POST /oauth/token over its budgets', () => {
  const limited = async (requests: number, failures: number) => {
    const test = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.token_requests = BudgetConfig.of(requests, 300);
      config.limits.token_failures = BudgetConfig.of(failures, 300);
    });
    return { test, client: await registerClient(test) };
  };
  const throttled = { status: 429, body: { error: 'Throttled' } };

  it('are 300 requests and 30 failures in five minutes', () => {
    const { token_requests, token_failures, app_registrations } = new LimitsConfig();
    expect(token_requests).toMatchObject({ points: 300, per: 300 });
    expect(token_failures).toMatchObject({ points: 30, per: 300 });
    expect(app_registrations).toMatchObject({ points: 100, per: 600 });
  });

  it('counts all three endpoints together, by the real address', async () => {
    const { test, client } = await limited(3, 100);
    const credential = { client_id: client.client_id, client_secret: client.client_secret };
    const ask = (path: string, fields: object) =>
      test.http
        .post(path)
        .set('X-Forwarded-For', `192.0.2.${Math.ceil(Math.random() * 200)}`)
        .send({ ...credential, ...fields });
    const answers = [
      await ask('/oauth/token', OWN),
      await ask('/oauth/revoke', { token: 'x' }),
      await ask('/oauth/introspect', { token: 'x' }),
    ];
    expect(answers.map(({ status }) => status)).toStrictEqual([200, 200, 200]);
    expect(answers.map(({ headers }) => headers['x-ratelimit-remaining'])).toStrictEqual(['2', '1', '0']);
    for (const path of ['/oauth/token', '/oauth/revoke/', '/oauth/introspect']) {
      const answer = await ask(path, { ...OWN, token: 'x' });
      expect(answer).toMatchObject(throttled);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(290);
    }
    await test.close();
  });

  it('stops an address after too many failures, right credentials included', async () => {
    const { test, client } = await limited(100, 3);
    const wrong = { ...client, client_secret: 'wrong' };
    expect((await requestToken(test, wrong, OWN)).status).toBe(401);
    expect((await requestToken(test, client, redemption(client, 'x'))).status).toBe(400);
    expect((await requestToken(test, client, OWN)).status).toBe(200);
    const { client_id } = client;
    expect((await test.http.post('/oauth/introspect').send({ client_id, token: 'x' })).status).toBe(401);
    for (const path of ['/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
      const { client_secret } = client;
      const answer = await test.http.post(path).send({ ...OWN, client_id, client_secret, token: 'x' });
      expect(answer).toMatchObject(throttled);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(290);
    }
    await test.close();
  });
});
