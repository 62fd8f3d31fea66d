import type { Test } from 'supertest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PasswordResetService } from '../src/recovery/password-reset.service.js';
import { UsersService } from '../src/users/users.service.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  signIn,
  type SignedIn,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { endings, journalOfPerson, reactivate, stateOf, stopAtReactivation } from './support/reactivation.js';
import { begin, Roadblock } from './support/roadblock.js';

const NEW_PASSWORD = 'another horse, another battery';
const WRONG = { error: 'invalid_grant', error_description: 'Invalid identifier or password' };

let test: TestApp;
let client: TestClient;
let query: Record<string, string>;
let people = 0;
let name: string;
let id: string;
let tokens: Tokens;
let browser: SignedIn;
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
  tokens = await obtainTokens(test, client, name);
  browser = await signIn(test, client, name);
});

const login = (password = PASSWORD) => postLogin(test, query, { identifier: name, password });
const changePassword = () => {
  const fields = { password: PASSWORD, new_password: NEW_PASSWORD, new_password_confirmation: NEW_PASSWORD };
  return test.http.post('/api/pleroma/change_password').auth(tokens.access_token, { type: 'bearer' }).send(fields);
};
const revokeAll = () => test.http.delete('/api/oauth_tokens').auth(tokens.access_token, { type: 'bearer' });
const rowsOf = (table: string) => test.dataSource.query(`select 1 from ${table} where user_id = $1`, [id]);

/** What ends everything waits here, when it has raised the account's epoch and not yet signed out the browsers. */
const beforeBrowsersEnd = () =>
  Roadblock.put(test, 'select from browser_session where user_id = $1 for key share', [id]);
/** And here when browsers and codes are gone, and the tokens not yet. */
const beforeSessionsEnd = () => Roadblock.put(test, 'select from session where user_id = $1 for share', [id]);

/** The second request begins while the first is half done; then both may end. */
async function inTheShadowOf(first: Test, roadblock: Roadblock, second: () => Test): Promise<[Answer, Answer]> {
  const ending = begin(first);
  await roadblock.queue(1);
  const late = begin(second());
  await roadblock.queue(2);
  await roadblock.lift();
  return Promise.all([ending, late]);
}
type Answer = Awaited<ReturnType<typeof postLogin>>;

describe('a sign-in whose password was checked before a change of it was committed (security.md R84)', () => {
  it('is refused as with a wrong password: no browser session, no code, no word in the journal', async () => {
    const [changed, late] = await inTheShadowOf(changePassword(), await beforeBrowsersEnd(), () => login());
    expect(changed.body).toEqual({ status: 'success' });
    expect(late.status).toBe(302);
    expect(redirectOf(late)).toEqual({ to: `${PUB}/oauth/authorize`, sent: { ...query, ...WRONG } });
    expect(cookiesOf(late)).toEqual([]);
    expect(await rowsOf('browser_session')).toEqual([]);
    expect(await rowsOf('authorization_code')).toEqual([]);
    expect((await journalOfPerson(test, id)).slice(-2)).toEqual(['login.succeeded', 'password.changed']);
    expect(redirectOf(await login(NEW_PASSWORD)).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is refused in the shadow of “revoke everything” as well', async () => {
    const [revoked, late] = await inTheShadowOf(revokeAll(), await beforeBrowsersEnd(), () => login());
    expect(revoked.body).toEqual({});
    expect(redirectOf(late).sent).toEqual({ ...query, ...WRONG });
    expect(await rowsOf('browser_session')).toEqual([]);
    expect(redirectOf(await login()).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is refused when the account is disabled or deleted at that moment, and offers no way back yet', async () => {
    const disabling = test.http
      .post('/api/pleroma/disable_account')
      .auth(tokens.access_token, { type: 'bearer' })
      .send({ password: PASSWORD });
    const [disabled, late] = await inTheShadowOf(disabling, await beforeBrowsersEnd(), () => login());
    expect(disabled.body).toEqual({ status: 'success' });
    expect(redirectOf(late).sent).toEqual({ ...query, ...WRONG });
    expect(cookiesOf(late)).toEqual([]);
  });

  it('does not lead who knows the old password to the form of the next one', async () => {
    await changeUser(test, id, 'password_reset_required = true');
    const user = (await test.app.get(UsersService).find(id))!;
    const token = await test.dataSource.transaction((tx) => test.app.get(PasswordResetService).issue(user, tx));
    const reset = test.http.post('/api/auth/reset').type('form').send({ token, password: NEW_PASSWORD });
    const [done, late] = await inTheShadowOf(reset, await beforeBrowsersEnd(), () => login());
    expect(redirectOf(done).sent).toEqual({ success: 'true' });
    expect(redirectOf(late)).toEqual({ to: `${PUB}/oauth/authorize`, sent: { ...query, ...WRONG } });
    expect(await rowsOf('mail_token')).toEqual([]);
    expect(redirectOf(await login(NEW_PASSWORD)).to).toBe(`${PUB}/oauth/consent`);
  });
});

describe('a sign-in that stopped at the reactivation in that shadow', () => {
  it('does not bring the account back', async () => {
    await endings(test).disable(id, 'owner', null);
    const user = (await test.app.get(UsersService).find(id))!;
    const token = await test.dataSource.transaction((tx) => test.app.get(PasswordResetService).issue(user, tx));
    // The reset waits here, when what was begun before has been swept away, and its end is not yet to be seen.
    const roadblock = await Roadblock.put(test, 'lock table mail_outbox in share mode');
    const form = { token, password: NEW_PASSWORD };
    const resetting = begin(test.http.post('/api/auth/reset').type('form').send(form));
    await roadblock.queue(1);
    const late = await stopAtReactivation(test, client, name, { state: 'a state' });
    await roadblock.lift();
    expect(redirectOf(await resetting).sent).toEqual({ success: 'true' });
    const answer = await reactivate(test, late);
    expect(redirectOf(answer).sent).toEqual({
      ...query,
      error: 'invalid_grant',
      error_description: 'Please sign in again',
    });
    expect(cookiesOf(answer)).toEqual([]);
    expect(await stateOf(test, id)).toMatchObject({ disabled: true });
  });
});

describe('a sign-in that is under way when everything ends (contract.md §4.5)', () => {
  const approve = ({ cookie, code } = browser) => {
    const { client_id, redirect_uri } = client;
    const request = test.http.post('/api/auth/redirect').set('Cookie', cookie);
    return request.type('form').send({ client_id, redirect_uri, code });
  };
  const goOn = () => test.http.post('/api/auth/continue').set('Cookie', browser.cookie).query(query);

  it('gets no consent any more', async () => {
    const [, late] = await inTheShadowOf(revokeAll(), await beforeSessionsEnd(), () => approve());
    expect(late.status).toBe(400);
    expect(late.body).toEqual({ error: 'invalid_grant', error_description: 'This sign-in has expired' });
    expect((await journalOfPerson(test, id)).at(-1)).toBe('session.revoked_all');
  });

  it('gets a consent that is given first, and a dead code', async () => {
    const roadblock = await Roadblock.put(test, 'lock table audit_event in share mode');
    const [approved, revoked] = await inTheShadowOf(approve(), roadblock, revokeAll);
    expect(revoked.body).toEqual({});
    const { code = '' } = redirectOf(approved).sent;
    expect(code).toBe(browser.code);
    const { client_id, client_secret, redirect_uri } = client;
    const redeemed = await test.http
      .post('/oauth/token')
      .send({ grant_type: 'authorization_code', client_id, client_secret, redirect_uri, code });
    expect(redeemed.body.error).toBe('invalid_grant');
  });

  it('is not continued: login_required, and no code', async () => {
    const [, late] = await inTheShadowOf(revokeAll(), await beforeSessionsEnd(), goOn);
    expect(late.status).toBe(302);
    expect(redirectOf(late)).toEqual({
      to: `${PUB}/oauth/authorize`,
      sent: { ...query, error: 'login_required', error_description: 'Please sign in' },
    });
    expect(cookiesOf(late)).toEqual([]);
    expect(await rowsOf('authorization_code')).toEqual([]);
    expect((await journalOfPerson(test, id)).at(-1)).toBe('session.revoked_all');
  });

  it('is continued first: its code ends as well', async () => {
    const roadblock = await Roadblock.put(test, 'lock table audit_event in share mode');
    const [continued, revoked] = await inTheShadowOf(goOn(), roadblock, revokeAll);
    expect(redirectOf(continued).to).toBe(`${PUB}/oauth/consent`);
    expect(revoked.body).toEqual({});
    expect(await rowsOf('authorization_code')).toEqual([]);
    expect(await rowsOf('browser_session')).toEqual([]);
  });

  it('does not bring an account back that staff is disabling', async () => {
    await endings(test).disable(id, 'owner', null);
    const stopped = await stopAtReactivation(test, client, name);
    const roadblock = await Roadblock.put(test, 'select from pending_sign_in where user_id = $1 for key share', [id]);
    const disabling = begin(endings(test).disable(id, 'staff', null));
    await roadblock.queue(1);
    const late = begin(reactivate(test, stopped));
    await roadblock.queue(2);
    await roadblock.lift();
    expect(await disabling).toBe(true);
    expect(redirectOf(await late).sent).toMatchObject({ error: 'invalid_grant' });
    expect(await stateOf(test, id)).toEqual({ disabled: true, byStaff: true, deleting: false });
  });
});
