import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionsPurge } from '../src/sessions/sessions.purge.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  createUser,
  journalOf,
  obtainTokens,
  registerClient,
  requestToken,
  sendAs,
} from './support/flows.js';

const SECRET = /^[A-Za-z0-9_-]{43}$/;
const MINIMAL = { client_name: 'App', redirect_uris: 'https://app.example/cb' };

describe('POST /api/v1/apps', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp((config) => (config.publicUrl = 'https://id.example.org'));
    await test.listen();
  });
  afterAll(() => test.close());

  const register = (body: Record<string, unknown>) => test.http.post('/api/v1/apps').send({ ...MINIMAL, ...body });

  it('answers the client with its id and secret, once, and notes it in the journal', async () => {
    const answer = await test.http.post('/api/v1/apps').send({
      client_name: 'Pleroma FE',
      redirect_uris: 'https://fe.example/oauth-callback',
      scopes: 'read write',
      website: 'https://fe.example',
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toStrictEqual({
      id: expect.stringMatching(/^[1-9]\d*$/),
      name: 'Pleroma FE',
      website: 'https://fe.example',
      scopes: ['read', 'write'],
      redirect_uri: 'https://fe.example/oauth-callback',
      redirect_uris: ['https://fe.example/oauth-callback'],
      client_id: expect.stringMatching(SECRET),
      client_secret: expect.stringMatching(SECRET),
      client_secret_expires_at: 0,
      vapid_key: '',
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'strict-transport-security': 'max-age=31536000',
    });
    expect(await journalOf(test, answer.body)).toStrictEqual(['client.registered']);
  });

  it.each(BODY_FORMS)('reads a %s body, with and without a trailing slash', async (form) => {
    for (const path of ['/api/v1/apps', '/api/v1/apps/']) {
      const fields = { ...MINIMAL, scopes: 'read:accounts write', website: '' };
      const answer = await sendAs(test.http.post(path), form, fields);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ name: 'App', scopes: ['read:accounts', 'write'], website: null });
    }
  });

  it.each([
    ['nothing', undefined, ['read']],
    ['commas', 'read,write:follows', ['read', 'write:follows']],
    ['commas and spaces', ' read,  push ', ['read', 'push']],
    ['a list', ['read', 'follow'], ['read', 'follow']],
    ['a word twice', 'read read', ['read']],
    ['an unknown word', 'read statuses:everything', ['read', 'statuses:everything']],
  ])('takes scopes as %s', async (_, scopes, expected) => {
    const answer = await register({ scopes });
    expect(answer.status).toBe(200);
    expect(answer.body.scopes).toStrictEqual(expected);
  });

  it('takes the arrays of a form', async () => {
    const answer = await test.http
      .post('/api/v1/apps')
      .type('form')
      .send('client_name=App&redirect_uris[]=https://a.example/1&redirect_uris[]=app:/2&scopes[0]=read&scopes[1]=push');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ redirect_uris: ['https://a.example/1', 'app:/2'], scopes: ['read', 'push'] });
  });

  it('takes several redirect URIs as lines or as a list', async () => {
    const uris = ['https://app.example/cb', 'com.example.app:/cb'];
    for (const redirect_uris of [uris, uris.join('\n')]) {
      const answer = await register({ redirect_uris });
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ redirect_uris: uris, redirect_uri: uris.join('\n') });
    }
  });

  it.each([
    'https://app.example',
    'https://app.example:8443/cb?domain=host',
    'http://localhost:8080/cb',
    'http://127.0.0.1/cb',
    'http://[::1]:9/cb',
    'com.example.app:/cb',
    'tusky://cb',
    'urn:ietf:wg:oauth:2.0:oob',
    `https://app.example/${'a'.repeat(1980)}`,
  ])('registers %s', async (uri) => {
    const answer = await register({ redirect_uris: uri });
    expect(answer.status).toBe(200);
    expect(answer.body.redirect_uris).toStrictEqual([uri]);
  });

  it.each([
    ['Pleroma FE\r\n\u001b[31m', 'Pleroma FE [31m'],
    ['\u202eApp\u2066 \u2069', 'App'],
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
    ['😀'.repeat(200), '😀'.repeat(200)],
  ])('keeps the name %j inert', async (client_name, name) => {
    const answer = await register({ client_name });
    expect(answer.status).toBe(200);
    expect(answer.body.name).toBe(name);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
  });

  it('ignores fields that would give privileges or choose an identity', async () => {
    const chosen = 'a'.repeat(43);
    const answer = await test.http
      .post('/api/v1/apps')
      .set('Content-Type', 'application/json')
      .send(
        `{"client_name":"App","redirect_uris":"app:/cb","id":"1","client_id":"${chosen}","client_secret":"${chosen}",
        "trusted":true,"user_id":"x","confidential":false,"builtin":"pages","ever_used":true,"__proto__":{"trusted":true}}`,
      );
    expect(answer.status).toBe(200);
    expect(answer.body.client_id).not.toBe(chosen);
    expect(answer.body.client_secret).not.toBe(chosen);
    const [row] = await test.dataSource.query('select builtin, ever_used from application where client_id = $1', [
      answer.body.client_id,
    ]);
    expect(row).toStrictEqual({ builtin: null, ever_used: false });
  });

  it('registers admin scopes without granting them to a client', async () => {
    const client = await registerClient(test, { scopes: 'read admin:write' });
    expect((await requestToken(test, client, { grant_type: 'client_credentials' })).body.scope).toBe('read');
    const answer = await requestToken(test, client, { grant_type: 'client_credentials', scope: 'admin:write' });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe('invalid_scope');
  });

  it('makes a public client without a secret', async () => {
    const answer = await register({ token_endpoint_auth_method: 'none' });
    expect(answer.status).toBe(200);
    expect(answer.body.client_secret).toBeNull();
  });

  it('takes plain http redirects when the instance itself is http, or the operator says so', async () => {
    for (const [publicUrl, allow, status] of [
      ['http://localhost:3000', null, 200],
      ['http://localhost:3000', false, 422],
      ['https://id.example.org', true, 200],
    ] as const) {
      const other = await startApp((config) => {
        config.publicUrl = publicUrl;
        config.oauth.allow_http_redirects = allow;
      }, test.database);
      const answer = await other.http.post('/api/v1/apps').send({ ...MINIMAL, redirect_uris: 'http://app.example/cb' });
      await other.close();
      expect(answer.status).toBe(status);
    }
  });
});

describe('GET /api/v1/apps/verify_credentials', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
  });
  afterAll(() => test.close());

  const verify = (token: string) => test.http.get('/api/v1/apps/verify_credentials').auth(token, { type: 'bearer' });

  it('tells the client of an app token and of a person’s token, without its credentials', async () => {
    const client = await registerClient(test, {
      client_name: 'Mine',
      scopes: 'read push',
      website: 'https://a.example',
    });
    await createUser(test, 'alice');
    const tokens = await obtainTokens(test, client, 'alice', 'push');
    for (const token of [await clientToken(test, client), tokens.access_token]) {
      const answer = await verify(token);
      expect(answer.status).toBe(200);
      expect(answer.body).toStrictEqual({
        id: client.id,
        name: 'Mine',
        website: 'https://a.example',
        scopes: ['read', 'push'],
        redirect_uri: client.redirect_uri,
        redirect_uris: [client.redirect_uri],
        vapid_key: '',
      });
      expect(answer.headers['cache-control']).toBe('no-store');
    }
  });

  it('is not there for strangers', async () => {
    const none = await test.http.get('/api/v1/apps/verify_credentials/');
    expect(none.status).toBe(401);
    expect(none.body).toStrictEqual({ error: 'The access token is invalid' });
    expect(none.headers['www-authenticate']).toBe('Bearer realm="Gatehouse"');
    expect((await verify('a'.repeat(43))).status).toBe(401);
  });

  it('ends with a client that nobody used for 90 days, which is then unknown', async () => {
    const [unused, used, fresh] = [await registerClient(test), await registerClient(test), await registerClient(test)];
    await createUser(test, 'carol');
    const ofCarol = await obtainTokens(test, used, 'carol');
    const [ofUnused, ofFresh] = [await clientToken(test, unused), await clientToken(test, fresh)];
    const age = (table: string, column: string, { id }: { id: string }) =>
      test.dataSource.query(`update ${table} set created_at = now() - interval '91 days' where ${column} = $1`, [id]);
    for (const client of [unused, used, fresh]) await age('application', 'id', client);
    for (const client of [unused, used]) await age('session', 'application_id', client);
    await test.app.get(SessionsPurge).purge();
    expect((await verify(ofCarol.access_token)).status).toBe(200);
    expect((await verify(ofFresh)).status).toBe(200);
    expect((await verify(ofUnused)).status).toBe(401);
    const answer = await requestToken(test, unused, { grant_type: 'client_credentials' });
    expect(answer.status).toBe(401);
    expect(answer.body.error).toBe('invalid_client');
  });
});
