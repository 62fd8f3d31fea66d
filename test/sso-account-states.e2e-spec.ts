import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { endings, lettersTo, reactivate, stateOf } from './support/reactivation.js';
import { giveIdentity, provider, tokensFor } from './support/sso.js';
import {
  comeVouched,
  cookieOf,
  cookiesGiven,
  effectOf,
  FLOW_CLEARED,
  holdings,
  SECRET,
  sentToLogin,
  SESSION,
  STEP,
  STEP_CLEARED,
} from './support/vouched.js';

const ACTIVE = { disabled: false, byStaff: false, deleting: false };

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
let person: Person;
let before: Awaited<ReturnType<typeof holdings>>;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    // An account that cannot be used must not make the identity look unknown.
    config.sso.providers = [provider('evil', evil.url, { auto_register: true })];
  });
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  person = await newPerson(test, client);
  await giveIdentity(test, person, evil.url, person.name);
});

/** Signs in there, as if a new account could be made of it. */
async function arrive() {
  before = await holdings(test);
  await newEvents(test, person.id);
  const claims = { sub: person.name, preferred_username: `${person.name}_too` };
  return comeVouched(test, evil, { ...asked, issuer: 'evil' }, claims);
}

/** Nothing is left behind that a browser or client could use, and nobody was made. */
async function expectNothingOpened(): Promise<void> {
  const { sso_session: _vouched, pending_sign_in: _steps, mail_outbox: _letters, ...opened } = await holdings(test);
  expect(before).toMatchObject(opened);
}

describe('a sign-in at a provider to an account that its owner left (contract.md §3.7, §3.3.1 row 11)', () => {
  it.each([
    ['disabled', 'account.reactivated'],
    ['deletion_pending', 'account.deletion_cancelled'],
  ])('asks whether it shall come back when it is %s, and brings it back', async (reason, event) => {
    if (reason === 'disabled') await endings(test).disable(person.id, 'owner', null);
    else await endings(test).scheduleDeletion(person.id, null);
    const answer = await arrive();
    expect(effectOf(answer)).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/reactivate`,
      sent: { reactivation_token: SECRET, reason, ...asked },
      cookies: [FLOW_CLEARED, STEP],
    });
    await expectNothingOpened();
    expect(await newEvents(test, person.id)).toEqual(['login.blocked']);

    const token = redirectOf(answer).sent['reactivation_token'] ?? '';
    const back = await reactivate(test, { token, cookie: cookieOf(answer, 'gh_mfa') });
    expect(effectOf(back)).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/consent`,
      sent: { application: 'Test client', ...asked, code: SECRET },
      cookies: [STEP_CLEARED, SESSION],
    });
    expect(await stateOf(test, person.id)).toEqual(ACTIVE);
    expect(await newEvents(test, person.id)).toEqual([event, 'login.succeeded']);
    const { sent } = redirectOf(back);
    const browser = { cookie: cookieOf(back, 'jwt'), code: sent['code'] ?? '', consent: new URLSearchParams(sent) };
    expect(await tokensFor(test, client, browser)).toMatchObject({ me: `${PUB}/users/${person.name}` });
    // The provider ends this session too, when it says that its own has ended.
    expect(await vouchedSessions()).toBe(1);
  });

  it('names the deletion when both were done, and undoes both', async () => {
    await endings(test).disable(person.id, 'owner', null);
    await endings(test).scheduleDeletion(person.id, null);
    const answer = await arrive();
    const { sent } = redirectOf(answer);
    expect(sent).toMatchObject({ reason: 'deletion_pending' });
    const token = sent['reactivation_token'] ?? '';
    await reactivate(test, { token, cookie: cookieOf(answer, 'gh_mfa') });
    expect(await stateOf(test, person.id)).toEqual(ACTIVE);
  });

  it('does not bring it back without the cookie of that browser', async () => {
    await endings(test).disable(person.id, 'owner', null);
    const token = redirectOf(await arrive()).sent['reactivation_token'] ?? '';
    const other = await reactivate(test, { token, cookie: `gh_mfa=${'a'.repeat(43)}` });
    expect(redirectOf(other)).toEqual(sentToLogin({}, 'invalid_grant', 'Please sign in again'));
    expect(cookiesGiven(other)).toEqual([]);
    expect(await stateOf(test, person.id)).toMatchObject({ disabled: true });
  });
});

describe('a sign-in at a provider to an account that cannot be used', () => {
  it.each([
    ['disabled_at = now(), disabled_by_staff = true', 'Your login is currently disabled', 'account_is_disabled', []],
    [
      `disabled_at = now(), disabled_by_staff = true, deletion_due_at = now() + interval '1 day'`,
      'Your login is currently disabled',
      'account_is_disabled',
      [],
    ],
    ['approval_pending = true', 'Your login is currently pending approval', 'awaiting_approval', []],
    [
      'confirmation_pending = true',
      'Your login is missing a confirmed e-mail address',
      'missing_confirmed_email',
      ['confirm_registration'],
    ],
  ])('is told so after %s', async (change, sentence, identifier, letters) => {
    await changeUser(test, person.id, change);
    const known = await lettersTo(test, person.id);
    const answer = await arrive();
    expect([answer.status, answer.text, cookiesGiven(answer)]).toEqual([302, '', []]);
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'access_denied', sentence, identifier));
    await expectNothingOpened();
    expect((await newEvents(test, person.id))[0]).toBe('login.blocked');
    expect(await lettersTo(test, person.id)).toEqual([...known, ...letters]);
  });

  it('leads to a new password where staff demands one, and signs in afterwards', async () => {
    await changeUser(test, person.id, 'password_reset_required = true');
    const answer = await arrive();
    expect(effectOf(answer)).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/reset`,
      sent: { token: SECRET, login_reset: 'true' },
      cookies: [FLOW_CLEARED],
    });
    await expectNothingOpened();
    const fields = { token: redirectOf(answer).sent['token'], password: 'another horse, another battery' };
    const reset = await test.http.post('/api/auth/reset').type('form').send(fields);
    expect(redirectOf(reset)).toEqual({ to: `${PUB}/oauth/reset`, sent: { success: 'true' } });
    expect(redirectOf(await arrive()).to).toBe(`${PUB}/oauth/consent`);
  });
});

/** How many of the person's sessions hang on a sign-in at a provider. */
async function vouchedSessions(): Promise<number> {
  const [row] = await test.dataSource.query(
    `select count(*)::int as count from session s join sso_session o on o.id = s.sso_session_id
     join linked_identity i on i.id = o.identity_id where s.user_id = $1 and s.revoked_at is null and i.user_id = $1`,
    [person.id],
  );
  return row.count;
}
