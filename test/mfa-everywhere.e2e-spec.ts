import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, changePassword, DONE, newEvents, newPerson, rowsOf, signInOutcome } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  oauthQuery,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { requestReset } from './support/mail-flows.js';
import {
  enableTotp,
  forgetSteps,
  type Guarded,
  meaningOf,
  newGuarded,
  showFactor,
  signInWith,
  stopAtFactor,
} from './support/mfa.js';
import { endings, reactivate, stateOf } from './support/reactivation.js';

import { type SmtpListener, startSmtp } from './support/smtp.js';

const OTHER = 'quite another horse';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let person: Guarded;
let asked: Record<string, string>;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
  });
  await test.listen();
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&b' });
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});
beforeEach(async () => {
  person = await newGuarded(test, client);
});

/** Password, then a right code. */
async function wholeWay(password = PASSWORD) {
  const stopped = await stopAtFactor(test, client, person.name, asked, password);
  await forgetSteps(test, person);
  return showFactor(test, stopped, { code: person.app.code() });
}

const sessions = () =>
  Promise.all(['browser_session', 'authorization_code', 'session'].map((table) => rowsOf(test, table, person.id)));

describe('an account with a second factor that cannot be used (contract.md §3.3.1 row 11)', () => {
  it.each([
    ['disabled_at = now(), disabled_by_staff = true', 'account_is_disabled', 'Your login is currently disabled'],
    ['approval_pending = true', 'awaiting_approval', 'Your login is currently pending approval'],
    ['confirmation_pending = true', 'missing_confirmed_email', 'Your login is missing a confirmed e-mail address'],
  ])('tells so only after the factor: %s', async (change, identifier, sentence) => {
    await changeUser(test, person.id, change);
    const before = await sessions();
    // Neither the password nor a wrong code says anything.
    const stopped = await stopAtFactor(test, client, person.name, asked);
    expect(meaningOf(await showFactor(test, stopped, { code: person.app.wrongCode }))).toBe('Invalid code');
    await newEvents(test, person.id);
    const answer = await showFactor(test, stopped, { code: person.app.code() });
    expect(answer.status).toBe(302);
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/authorize`,
      sent: { ...asked, error: 'access_denied', error_description: sentence, identifier },
    });
    expect(cookiesOf(answer).filter((line) => line.startsWith('jwt'))).toEqual([]);
    expect(await sessions()).toEqual(before);
    const events = (await newEvents(test, person.id)).filter((type) => /^(mfa|login)\./.test(type));
    expect(events).toEqual(['mfa.passed', 'login.blocked']);
  });

  it.each([
    ['disabled', () => endings(test).disable(person.id, 'owner', null)],
    ['deletion_pending', () => endings(test).scheduleDeletion(person.id, null)],
  ] as const)('may come back only after the factor: %s', async (reason, leave) => {
    await leave();
    const answer = await wholeWay();
    const { to, sent } = redirectOf(answer);
    expect(to).toBe(`${PUB}/oauth/reactivate`);
    expect(sent).toEqual({ reactivation_token: expect.stringMatching(/^[\w-]{43}$/), reason, ...asked });
    const cookies = cookiesOf(answer);
    expect(cookies).toEqual([
      expect.stringMatching(/^gh_mfa=[\w-]{43}; Max-Age=300; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    const token = sent['reactivation_token'] ?? '';
    const [cookie = ''] = (cookies[0] ?? '').split(';');
    // The factor is not asked for twice.
    expect(redirectOf(await reactivate(test, { token, cookie })).to).toBe(`${PUB}/oauth/consent`);
    expect(await stateOf(test, person.id)).toMatchObject({ disabled: false, deleting: false });
    // But the next time it is.
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('does not come back by the token of the factor', async () => {
    await endings(test).disable(person.id, 'owner', null);
    const stopped = await stopAtFactor(test, client, person.name, asked);
    expect(meaningOf(await reactivate(test, stopped))).toBe('Please sign in again');
    expect(await stateOf(test, person.id)).toMatchObject({ disabled: true });
  });

  it('gets the form for a new password only after the factor, which is asked for again afterwards', async () => {
    await changeUser(test, person.id, 'password_reset_required = true');
    const answer = await wholeWay();
    const { to, sent } = redirectOf(answer);
    expect({ to, ...sent }).toEqual({
      to: `${PUB}/oauth/reset`,
      token: expect.stringMatching(/^[\w-]{43}$/),
      login_reset: 'true',
    });
    const reset = await test.http.post('/api/auth/reset').type('form').send({ token: sent['token'], password: OTHER });
    expect(reset.headers['location']).toBe(`${PUB}/oauth/reset?success=true`);
    expect(await signInOutcome(test, client, person.name, OTHER)).toBe('mfa');
    expect(meaningOf(await wholeWay(OTHER))).toBe('signed in');
  });
});

describe('a second factor holds', () => {
  it('after a reset by mail: neither removed nor skipped (contract.md §5.5, security.md R84)', async () => {
    const waiting = await stopAtFactor(test, client, person.name, asked);
    const token = await requestReset(test, smtp, person.name);
    const reset = await test.http.post('/api/auth/reset').type('form').send({ token, password: OTHER });
    expect(reset.headers['location']).toBe(`${PUB}/oauth/reset?success=true`);
    expect(cookiesOf(reset)).toEqual([]);
    // What had begun with the old password is over.
    const late = await showFactor(test, waiting, { code: person.app.code() });
    expect(meaningOf(late)).toBe('Please sign in again');
    expect(await signInOutcome(test, client, person.name, OTHER)).toBe('mfa');
    expect(meaningOf(await wholeWay(OTHER))).toBe('signed in');
  });

  it('after a change of the password, which ends what waits', async () => {
    const waiting = await stopAtFactor(test, client, person.name, asked);
    expect(await act(test, person, 'change_password', changePassword(OTHER))).toEqual(DONE);
    expect(meaningOf(await showFactor(test, waiting, { code: person.app.code() }))).toBe('Please sign in again');
    expect(meaningOf(await wholeWay(OTHER))).toBe('signed in');
  });

  it('by any identifier of the account', async () => {
    for (const identifier of [person.email, `@${person.name}`, ` ${person.name.toUpperCase()}@localhost:3000 `]) {
      expect(meaningOf(await postLogin(test, asked, { identifier, password: PASSWORD }))).toBe('mfa');
    }
  });

  it('at every client, also at one that the person uses already', async () => {
    const other = await registerClient(test);
    expect(await signInOutcome(test, other, person.name)).toBe('mfa');
    const again = await stopAtFactor(test, client, person.name, { scope: 'read' });
    expect(meaningOf(await showFactor(test, again, { code: person.app.code() }))).toBe('signed in');
  });

  it('for staff as for anybody', async () => {
    await changeUser(test, person.id, `role = 'admin'`);
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('beside live sessions, which go on: their tokens, their refreshes and their browser (contract.md §4.5)', async () => {
    const early = await newPerson(test, client);
    const browser = await signIn(test, client, early.name);
    await enableTotp(test, early);
    expect(await statusOf(test, early.token)).toBe(200);
    const { refresh_token } = early.tokens;
    const refreshed = await requestToken(test, client, { grant_type: 'refresh_token', refresh_token });
    expect(refreshed.status).toBe(200);
    const goOn = await test.http.post('/api/auth/continue').query(asked).set('Cookie', browser.cookie);
    expect(redirectOf(goOn).to).toBe(`${PUB}/oauth/consent`);
  });

  it('when everything was revoked', async () => {
    const waiting = await stopAtFactor(test, client, person.name);
    const revoke = test.http.delete('/api/oauth_tokens').auth(person.token, { type: 'bearer' });
    expect(await outcomeOf(revoke)).toEqual({ status: 200, body: {} });
    expect(meaningOf(await showFactor(test, waiting, { code: person.app.code() }))).toBe('Please sign in again');
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
    expect(await signInWith(test, client, person.name, { code: person.app.code() })).toBe('signed in');
  });

  it('after the address was changed, which ends what waits', async () => {
    const waiting = await stopAtFactor(test, client, person.name);
    const code = person.app.code();
    const fields = { email: `new-${person.email}`, password: PASSWORD, code };
    expect(await act(test, person, 'change_email', fields)).toEqual(DONE);
    const mail = await smtp.next({ to: fields.email });
    expect((await test.http.post(new URL(smtp.linkOf(mail)).pathname)).status).toBe(200);
    expect(meaningOf(await showFactor(test, waiting, { code: person.app.code(1) }))).toBe('Please sign in again');
    expect(await signInOutcome(test, client, fields.email)).toBe('mfa');
  });
});
