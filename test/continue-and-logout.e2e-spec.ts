import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  approve,
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  obtainTokens,
  pkcePair,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  type SignedIn,
  signIn,
  statusOf,
  type TestClient,
} from './support/flows.js';

let test: TestApp;
let client: TestClient;
let other: TestClient;
let browser: SignedIn;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  other = await registerClient(test, {
    client_name: 'Other client',
    scopes: 'read admin',
    website: 'https://o.example',
  });
  await createUser(test, 'alice');
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.dataSource.query('truncate audit_event, browser_session, authorization_code');
  browser = await signIn(test, client, 'alice');
});

const claimsOf = (cookie: string) => decodeJwt(cookie.replace(/^jwt=/, ''));

describe('POST /api/auth/continue (contract.md §3.9)', () => {
  const post = (query: Record<string, string>, cookie = browser.cookie) =>
    test.http.post('/api/auth/continue').set('Cookie', cookie).query(query);
  const query = () => oauthQuery(other, { scope: 'read', state: 's&t' });

  it('leads to the consent page of another client, with the same session and end', async () => {
    const { challenge } = pkcePair();
    const sent = { ...query(), code_challenge: challenge, code_challenge_method: 'S256' };
    const answer = await post(sent);
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    const { code, ...shown } = redirectOf(answer).sent;
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
    expect(shown).toEqual({ application: 'Other client', website: 'https://o.example', ...sent });
    const [line] = cookiesOf(answer);
    expect(line).toMatch(/^jwt=[\w.-]+; Max-Age=(3600|3599|3598); Path=\/; HttpOnly; SameSite=Lax$/);
    const [before, after] = [claimsOf(browser.cookie), claimsOf(line?.split(';')[0] ?? '')];
    expect(after).toMatchObject({ sid: before['sid'], exp: before.exp, sub: before.sub, aud: other.client_id });
    const [row] = await test.dataSource.query('select * from authorization_code where code_challenge is not null');
    expect(row).toMatchObject({
      browser_session_id: before['sid'],
      application_id: Number(other.id),
      scope: 'read',
      state: 's&t',
      approved_at: null,
    });
    expect((await countRows(test))['browser_session']).toBe(1);
    expect(code).not.toBe(browser.code);
  });

  it('goes on to a working token, and the code of the first client still works by its own cookie', async () => {
    const answer = await post(query());
    const next = {
      cookie: cookiesOf(answer)[0]?.split(';')[0] ?? '',
      code: redirectOf(answer).sent['code'] ?? '',
      consent: new URLSearchParams(),
    };
    const code = await approve(test, other, next);
    expect((await requestToken(test, other, redemption(other, code))).status).toBe(200);
    expect(await approve(test, client, browser)).toBe(browser.code);
  });

  it('leaves the consent to the person: the code is inert, and the first client’s cookie does not approve it', async () => {
    const code = redirectOf(await post(query())).sent['code'] ?? '';
    expect((await requestToken(test, other, redemption(other, code))).body.error).toBe('invalid_grant');
    const { client_id, redirect_uri } = other;
    const answer = await test.http
      .post('/api/auth/redirect')
      .set('Cookie', browser.cookie)
      .send({ client_id, redirect_uri, code });
    expect(redirectOf(answer).sent).toMatchObject({
      error: 'invalid_request',
      error_description: 'Please sign in again',
    });
  });

  it('takes its parameters from the body as well, but not from both', async () => {
    const body = await test.http.post('/api/auth/continue').set('Cookie', browser.cookie).type('form').send(query());
    expect(redirectOf(body).to).toBe(`${PUB}/oauth/consent`);
    const both = await post(query()).type('form').send({ state: 's&t' });
    expect(both.status).toBe(400);
  });

  it('grants nothing that is for staff', async () => {
    expect(redirectOf(await post({ ...query(), scope: 'read admin' })).sent['scope']).toBe('read');
  });

  it.each<[string, () => Promise<unknown> | string]>([
    ['no session', () => ''],
    ['a forged cookie', () => 'jwt=a.b.c'],
    ['an expired session', () => test.dataSource.query(`update browser_session set expires_at = now()`)],
    ['a session that was ended', () => test.http.post('/api/auth/logout').set('Cookie', browser.cookie)],
  ])('asks to sign in for %s, keeping the parameters', async (_, spoil) => {
    const cookie = await spoil();
    const answer = await post(query(), typeof cookie === 'string' ? cookie : browser.cookie);
    expect(answer.status).toBe(302);
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/authorize`,
      sent: { ...query(), error: 'login_required', error_description: 'Please sign in' },
    });
    expect(cookiesOf(answer)).toEqual([]);
  });

  it.each([
    'disabled_at = now()',
    'deletion_due_at = now()',
    'approval_pending = true',
    'password_reset_required = true',
  ])('asks to sign in when the account is not active: %s', async (change) => {
    await test.dataSource.query(`update "user" set ${change}`);
    const answer = await post(query());
    await test.dataSource.query(
      `update "user" set disabled_at = null, deletion_due_at = null, approval_pending = false, password_reset_required = false`,
    );
    expect(redirectOf(answer).sent['error']).toBe('login_required');
  });

  it('checks client, redirect URI and the rest before the session, in the order of the login', async () => {
    const bad = (more: Record<string, string | undefined>) => post(oauthQuery(other, { scope: 'read', ...more }), '');
    expect((await bad({ client_id: undefined, redirect_uri: undefined })).body.error_description).toBe(
      'client_id is required',
    );
    expect((await bad({ client_id: 'A'.repeat(43) })).body.error).toBe('invalid_client');
    const elsewhere = await bad({ redirect_uri: 'https://evil.example', scope: 'bad' });
    expect(elsewhere.status).toBe(400);
    expect(elsewhere.headers).not.toHaveProperty('location');
    expect(redirectOf(await bad({ response_type: 'token' })).sent['error']).toBe('unsupported_response_type');
    expect(redirectOf(await bad({ scope: 'write' })).sent['error']).toBe('invalid_scope');
    expect(redirectOf(await bad({ code_challenge: 'short' })).sent['error']).toBe('invalid_request');
  });

  it('refuses another site, and GET', async () => {
    const before = await countRows(test);
    const answer = await post(query()).set('Sec-Fetch-Site', 'cross-site');
    expect(answer.status).toBe(403);
    expect(cookiesOf(answer)).toEqual([]);
    expect((await test.http.get('/api/auth/continue').query(query())).status).toBe(405);
    expect(await countRows(test)).toEqual(before);
  });
});

describe('POST /api/auth/logout (contract.md §3.9)', () => {
  const post = (cookie = browser.cookie) => test.http.post('/api/auth/logout').set('Cookie', cookie);
  const CLEARED = /^jwt=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax$/;

  it('ends the session, its pending codes and the cookie, and leads home', async () => {
    const answer = await post();
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers['location']).toBe(`${PUB}/`);
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(CLEARED)]);
    expect(await countRows(test)).toMatchObject({ browser_session: 0, authorization_code: 0 });
    const events = await test.dataSource.query(`select type, user_id from audit_event where type = 'logout'`);
    expect(events).toEqual([{ type: 'logout', user_id: claimsOf(browser.cookie).sub }]);
  });

  it('leaves access tokens and other browsers alone', async () => {
    const { access_token } = await obtainTokens(test, client, 'alice');
    const elsewhere = await signIn(test, client, 'alice');
    await post();
    expect(await statusOf(test, access_token)).toBe(200);
    expect(await approve(test, client, elsewhere)).toBe(elsewhere.code);
  });

  it.each([
    ['without a cookie', ''],
    ['with a forged one', 'jwt=a.b.c'],
  ])('answers the same %s, and ends nothing', async (_, cookie) => {
    const answer = await post(cookie);
    expect(answer.status).toBe(302);
    expect(answer.headers['location']).toBe(`${PUB}/`);
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(CLEARED)]);
    expect((await countRows(test))['browser_session']).toBe(1);
  });

  it('answers the same a second time', async () => {
    await post();
    const answer = await post();
    expect(answer.status).toBe(302);
    expect(await test.dataSource.query(`select from audit_event where type = 'logout'`)).toHaveLength(1);
  });

  it('answers 204 to a script that accepts JSON only', async () => {
    const answer = await post().set('Accept', 'application/json');
    expect(answer.status).toBe(204);
    expect(answer.headers).not.toHaveProperty('location');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(CLEARED)]);
    expect((await countRows(test))['browser_session']).toBe(0);
  });

  it.each(['*/*', 'text/html', 'application/json, text/html;q=0.5', 'application/json, */*'])(
    'answers 302 when %s is accepted',
    async (accept) => {
      expect((await post().set('Accept', accept)).status).toBe(302);
    },
  );

  it('refuses another site, and GET', async () => {
    const answer = await post().set('Origin', 'https://evil.example');
    expect(answer.status).toBe(403);
    expect(cookiesOf(answer)).toEqual([]);
    expect((await test.http.get('/api/auth/logout').set('Cookie', browser.cookie)).status).toBe(405);
    expect((await countRows(test))['browser_session']).toBe(1);
  });
});
