import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, rowsOf } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  approve,
  BODY_FORMS,
  cookiesOf,
  oauthQuery,
  outcomeOf,
  pkcePair,
  postLogin,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { forgetSteps, type Guarded, makeCodes, newGuarded, showFactor, stopAtFactor } from './support/mfa.js';
import { ACCEPT_HTML } from './support/pages.js';

const CLEARED = 'gh_mfa=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict';
const SESSION = expect.stringMatching(/^jwt=[\w.-]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/);

let test: TestApp;
let client: TestClient;
let alice: Guarded;
let state: string;
let asked: Record<string, string>;
const { verifier, challenge } = pkcePair();
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { website: 'https://app.example/' });
  alice = await newGuarded(test, client, { name: 'alice' });
  state = 'ä&=#%\r\n😀 ';
  asked = oauthQuery(client, { state, code_challenge: challenge, code_challenge_method: 'S256' });
});
afterAll(() => test.close());
beforeEach(() => forgetSteps(test, alice));

describe('POST /api/auth/login with a second factor on', () => {
  it('leads to the page for it, with a cookie of its own and nothing that opens anything (contract.md §3.3.2)', async () => {
    const rows = () =>
      Promise.all(['browser_session', 'authorization_code', 'session'].map((table) => rowsOf(test, table, alice.id)));
    const before = await rows();
    await newEvents(test, alice.id);
    const answer = await postLogin(test, asked);
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 302, text: '' });
    const { to, sent } = redirectOf(answer);
    expect(to).toBe(`${PUB}/oauth/mfa`);
    expect(sent).toEqual({
      mfa_token: expect.stringMatching(/^[\w-]{43}$/),
      challenge_types: 'totp,recovery',
      ...asked,
    });
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^gh_mfa=[\w-]{43}; Max-Age=300; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(await rows()).toEqual(before);
    expect(await newEvents(test, alice.id)).toEqual(['login.mfa_required']);
  });

  it('binds token and cookie anew each time, and adopts no cookie that was planted', async () => {
    const first = await stopAtFactor(test, client, 'alice');
    const again = await postLogin(test, asked).set('Cookie', first.cookie);
    expect(redirectOf(again).sent['mfa_token']).not.toBe(first.token);
    expect(cookiesOf(again)[0]).not.toContain(first.cookie);
    expect(redirectOf(again).sent['mfa_token']).not.toBe(/=([\w-]+)/.exec(cookiesOf(again)[0] ?? '')?.[1]);
  });

  it('says nothing of the factor to who does not know the password (security.md R31)', async () => {
    const answer = await postLogin(test, asked, { identifier: 'alice', password: 'wrong' });
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/authorize`,
      sent: { ...asked, error: 'invalid_grant', error_description: 'Invalid identifier or password' },
    });
    expect(cookiesOf(answer)).toEqual([]);
  });

  it('opens nothing else by what it gave: no consent, no token, no API (security.md R43)', async () => {
    const { token, cookie } = await stopAtFactor(test, client, 'alice');
    const value = cookie.slice('gh_mfa='.length);
    const { client_id, redirect_uri } = client;
    for (const held of [token, value]) {
      for (const path of ['/api/auth/redirect', '/oauth/authorize']) {
        const consent = test.http
          .post(path)
          .type('form')
          .set('Cookie', [cookie, `jwt=${held}`]);
        const sent = redirectOf(await consent.send({ client_id, redirect_uri, code: held })).sent;
        expect(sent).toMatchObject({ error: 'invalid_request', error_description: 'Please sign in again' });
      }
      const grants = [redemption(client, held), { grant_type: 'refresh_token', refresh_token: held }];
      for (const grant of grants) {
        expect((await requestToken(test, client, grant)).body).toMatchObject({ error: 'invalid_grant' });
      }
      for (const path of ['/api/oauth_tokens', '/api/v1/accounts/verify_credentials']) {
        const answer = test.http.get(path).auth(held, { type: 'bearer' });
        expect(await outcomeOf(answer)).toEqual({ status: 401, body: { error: 'The access token is invalid' } });
      }
      const goOn = await test.http
        .post('/api/auth/continue')
        .query(asked)
        .set('Cookie', [cookie, `jwt=${held}`]);
      expect(redirectOf(goOn).sent).toMatchObject({ error: 'login_required' });
      const comeBack = await test.http
        .post('/api/auth/reactivate')
        .set('Cookie', cookie)
        .send({ reactivation_token: held });
      expect(redirectOf(comeBack).sent).toEqual({ error: 'invalid_grant', error_description: 'Please sign in again' });
    }
  });
});

describe('POST /api/auth/mfa with a right code', () => {
  it.each(BODY_FORMS)('signs in, in a %s body, and the client gets its tokens', async (form) => {
    const stopped = await stopAtFactor(test, client, 'alice', asked);
    await newEvents(test, alice.id);
    const request = test.http.post('/api/auth/mfa').set('Cookie', stopped.cookie);
    const answer = await sendAs(request, form, { mfa_token: stopped.token, code: alice.app.code() });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 302, text: '' });
    const { to, sent } = redirectOf(answer);
    expect(to).toBe(`${PUB}/oauth/consent`);
    expect(sent).toEqual({
      application: 'Test client',
      website: 'https://app.example/',
      ...asked,
      code: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(cookiesOf(answer).toSorted()).toEqual([CLEARED, SESSION]);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(await newEvents(test, alice.id)).toEqual(['mfa.passed', 'login.succeeded']);

    const cookie = (cookiesOf(answer).find((line) => line.startsWith('jwt=')) ?? '').split(';')[0] ?? '';
    const code = await approve(test, client, {
      cookie,
      code: sent['code'] ?? '',
      consent: new URLSearchParams(sent),
    });
    const tokens = await requestToken(test, client, { ...redemption(client, code), code_verifier: verifier });
    expect(tokens.body).toMatchObject({ scope: 'read write', me: `${PUB}/users/alice` });
  });

  it('takes its parameters from the query as well, but none from both', async () => {
    const { token, cookie } = await stopAtFactor(test, client, 'alice');
    const [code, post] = [alice.app.code(), () => test.http.post('/api/auth/mfa').set('Cookie', cookie)];
    const twice = await post().query({ mfa_token: token, code }).type('form').send({ code });
    expect({ status: twice.status, body: twice.body }).toEqual({
      status: 400,
      body: { error: 'invalid_request', error_description: 'A parameter is given more than once' },
    });
    expect(redirectOf(await post().query({ mfa_token: token, code })).to).toBe(`${PUB}/oauth/consent`);
  });

  it('notes the client program with both events of the factor', async () => {
    const stopped = await stopAtFactor(test, client, 'alice');
    await showFactor(test, stopped, { code: alice.app.wrongCode });
    await showFactor(test, stopped, { code: alice.app.code() });
    const rows = await test.dataSource.query(
      `select type, application_id as "applicationId" from audit_event where user_id = $1 and type ~ '^mfa.(passed|failed)$'
       order by id desc limit 2`,
      [alice.id],
    );
    expect(rows).toEqual(['mfa.passed', 'mfa.failed'].map((type) => ({ type, applicationId: Number(client.id) })));
  });

  it.each(['totp', 'recovery'])(
    'takes a backup code under %s, because people type one where Soapbox asks for digits',
    async (type) => {
      const [code] = await makeCodes(test, alice);
      const answer = await showFactor(test, await stopAtFactor(test, client, 'alice'), { code, challenge_type: type });
      expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
      expect(await rowsOf(test, 'backup_code', alice.id)).toBe(9);
    },
  );

  it('is wanted with Secure cookies and the prefix __Host- under https', async () => {
    const secure = await startApp((config) => {
      config.publicUrl = 'https://gate.example';
    }, test.database);
    const login = await postLogin(secure, oauthQuery(client));
    const { mfa_token } = redirectOf(login).sent;
    const [line = ''] = cookiesOf(login);
    expect(line).toMatch(/^__Host-gh_mfa=[\w-]{43}; Max-Age=300; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    const post = (cookie: string) =>
      secure.http.post('/api/auth/mfa').set('Cookie', cookie).type('form').send({ mfa_token, code: alice.app.code() });
    const [cookie = ''] = line.split(';');
    expect(redirectOf(await post(cookie.replace('__Host-', ''))).sent).toMatchObject({
      error_description: 'Please sign in again',
    });
    const answer = await post(cookie);
    expect(cookiesOf(answer).toSorted()).toEqual([
      expect.stringMatching(/^__Host-gh_mfa=; Max-Age=0; .*Secure; SameSite=Strict$/),
      expect.stringMatching(/^jwt=.*; Secure; SameSite=Lax$/),
    ]);
    await secure.close();
  });
});

describe('POST /api/auth/mfa from elsewhere', () => {
  it.each<[string, Record<string, string>]>([
    ['Sec-Fetch-Site: cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['another Origin', { Origin: 'https://evil.example' }],
    ['Origin: null', { Origin: 'null' }],
  ])('is refused with %s, and counts for nothing', async (_, headers) => {
    const stopped = await stopAtFactor(test, client, 'alice');
    const answer = await showFactor(test, stopped, { code: alice.app.code() }).set(headers);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 403,
      body: { error: 'invalid_request', error_description: 'Cross-site request refused' },
    });
    expect(cookiesOf(answer)).toEqual([]);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    const own = await showFactor(test, stopped, { code: alice.app.code() }).set('Origin', PUB);
    expect(redirectOf(own).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is a page for a browser, with the same status', async () => {
    const stopped = await stopAtFactor(test, client, 'alice');
    const answer = await showFactor(test, stopped, { code: '1' }).set({
      Origin: 'https://evil.example',
      Accept: ACCEPT_HTML,
    });
    expect(answer.status).toBe(403);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.text).toContain('Cross-site request refused');
  });

  it('takes no other method', async () => {
    for (const method of ['get', 'head', 'put', 'delete'] as const) {
      const answer = await test.http[method]('/api/auth/mfa');
      expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
    }
  });
});
