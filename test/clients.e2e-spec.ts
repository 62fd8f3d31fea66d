import 'reflect-metadata';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createOAuthAPIClient, createRestAPIClient, MastoHttpError } from 'masto';
import * as oauth from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser, PASSWORD, registerClient, statusOf, type TestClient } from './support/flows.js';

// What nobody of this house wrote: published clients, over a real socket, against the URLs that the metadata name.

const REDIRECT_URI = 'http://127.0.0.1:8910/callback';
/** One with a query of its own, which openid-client does not support. */
const WITH_QUERY = `${REDIRECT_URI}?from=gatehouse`;

let test: TestApp;
let origin: string;
beforeAll(async () => {
  const port = await freePort();
  origin = `http://127.0.0.1:${port}`;
  test = await startApp((config) => (config.publicUrl = origin));
  await test.app.listen(port, '127.0.0.1');
  await createUser(test, 'alice', { displayName: 'Alice' });
});
afterAll(() => test.close());

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What a person does in the browser between the client's request and its redirect URI: sign in, decide. */
async function decide(authorizationUrl: URL, decision: 'approve' | 'deny' = 'approve'): Promise<URL> {
  const post = (path: string, body: URLSearchParams, cookie = '') =>
    fetch(new URL(path, origin), {
      method: 'POST',
      headers: { origin, cookie, 'sec-fetch-site': 'same-origin' },
      body,
      redirect: 'manual',
    });
  const form = new URLSearchParams({ identifier: 'alice', password: PASSWORD });
  const login = await post(`/api/auth/login${authorizationUrl.search}`, form);
  const consent = new URL(login.headers.get('location') ?? '');
  expect(consent.pathname).toBe('/oauth/consent');
  consent.searchParams.set('decision', decision);
  const [cookie] = login.headers.getSetCookie().map((line) => line.split(';', 1)[0] ?? '');
  const decided = await post('/api/auth/redirect', consent.searchParams, cookie);
  expect(decided.status).toBe(302);
  return new URL(decided.headers.get('location') ?? '');
}

describe('masto 7, the Mastodon client library', () => {
  const api = (accessToken?: string) => createRestAPIClient({ url: origin, ...(accessToken && { accessToken }) });
  const tokens = () => createOAuthAPIClient({ url: origin });
  const register = () =>
    api().v1.apps.create({
      clientName: 'Elk',
      redirectUris: WITH_QUERY,
      scopes: 'read write follow push',
      website: 'https://elk.example',
    });

  it('registers an app, acts as it, signs a person in, reads who they are, and signs them out', async () => {
    const app = await register();
    expect(app).toMatchObject({ name: 'Elk', website: 'https://elk.example', redirectUri: WITH_QUERY, vapidKey: '' });
    const { clientId, clientSecret } = app;
    if (!clientId || !clientSecret) throw new Error('The app has no credentials');
    const credentials = { clientId, clientSecret, redirectUri: WITH_QUERY };

    const own = await tokens().token.create({ grantType: 'client_credentials', ...credentials, scope: 'read' });
    expect(own).toMatchObject({ tokenType: 'Bearer', scope: 'read' });
    expect(await api(own.accessToken).v1.apps.verifyCredentials()).toMatchObject({ name: 'Elk' });

    const url = new URL('/oauth/authorize', origin);
    url.search = new URLSearchParams({
      client_id: clientId,
      redirect_uri: WITH_QUERY,
      response_type: 'code',
      scope: 'read write follow push',
    }).toString();
    const code = (await decide(url)).searchParams.get('code') ?? '';
    const token = await tokens().token.create({ grantType: 'authorization_code', ...credentials, code });
    expect(token).toMatchObject({ tokenType: 'Bearer', scope: 'read write follow push' });
    const alice = await api(token.accessToken).v1.accounts.verifyCredentials();
    expect(alice).toMatchObject({
      username: 'alice',
      acct: 'alice',
      displayName: 'Alice',
      url: `${origin}/users/alice`,
    });
    expect(alice.source).toBeTypeOf('object');

    await tokens().revoke({ clientId, clientSecret, token: token.accessToken });
    expect(await statusOf(test, token.accessToken)).toBe(401);
    expect(await statusOf(test, own.accessToken)).toBe(200);
  });

  it('understands refusals as its own error', async () => {
    const refused = async (work: Promise<unknown>) => {
      const error: unknown = await work.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(MastoHttpError);
      return error;
    };
    expect(await refused(api('a'.repeat(43)).v1.accounts.verifyCredentials())).toMatchObject({
      statusCode: 401,
      message: 'The access token is invalid',
    });
    const registration = api().v1.apps.create({
      clientName: 'Elk',
      redirectUris: 'javascript:alert(1)',
      scopes: 'read',
    });
    expect(await refused(registration)).toMatchObject({
      statusCode: 422,
      details: { redirectUris: [{ error: 'ERR_INVALID' }] },
    });
    const { clientId, clientSecret } = await register();
    const credentials = { clientId: clientId ?? '', clientSecret: clientSecret ?? '', redirectUri: WITH_QUERY };
    const exchange = tokens().token.create({ grantType: 'authorization_code', ...credentials, code: 'unknown' });
    expect(await refused(exchange)).toMatchObject({
      statusCode: 400,
      message: 'invalid_grant',
      description: 'The grant is invalid, expired or already used',
    });
    const own = await tokens().token.create({ grantType: 'client_credentials', ...credentials });
    expect(await refused(api(own.accessToken).v1.accounts.verifyCredentials())).toMatchObject({
      statusCode: 403,
      message: 'This method requires an authenticated user',
    });
  });
});

describe('openid-client 6, a strict client of any OAuth server', () => {
  const discover = (client: TestClient, authentication: oauth.ClientAuth) =>
    oauth.discovery(new URL(origin), client.client_id, undefined, authentication, {
      algorithm: 'oauth2',
      execute: [oauth.allowInsecureRequests],
    });
  const ways = {
    client_secret_basic: ({ client_secret }: TestClient) => oauth.ClientSecretBasic(client_secret),
    client_secret_post: ({ client_secret }: TestClient) => oauth.ClientSecretPost(client_secret),
    none: () => oauth.None(),
  };
  const prepare = async (token_endpoint_auth_method: keyof typeof ways) => {
    const client = await registerClient(test, { redirect_uris: REDIRECT_URI, token_endpoint_auth_method });
    return { client, config: await discover(client, ways[token_endpoint_auth_method](client)) };
  };

  /** One authorization request with PKCE and state, as far as the redirect back. */
  const authorize = async (config: oauth.Configuration) => {
    const pkceCodeVerifier = oauth.randomPKCECodeVerifier();
    const expectedState = oauth.randomState();
    const url = oauth.buildAuthorizationUrl(config, {
      redirect_uri: REDIRECT_URI,
      scope: 'read write',
      state: expectedState,
      code_challenge: await oauth.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    });
    expect(`${url.origin}${url.pathname}`).toBe(`${origin}/oauth/authorize`);
    return { back: await decide(url), checks: { pkceCodeVerifier, expectedState } };
  };

  it.each(['client_secret_basic', 'client_secret_post', 'none'] as const)('goes the whole way with %s', async (way) => {
    const { config } = await prepare(way);
    expect(config.serverMetadata().supportsPKCE()).toBe(true);
    const { back, checks } = await authorize(config);
    expect(back.href.startsWith(`${REDIRECT_URI}?`)).toBe(true);
    expect(back.searchParams.get('iss')).toBe(origin);
    const tokens = await oauth.authorizationCodeGrant(config, back, checks);
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'read write', me: `${origin}/users/alice` });
    expect(tokens.expiresIn()).toBeGreaterThan(7_775_000);

    const subject = `${origin}/users/alice`;
    const claims = await oauth.fetchUserInfo(config, tokens.access_token, subject);
    expect(claims).toMatchObject({ sub: subject, preferred_username: 'alice', name: 'Alice', iss: origin });

    const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token ?? '', { scope: 'read' });
    expect(refreshed.scope).toBe('read');
    expect(refreshed.refresh_token).not.toBe(tokens.refresh_token);
    await oauth.fetchUserInfo(config, refreshed.access_token, subject);

    await oauth.tokenRevocation(config, refreshed.refresh_token ?? '', { token_type_hint: 'refresh_token' });
    for (const { access_token } of [tokens, refreshed]) expect(await statusOf(test, access_token)).toBe(401);
    const late = oauth.refreshTokenGrant(config, refreshed.refresh_token ?? '');
    await expect(late).rejects.toMatchObject({ error: 'invalid_grant', status: 400 });
  });

  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'introspects and acts for itself with %s',
    async (way) => {
      const { client, config } = await prepare(way);
      const own = await oauth.clientCredentialsGrant(config, { scope: 'read' });
      expect(own).toMatchObject({ token_type: 'bearer', scope: 'read' });
      const live = await oauth.tokenIntrospection(config, own.access_token);
      expect(live).toMatchObject({ active: true, scope: 'read', client_id: client.client_id, iss: origin });
      await oauth.tokenRevocation(config, own.access_token);
      expect(await oauth.tokenIntrospection(config, own.access_token)).toStrictEqual({ active: false });
    },
  );

  it('sees that a public client may not introspect nor act for itself', async () => {
    const { config } = await prepare('none');
    await expect(oauth.tokenIntrospection(config, 'a'.repeat(43))).rejects.toMatchObject({ status: 401 });
    await expect(oauth.clientCredentialsGrant(config)).rejects.toMatchObject({ error: 'unauthorized_client' });
  });

  it('detects answers that are not of its request, and the server one that is not of the code', async () => {
    const { config } = await prepare('client_secret_basic');
    const { back, checks } = await authorize(config);
    const mixedUp = new URL(back);
    mixedUp.searchParams.set('iss', 'https://evil.example');
    const withoutIssuer = new URL(back);
    withoutIssuer.searchParams.delete('iss');
    for (const url of [mixedUp, withoutIssuer])
      await expect(oauth.authorizationCodeGrant(config, url, checks)).rejects.toMatchObject({
        code: 'OAUTH_INVALID_RESPONSE',
      });
    const foreign = { ...checks, pkceCodeVerifier: oauth.randomPKCECodeVerifier() };
    await expect(oauth.authorizationCodeGrant(config, back, foreign)).rejects.toMatchObject({
      error: 'invalid_grant',
      status: 400,
    });
    expect((await oauth.authorizationCodeGrant(config, back, checks)).scope).toBe('read write');
    await expect(oauth.authorizationCodeGrant(config, back, checks)).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('hears of a denial at its redirect URI', async () => {
    const { config } = await prepare('client_secret_basic');
    const state = oauth.randomState();
    const url = oauth.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'read', state });
    const back = await decide(url, 'deny');
    await expect(oauth.authorizationCodeGrant(config, back, { expectedState: state })).rejects.toMatchObject({
      code: 'OAUTH_AUTHORIZATION_RESPONSE_ERROR',
      error: 'access_denied',
    });
  });

  it('is told at once when its credentials are wrong', async () => {
    const client = await registerClient(test);
    for (const authentication of [oauth.ClientSecretBasic('wrong'), oauth.ClientSecretPost('wrong')]) {
      const config = await discover(client, authentication);
      await expect(oauth.clientCredentialsGrant(config)).rejects.toMatchObject({ status: 401 });
    }
  });
});
