import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  countRows,
  createUser,
  oauthQuery,
  pkcePair,
  redirectOf,
  REDIRECT_URI,
  registerClient,
  signIn,
  type TestClient,
} from './support/flows.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, queryOf, textOf } from './support/pages.js';

const OOB = 'urn:ietf:wg:oauth:2.0:oob';
/** Everything that a state may hold and that something on the way might change. */
const STATE = 'a&b=c#d%26%0d%0a+ \t"<\'>\u{1f4a1}\r\nline\n';

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  await createUser(test, 'alice');
});
afterAll(() => test.close());

const page = (query: Record<string, string | undefined>, of = client) =>
  test.http.get('/oauth/authorize').query(oauthQuery(of, query)).set('Accept', ACCEPT_HTML);
const program = (query: Record<string, string | undefined>, of = client) =>
  test.http.get('/oauth/authorize').query(oauthQuery(of, query));

describe('GET /oauth/authorize', () => {
  it('is the login form of the app that our own record names', async () => {
    const html = expectPage(await page({ application: 'Your bank', website: 'https://bank.example', state: STATE }));
    expect(textOf(html)).toContain('Sign in to continue to Test client (app.example)');
    expect(html).not.toContain('bank');
    const [login, passkey, ...others] = formsOf(html);
    expect(others).toEqual([]);
    expect(passkey).toMatchObject({ method: 'post', fields: { response: '' }, buttons: ['Sign in with a passkey'] });
    expect(passkey?.action.split('?')[0]).toBe('/api/auth/passkey');
    expect(queryOf(passkey?.action ?? '')).toEqual(oauthQuery(client, { state: STATE }));
    expect(login).toMatchObject({
      method: 'post',
      fields: { identifier: '', password: '' },
      buttons: ['Sign in'],
    });
    expect(login?.action.split('?')[0]).toBe('/api/auth/login');
    expect(queryOf(login?.action ?? '')).toEqual(oauthQuery(client, { state: STATE }));
    expect(html).toMatch(/<input id="identifier"[^>]* autocomplete="username"/);
    expect(html).toMatch(/<input id="password"[^>]* type="password"[^>]* autocomplete="current-password"/);
    const join = linksOf(html)['Create an account'] ?? '';
    expect(join.split('?')[0]).toBe('/register');
    expect(queryOf(join)).toEqual(oauthQuery(client, { state: STATE }));
  });

  it('carries PKCE on and fills in what may be left out', async () => {
    const { challenge } = pkcePair();
    const pkce = { code_challenge: challenge, code_challenge_method: 'S256' };
    const html = expectPage(await page({ redirect_uri: undefined, scope: undefined, ...pkce }));
    expect(queryOf(formsOf(html)[0]?.action ?? '')).toEqual({
      ...oauthQuery(client, pkce),
      scope: 'read write follow push',
    });
  });

  it('takes what has no effect, and echoes none of it (R25)', async () => {
    const html = expectPage(
      await page({
        response_mode: 'form_post',
        request: 'eyJhbGciOiJub25lIn0.e30.',
        request_uri: 'http://127.0.0.1:1/',
        prompt: 'consent',
        max_age: '0',
        force_login: 'maybe',
        lang: 'de',
        nonce: 'n-0S6',
        login_hint: 'bob',
        __proto__x: 'y',
      }),
    );
    expect(queryOf(formsOf(html)[0]?.action ?? '')).toEqual(oauthQuery(client));
  });

  it('changes nothing, whoever asks and by which method', async () => {
    const { cookie } = await signIn(test, client, 'alice');
    const before = await countRows(test);
    await page({}).set('Cookie', cookie);
    await page({ prompt: 'none' }).set('Cookie', cookie);
    await test.http.head('/oauth/authorize').query(oauthQuery(client)).set('Cookie', cookie);
    expect(await countRows(test)).toEqual(before);
  });

  describe.each(['without a session', 'with one'])('%s', (kind) => {
    let cookie = '';
    beforeAll(async () => {
      if (kind === 'with one') ({ cookie } = await signIn(test, client, 'alice'));
    });

    it.each([
      ['no client_id', { client_id: undefined }, 'invalid_request', 'client_id is required'],
      ['an empty client_id', { client_id: '' }, 'invalid_request', 'client_id is required'],
      ['an unknown client_id', { client_id: 'A'.repeat(43) }, 'invalid_client', 'Unknown client_id'],
      [
        'an unknown client_id before anything else',
        { client_id: 'x', redirect_uri: 'https://evil.example', response_type: 'token', error: 'x' },
        'invalid_client',
        'Unknown client_id',
      ],
    ])('refuses %s and redirects nowhere (R24)', async (_, query, error, sentence) => {
      const answer = await program(query).set('Cookie', cookie);
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({ error, error_description: sentence });
      expect(answer.headers).not.toHaveProperty('location');
      expect(answer.headers).not.toHaveProperty('www-authenticate');
      expect(textOf(expectPage(await page(query).set('Cookie', cookie), 400))).toContain(sentence);
    });
  });

  it.each(['https://evil.example/', `${REDIRECT_URI}&x=1`, 'HTTPS://app.example/cb?from=gatehouse', ''])(
    'refuses redirect_uri=%s before anything else and redirects nowhere, session or not (R24)',
    async (redirect_uri) => {
      const { cookie } = await signIn(test, client, 'alice');
      const query = { redirect_uri, response_type: 'token', prompt: 'none', error: 'invalid_grant' };
      for (const sent of ['', cookie]) {
        const answer = await program(query).set('Cookie', sent);
        expect(answer.status).toBe(400);
        expect(answer.body).toEqual({
          error: 'invalid_request',
          error_description: 'redirect_uri is not registered for this client',
        });
        expect(answer.headers).not.toHaveProperty('location');
        expectPage(await page(query).set('Cookie', sent), 400);
      }
    },
  );

  it('refuses a parameter given twice', async () => {
    const query = `${new URLSearchParams(oauthQuery(client))}&state=a&state=b`;
    const answer = await test.http.get(`/oauth/authorize?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      error: 'invalid_request',
      error_description: 'A parameter is given more than once',
    });
  });

  it('needs the redirect URI of a client that has several', async () => {
    const several = await registerClient(test, { redirect_uris: [REDIRECT_URI, 'https://app.example/other'] });
    const answer = await program({ redirect_uri: undefined }, several);
    expect(answer.status).toBe(400);
    expect(answer.body.error_description).toBe('redirect_uri is not registered for this client');
  });

  const unsupported = ['unsupported_response_type', 'response_type must be code'] as const;
  it.each([
    ['no response_type', { response_type: undefined }, ...unsupported],
    ['response_type=token', { response_type: 'token' }, ...unsupported],
    ['response_type=id_token', { response_type: 'id_token' }, ...unsupported],
    ['response_type=code token', { response_type: 'code token' }, ...unsupported],
    ['response_type=none', { response_type: 'none' }, ...unsupported],
    ['response_type before scope', { response_type: 'token', scope: 'admin' }, ...unsupported],
    [
      'a scope that is not registered',
      { scope: 'read admin' },
      'invalid_scope',
      'The scope admin is not registered for this client',
    ],
    ['an empty scope', { scope: '' }, 'invalid_scope', 'scope must be words separated by one space'],
    [
      'scope before PKCE',
      { scope: 'x', code_challenge: 'y' },
      'invalid_scope',
      'The scope x is not registered for this client',
    ],
    [
      'a short challenge',
      { code_challenge: 'x', code_challenge_method: 'S256' },
      'invalid_request',
      'code_challenge must be 43 to 128 unreserved characters',
    ],
    [
      'a plain challenge',
      { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' },
      'invalid_request',
      'code_challenge_method must be S256',
    ],
    [
      'a challenge without method',
      { code_challenge: 'x'.repeat(43) },
      'invalid_request',
      'code_challenge_method must be S256',
    ],
    [
      'PKCE before prompt=none',
      { code_challenge: 'x', prompt: 'none' },
      'invalid_request',
      'code_challenge must be 43 to 128 unreserved characters',
    ],
    ['prompt=none', { prompt: 'none' }, 'login_required', 'Please sign in'],
  ])('tells the app of %s, with state and iss (R28, R29)', async (_, query, error, description) => {
    const answer = await page({ state: STATE, ...query });
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
    expect(answer.headers['location']).toBe(
      `${REDIRECT_URI}&error=${error}&error_description=${encodeURIComponent(description)}&state=${encodeURIComponent(STATE)}&iss=${encodeURIComponent(PUB)}`,
    );
  });

  it('needs PKCE of a public client', async () => {
    const open = await registerClient(test, { token_endpoint_auth_method: 'none' });
    expect(redirectOf(await page({}, open)).sent).toMatchObject({
      error: 'invalid_request',
      error_description: 'code_challenge is required for a public client',
    });
  });

  it('answers prompt=none so even where somebody is signed in (R30)', async () => {
    const { cookie } = await signIn(test, client, 'alice');
    const answer = await page({ prompt: 'none' }).set('Cookie', cookie);
    expect(redirectOf(answer)).toMatchObject({ to: 'https://app.example/cb', sent: { error: 'login_required' } });
  });

  it('tells the person when the app gets its answers by hand', async () => {
    const byHand = await registerClient(test, { redirect_uris: OOB });
    const answer = await page({ scope: 'x', state: 's' }, byHand);
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/code`,
      sent: { error: 'invalid_scope', error_description: 'The scope x is not registered for this client', state: 's' },
    });
    const html = expectPage(await test.http.get((answer.headers['location'] ?? '').slice(PUB.length)));
    expect(textOf(html)).toContain('There is no code The app’s request was refused.');
  });

  it.each([
    ['myapp://accounts.google.com/cb', 'myapp:'],
    ['com.example.app:/cb', 'com.example.app:'],
    ['http://localhost:8080/cb', 'localhost:8080'],
    [OOB, 'a code to copy'],
  ])('shows the redirect to %s as %s', async (redirect_uris, shown) => {
    const html = expectPage(await page({}, await registerClient(test, { redirect_uris })));
    expect(textOf(html)).toContain(`Test client (${shown})`);
    expect(textOf(html)).not.toContain('google');
  });

  it('offers no registration where there is none', async () => {
    const closed = await startApp((config) => (config.registrations.enabled = false), test.database);
    const answer = await closed.http.get('/oauth/authorize').query(oauthQuery(client));
    await closed.close();
    expect(linksOf(expectPage(answer))).not.toHaveProperty('Create an account');
  });
});
