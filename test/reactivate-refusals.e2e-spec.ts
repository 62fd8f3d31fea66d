import type { Test } from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PasswordResetService } from '../src/recovery/password-reset.service.js';
import { MailTokensService } from '../src/users/mail-tokens.service.js';
import { UsersService } from '../src/users/users.service.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  createUser,
  INVALID_GRANT,
  oauthQuery,
  obtainCode,
  obtainTokens,
  outcomeOf,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  type TestClient,
} from './support/flows.js';
import { endings, reactivate, stateOf, type StoppedSignIn, stopAtReactivation } from './support/reactivation.js';

const REFUSED = { error: 'invalid_grant', error_description: 'Please sign in again' };
const DISABLED = { disabled: true, byStaff: false, deleting: false };

let test: TestApp;
let client: TestClient;
let query: Record<string, string>;
let people = 0;
let name: string;
let id: string;
let stopped: StoppedSignIn;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  query = oauthQuery(client, { state: 'a state' });
});
afterAll(() => test.close());
beforeEach(async () => {
  name = `person${++people}`;
  id = await createUser(test, name);
  await endings(test).disable(id, 'owner', null);
  stopped = await stopAtReactivation(test, client, name, { state: 'a state' });
});

/** Refused, and nobody is signed in; with the OAuth parameters only where they are nobody else's. */
async function expectRefused(request: Test, parameters: Record<string, string> = {}): Promise<void> {
  const answer = await request;
  expect(answer.status).toBe(302);
  expect(answer.text).toBe('');
  expect(redirectOf(answer)).toEqual({ to: `${PUB}/oauth/authorize`, sent: { ...parameters, ...REFUSED } });
  expect(cookiesOf(answer)).toEqual([]);
}

describe('POST /api/auth/reactivate by somebody else (contract.md §3.9, security.md R42, R62, R75)', () => {
  it.each<[string, (other: StoppedSignIn) => StoppedSignIn]>([
    ['without a cookie', () => ({ ...stopped, cookie: '' })],
    ['with an empty cookie', () => ({ ...stopped, cookie: 'gh_mfa=' })],
    ['with a cookie of its own', () => ({ ...stopped, cookie: `gh_mfa=${'A'.repeat(43)}` })],
    ['with the cookie of another sign-in', (other) => ({ ...stopped, cookie: other.cookie })],
    ['with the token as cookie', () => ({ ...stopped, cookie: `gh_mfa=${stopped.token}` })],
    ['with the cookie under another name', () => ({ ...stopped, cookie: stopped.cookie.replace('gh_mfa', 'jwt') })],
    ['with an unknown token', () => ({ ...stopped, token: 'A'.repeat(43) })],
    ['with the cookie as token', () => ({ ...stopped, token: stopped.cookie.slice('gh_mfa='.length) })],
    ['without a token', () => ({ ...stopped, token: '' })],
    ['with something else', () => ({ ...stopped, token: `' or true --` })],
  ])('is refused %s, tells nothing, and leaves the sign-in to its browser', async (_, forged) => {
    const other = await stopAtReactivation(test, client, name);
    await expectRefused(reactivate(test, forged(other)));
    expect(await stateOf(test, id)).toEqual(DISABLED);
    expect(redirectOf(await reactivate(test, stopped)).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is refused when another site sends the form', async () => {
    const headers = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { origin: PUB, 'sec-fetch-site': 'cross-site' },
    ];
    for (const sent of headers) {
      const answer = await reactivate(test, stopped).set(sent as Record<string, string>);
      expect(answer.status).toBe(403);
      expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'Cross-site request refused' });
      expect(cookiesOf(answer)).toEqual([]);
    }
    expect(await stateOf(test, id)).toEqual(DISABLED);
    const own = reactivate(test, stopped).set({ origin: PUB, 'sec-fetch-site': 'same-origin' });
    expect(redirectOf(await own).to).toBe(`${PUB}/oauth/consent`);
  });

  it('answers 400 to a token that is no text or given twice, 415 to other types, 405 to GET', async () => {
    const post = () => test.http.post('/api/auth/reactivate').set('Cookie', stopped.cookie);
    for (const value of [[stopped.token], { token: stopped.token }, 1, null, 'a\u0000b', 'a\nb']) {
      const answer = await post().send({ reactivation_token: value });
      expect(answer.status, JSON.stringify(value)).toBe(400);
      expect(answer.body.error).toBe('invalid_request');
    }
    const twice = `reactivation_token=${stopped.token}&reactivation_token=${stopped.token}`;
    expect((await post().type('form').send(twice)).status).toBe(400);
    expect((await post().type('text/plain').send(`reactivation_token=${stopped.token}`)).status).toBe(415);
    expect((await test.http.get('/api/auth/reactivate').set('Cookie', stopped.cookie)).status).toBe(405);
    expect(await stateOf(test, id)).toEqual(DISABLED);
  });

  it('takes no secret of another kind (R62)', async () => {
    await createUser(test, `other${people}`);
    const tokens = await obtainTokens(test, client, `other${people}`);
    const { code } = await signIn(test, client, `other${people}`);
    const user = (await test.app.get(UsersService).find(id))!;
    const resetToken = await test.dataSource.transaction((tx) => test.app.get(PasswordResetService).issue(user, tx));
    const wanted = { userId: id, purpose: 'cancel_deletion', address: null, life: 3600 } as const;
    const link = await test.dataSource.transaction((tx) => test.app.get(MailTokensService).issue(wanted, tx));
    for (const token of [tokens.access_token, tokens.refresh_token, code, resetToken, link.token, client.client_secret])
      await expectRefused(reactivate(test, { ...stopped, token }));
    expect(await stateOf(test, id)).toEqual(DISABLED);
  });

  it('and its token and cookie open nothing else (R43, R75)', async () => {
    for (const secret of [stopped.token, stopped.cookie.slice('gh_mfa='.length)]) {
      const bearer = await test.http.get('/api/oauth_tokens').auth(secret, { type: 'bearer' });
      expect(bearer.status).toBe(401);
      expect(await outcomeOf(requestToken(test, client, redemption(client, secret)))).toStrictEqual(INVALID_GRANT);
      const refresh = { grant_type: 'refresh_token', refresh_token: secret };
      expect(await outcomeOf(requestToken(test, client, refresh))).toStrictEqual(INVALID_GRANT);
      const reset = await test.http
        .post('/api/auth/reset')
        .type('form')
        .send({ token: secret, password: 'x'.repeat(20) });
      expect(redirectOf(reset).sent['error']).toBe('invalid_token');
      const link = await test.http.post(`/auth/link/${secret}`).set('Accept', 'application/json');
      expect(link.status).toBe(404);
      const { client_id, redirect_uri } = client;
      const consent = test.http.post('/api/auth/redirect').set('Cookie', `jwt=${secret}; ${stopped.cookie}`);
      const decided = await consent.type('form').send({ client_id, redirect_uri, code: secret });
      expect(redirectOf(decided).sent).toMatchObject({ error: 'invalid_request' });
      const onward = await test.http.post('/api/auth/continue').set('Cookie', stopped.cookie).query(query);
      expect(redirectOf(onward).sent['error']).toBe('login_required');
    }
    expect(redirectOf(await reactivate(test, stopped)).to).toBe(`${PUB}/oauth/consent`);
  });
});

describe('POST /api/auth/reactivate too late (contract.md §3.9, §4.5)', () => {
  it('is refused after 300 seconds, and the browser keeps its way', async () => {
    await test.dataSource.query(
      `update pending_sign_in set expires_at = expires_at - interval '300 seconds' where user_id = $1`,
      [id],
    );
    await expectRefused(reactivate(test, stopped), query);
    expect(await stateOf(test, id)).toEqual(DISABLED);
  });

  it('is refused the second time, also when the account was left again', async () => {
    expect(redirectOf(await reactivate(test, stopped)).to).toBe(`${PUB}/oauth/consent`);
    await expectRefused(reactivate(test, stopped));
    await endings(test).disable(id, 'owner', null);
    await expectRefused(reactivate(test, stopped));
    expect(await stateOf(test, id)).toEqual(DISABLED);
  });

  it('is refused when another browser was faster', async () => {
    const other = await stopAtReactivation(test, client, name);
    expect(redirectOf(await reactivate(test, other)).to).toBe(`${PUB}/oauth/consent`);
    await expectRefused(reactivate(test, stopped), query);
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'the password was reset',
      async () => {
        const user = (await test.app.get(UsersService).find(id))!;
        const token = await test.dataSource.transaction((tx) => test.app.get(PasswordResetService).issue(user, tx));
        const form = { token, password: 'another horse, another battery' };
        expect(redirectOf(await test.http.post('/api/auth/reset').type('form').send(form)).sent).toEqual({
          success: 'true',
        });
      },
    ],
    [
      'staff demanded a new password',
      async () => {
        const user = (await test.app.get(UsersService).find(id))!;
        await test.dataSource.transaction((tx) => test.app.get(PasswordResetService).demandNew(user, null, tx));
      },
    ],
    ['staff disabled the account', () => endings(test).disable(id, 'staff', null)],
    ['the account was deleted', () => endings(test).scheduleDeletion(id, null)],
  ])('is refused when meanwhile %s', async (_, event) => {
    await event();
    const before = await stateOf(test, id);
    await expectRefused(reactivate(test, stopped));
    expect(await stateOf(test, id)).toEqual(before);
    expect(before['disabled']).toBe(true);
    const rows = await test.dataSource.query('select 1 from pending_sign_in where user_id = $1', [id]);
    expect(rows).toEqual([]);
  });

  it('changes nothing when the client is gone', async () => {
    const gone = await registerClient(test);
    const waiting = await stopAtReactivation(test, gone, name);
    await test.dataSource.query('delete from application where id = $1', [gone.id]);
    const answer = await reactivate(test, waiting);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'invalid_client', error_description: 'Unknown client_id' });
    expect(cookiesOf(answer)).toEqual([]);
    expect(await stateOf(test, id)).toEqual(DISABLED);
    expect(redirectOf(await reactivate(test, stopped)).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is refused once the account is erased', async () => {
    const leaving = await createUser(test, `leaving${people}`);
    await endings(test).scheduleDeletion(leaving, null, 3600);
    const waiting = await stopAtReactivation(test, client, `leaving${people}`);
    await test.dataSource.query(
      `update "user" set deletion_due_at = now(), erased_at = now(), password_hash = null where id = $1`,
      [leaving],
    );
    await expectRefused(reactivate(test, waiting), oauthQuery(client));
    expect(await stateOf(test, leaving)).toMatchObject({ deleting: true });
  });

  it('and the code that it leads to needs the same browser (R48)', async () => {
    const consent = redirectOf(await reactivate(test, stopped)).sent;
    const { client_id, redirect_uri } = client;
    const form = { client_id, redirect_uri, code: consent['code'] };
    const answer = await test.http.post('/api/auth/redirect').set('Cookie', stopped.cookie).type('form').send(form);
    expect(redirectOf(answer).sent).toMatchObject({ error: 'invalid_request' });
    expect(await obtainCode(test, client, name)).toMatch(/^[\w-]{43}$/);
  });
});
