import 'reflect-metadata';
import { decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SigningKeysService } from '../src/browsers/signing-keys.service.js';
import { KNOWN_SCOPES } from '../src/common/scopes.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  createUser,
  obtainTokens,
  outcomeOf,
  registerClient,
  sendAs,
  signIn,
  type TestClient,
} from './support/flows.js';

const ISSUER = 'https://id.example.org';

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp((config) => (config.publicUrl = ISSUER));
  await test.listen();
  client = await registerClient(test, { scopes: 'read write profile' });
  await createUser(test, 'alice', { displayName: 'Alice' });
  await createUser(test, 'bob');
});
afterAll(() => test.close());

describe('GET and POST /oauth/userinfo', () => {
  const claims = {
    iss: ISSUER,
    sub: `${ISSUER}/users/alice`,
    name: 'Alice',
    preferred_username: 'alice',
    profile: `${ISSUER}/users/alice`,
    picture: `${ISSUER}/assets/avatar.svg`,
  };

  it.each(['profile', 'read:accounts', 'read'])('tells a token with scope %s who it belongs to', async (scope) => {
    const { access_token, me } = await obtainTokens(test, client, 'alice', scope);
    expect(me).toBe(claims.sub);
    for (const path of ['/oauth/userinfo', '/oauth/userinfo/']) {
      for (const request of [test.http.get(path), test.http.post(path)]) {
        const answer = await request.auth(access_token, { type: 'bearer' });
        expect(answer.status).toBe(200);
        expect(answer.body).toStrictEqual(claims);
        expect(answer.headers).toMatchObject({
          'content-type': 'application/json; charset=utf-8',
          'cache-control': 'no-store',
          'access-control-allow-origin': '*',
        });
      }
    }
  });

  it.each(BODY_FORMS)('may be posted to with a %s body', async (form) => {
    const { access_token } = await obtainTokens(test, client, 'bob', 'profile');
    const request = sendAs(test.http.post('/oauth/userinfo'), form, { anything: 'x' });
    const answer = await request.auth(access_token, { type: 'bearer' });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ sub: `${ISSUER}/users/bob`, name: 'bob', preferred_username: 'bob' });
  });

  it('answers HEAD without a body', async () => {
    const { access_token } = await obtainTokens(test, client, 'bob', 'profile');
    const answer = await test.http.head('/oauth/userinfo').auth(access_token, { type: 'bearer' });
    expect(answer.status).toBe(200);
    expect(answer.text).toBeFalsy();
  });

  it.each(['get', 'post'] as const)('refuses a %s without the right token', async (method) => {
    const { access_token } = await obtainTokens(test, client, 'bob', 'write read:statuses');
    const call = (token: string) => test.http[method]('/oauth/userinfo').auth(token, { type: 'bearer' });
    const narrow = await call(access_token);
    expect(narrow.status).toBe(403);
    expect(narrow.body).toStrictEqual({ error: 'Insufficient permissions: profile | read:accounts.' });
    expect(narrow.headers['www-authenticate']).toBe('Bearer error="insufficient_scope", scope="profile read:accounts"');
    expect(await outcomeOf(call(await clientToken(test, client)))).toStrictEqual({
      status: 403,
      body: { error: 'This method requires an authenticated user' },
    });
    expect((await call('a'.repeat(43))).status).toBe(401);
    const none = await test.http[method]('/oauth/userinfo');
    expect(none.status).toBe(401);
    expect(none.headers['www-authenticate']).toBe('Bearer realm="Gatehouse"');
  });

  it('does not take the token from the body', async () => {
    const { access_token } = await obtainTokens(test, client, 'bob', 'profile');
    const answer = await test.http.post('/oauth/userinfo').type('form').send({ access_token });
    expect(answer.status).toBe(401);
  });
});

describe('GET /.well-known/oauth-authorization-server', () => {
  const get = () => test.http.get('/.well-known/oauth-authorization-server');

  it('names every endpoint on the public URL, whatever host was asked', async () => {
    const expected = {
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/oauth/authorize`,
      token_endpoint: `${ISSUER}/oauth/token`,
      revocation_endpoint: `${ISSUER}/oauth/revoke`,
      introspection_endpoint: `${ISSUER}/oauth/introspect`,
      userinfo_endpoint: `${ISSUER}/oauth/userinfo`,
      jwks_uri: `${ISSUER}/.well-known/jwks.json`,
      app_registration_endpoint: `${ISSUER}/api/v1/apps`,
      service_documentation: `${ISSUER}/docs`,
      scopes_supported: [...KNOWN_SCOPES],
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
    const poisoned = get()
      .set('Host', 'evil.example')
      .set('X-Forwarded-Host', 'evil.example')
      .set('X-Forwarded-Proto', 'http')
      .set('Forwarded', 'host=evil.example;proto=http');
    for (const request of [get(), poisoned]) {
      const answer = await request;
      expect(answer.status).toBe(200);
      expect(answer.body).toStrictEqual(expected);
      expect(answer.headers['access-control-allow-origin']).toBe('*');
      expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    }
  });

  it.each(['/.well-known/oauth-authorization-server', '/.well-known/jwks.json', '/.well-known/jwks'])(
    'may be cached for a minute, by its ETag: %s',
    async (path) => {
      const answer = await test.http.get(path);
      expect(answer.headers['cache-control']).toBe('public, max-age=60');
      expect(answer.headers['etag']).toMatch(/^(W\/)?"[^"]+"$/);
      const again = await test.http.get(path).set('If-None-Match', answer.headers['etag'] ?? '');
      expect(again.status).toBe(304);
    },
  );

  it('answers a preflight, and another method with 405', async () => {
    const preflight = await test.http
      .options('/.well-known/oauth-authorization-server')
      .set('Origin', 'https://spa.example')
      .set('Access-Control-Request-Method', 'GET');
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('*');
    const posted = await test.http.post('/.well-known/oauth-authorization-server');
    expect(posted.status).toBe(405);
    expect(posted.headers['allow']).toContain('GET');
  });

  it('promises no OpenID provider', async () => {
    const answer = await test.http.get('/.well-known/openid-configuration');
    expect(answer.status).toBe(404);
    expect(answer.body).toStrictEqual({ error: 'Not found' });
  });
});

describe('GET /.well-known/jwks.json', () => {
  const key = {
    kty: 'OKP',
    crv: 'Ed25519',
    use: 'sig',
    alg: 'EdDSA',
    kid: expect.stringMatching(/^[\w-]+$/),
    x: expect.stringMatching(/^[\w-]{43}$/),
  };

  it.each(['/.well-known/jwks.json', '/.well-known/jwks', '/.well-known/jwks.json/'])(
    'answers public halves only at %s',
    async (path) => {
      const answer = await test.http.get(path);
      expect(answer.status).toBe(200);
      expect(answer.body).toStrictEqual({ keys: [key] });
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'access-control-allow-origin': '*',
      });
    },
  );

  it('verifies the jwt cookie, also of a retiring key', async () => {
    const { cookie } = await signIn(test, client, 'alice');
    const jwt = cookie.slice('jwt='.length);
    await test.app.get(SigningKeysService).rotate();
    const { keys } = (await test.http.get('/.well-known/jwks.json')).body;
    expect(keys).toStrictEqual([key, key]);
    const signer = keys.find(({ kid }: { kid: string }) => kid === decodeProtectedHeader(jwt).kid);
    const { payload } = await jwtVerify(jwt, await importJWK(signer), { issuer: ISSUER, audience: client.client_id });
    expect(payload['typ']).toBe('session');
  });
});

describe('CORS of the OAuth endpoints', () => {
  const preflight = (path: string) =>
    test.http
      .options(path)
      .set('Origin', 'https://spa.example')
      .set('Access-Control-Request-Method', 'POST')
      .set('Access-Control-Request-Headers', 'authorization,content-type');

  it.each(['/api/v1/apps', '/oauth/token', '/oauth/revoke', '/oauth/userinfo', '/api/oauth_tokens'])(
    'lets scripts of any origin call %s, without credentials',
    async (path) => {
      const answer = await preflight(path);
      expect(answer.status).toBe(204);
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key, X-Requested-With',
        'access-control-max-age': '86400',
      });
      expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    },
  );

  it.each(['/oauth/introspect', '/oauth/authorize', '/api/auth/redirect'])(
    'keeps scripts away from %s',
    async (path) => {
      expect((await preflight(path)).headers).not.toHaveProperty('access-control-allow-origin');
      const posted = await test.http.post(path).set('Origin', 'https://spa.example');
      expect(posted.headers).not.toHaveProperty('access-control-allow-origin');
    },
  );
});
