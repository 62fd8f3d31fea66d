import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountEndingService } from '../src/account/account-ending.service.js';
import {
  act,
  DONE,
  expectNoFoothold,
  linksOf,
  newEvents,
  newPerson,
  type Person,
  PREFIXES,
  refused,
  rowOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import { mailsOf, resetPassword, resetToken, titles } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  cookiesOf,
  oauthQuery,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  requestToken,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const IS_DISABLED = {
  status: 403,
  body: { error: 'Your login is currently disabled', identifier: 'account_is_disabled' },
};
const UNKNOWN = { status: 401, body: { error: 'The access token is invalid' } };

let smtp: SmtpListener;
let test: TestApp;
let replica: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  const mailing = (config: TestApp['config']) => (config.smtpUrl = smtp.url);
  test = await startApp(mailing);
  replica = await startApp(mailing, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await smtp.close();
});

const disable = (person: Person, password = PASSWORD) => act(test, person, 'disable_account', { password });
const verify = (token: string, app = test) =>
  outcomeOf(app.http.get('/api/v1/accounts/verify_credentials').auth(token, { type: 'bearer' }));
/** Signs in, and confirms that the account is wanted back. */
async function comeBack({ name }: Person, password = PASSWORD): Promise<string> {
  const signedIn = await postLogin(test, oauthQuery(client, { scope: 'read' }), { identifier: name, password });
  const { to, sent } = redirectOf(signedIn);
  if (!to.endsWith('/oauth/reactivate')) return sent['identifier'] ?? sent['error'] ?? to;
  const cookie = cookiesOf(signedIn).map((line) => line.split(';', 1)[0]);
  const answer = await test.http
    .post('/api/auth/reactivate')
    .set('Cookie', cookie.join('; '))
    .type('form')
    .send({ reactivation_token: sent['reactivation_token'] });
  return redirectOf(answer).to.split('/').at(-1) ?? '';
}

describe('POST /api/pleroma/disable_account (contract.md §5.8)', () => {
  it.each(PREFIXES.flatMap((prefix) => [...BODY_FORMS, 'query'].map((form) => [prefix, form] as const)))(
    'under %s, with the password in a %s, disables the account',
    async (prefix, form) => {
      const person = await newPerson(test, client);
      const request = test.http.post(`${prefix}/disable_account`).auth(person.token, { type: 'bearer' });
      const password = { password: PASSWORD };
      const sent = form === 'query' ? request.query(password) : sendAs(request, form as 'json', password);
      expect(await outcomeOf(sent)).toStrictEqual(DONE);
      expect(await rowOf(test, person.id)).toMatchObject({
        disabled_at: expect.any(Date),
        disabled_by_staff: false,
        deletion_due_at: null,
        username: person.name,
        email: person.email,
      });
    },
  );

  it('refuses a wrong password, and none, and changes nothing', async () => {
    const person = await newPerson(test, client);
    const before = await rowOf(test, person.id);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await disable(person, 'wrong')).toStrictEqual(refused('Invalid password.'));
      expect(await disable(person, '')).toStrictEqual(refused('Invalid password.'));
      expect(await act(test, person, 'disable_account', {})).toStrictEqual(refused('Invalid password.'));
    });
    expect(mails).toEqual([]);
    expect(await rowOf(test, person.id)).toEqual(before);
    expect((await verify(person.token)).status).toBe(200);
  });

  it('ends every way in, here and on a replica, and says so to who shows an old token (security.md R86)', async () => {
    const person = await newPerson(test, client);
    const held = await takeFootholds(test, client, person.name);
    // Both remember the token by now, if they do.
    for (const app of [test, replica]) expect((await verify(person.token, app)).status).toBe(200);
    expect(await disable(person)).toStrictEqual(DONE);
    for (const app of [test, replica])
      for (const token of [person.token, held.other.access_token])
        expect(await verify(token, app)).toStrictEqual(IS_DISABLED);
    await expectNoFoothold(test, client, person.id, held);
    for (const { refresh_token } of [person.tokens, held.other]) {
      const again = requestToken(test, client, { grant_type: 'refresh_token', refresh_token });
      expect((await again).body.error).toBe('invalid_grant');
    }
    expect(await linksOf(test, person.id)).toEqual([]);
    expect(await act(test, person, 'disable_account', { password: PASSWORD })).toStrictEqual(IS_DISABLED);
  });

  it('is kept from who does not know the password (security.md R86)', async () => {
    const person = await newPerson(test, client);
    await disable(person);
    expect(await signInOutcome(test, client, person.name, 'wrong')).toBe('Invalid identifier or password');
    expect(await signInOutcome(test, client, person.name)).toBe('reactivate');
  });

  it('tells the owner, and notes it in the journal', async () => {
    const person = await newPerson(test, client);
    await newEvents(test, person.id);
    const mails = await mailsOf(test, smtp, () => disable(person));
    expect(titles(mails)).toEqual([[person.email, 'account_disabled']]);
    expect(mails[0]?.text).toContain('127.0.0.1');
    expect(mails[0]?.text).toMatch(/sign in/);
    expect(await newEvents(test, person.id)).toEqual(['account.disabled']);
  });

  it('lets the owner come back by signing in; old tokens stay dead', async () => {
    const person = await newPerson(test, client);
    await disable(person);
    await newEvents(test, person.id);
    const mails = await mailsOf(test, smtp, async () => expect(await comeBack(person)).toMatch(/^consent/));
    expect(titles(mails)).toEqual([[person.email, 'account_reactivated']]);
    expect(await newEvents(test, person.id)).toContain('account.reactivated');
    expect(await rowOf(test, person.id)).toMatchObject({ disabled_at: null, disabled_by_staff: false });
    expect(await verify(person.token)).toStrictEqual(UNKNOWN);
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
  });

  it('lets the owner set a new password by mail, and then come back', async () => {
    const person = await newPerson(test, client);
    await disable(person);
    const token = await resetToken(test, smtp, person.email);
    expect(await resetPassword(test, token, 'a safe new horse')).toBe('done');
    expect((await rowOf(test, person.id))['disabled_at']).not.toBeNull();
    expect(await comeBack(person, 'a safe new horse')).toMatch(/^consent/);
  });
});

describe('what staff disabled', () => {
  it('stays so: by no sign-in, by no mail, and not by its owner disabling it first', async () => {
    const endings = test.app.get(AccountEndingService);
    const person = await newPerson(test, client);
    await disable(person);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await endings.disable(person.id, 'staff', null)).toBe(true);
      expect(await endings.disable(person.id, 'staff', null)).toBe(false);
      expect(await endings.disable(person.id, 'owner', null)).toBe(false);
    });
    expect(titles(mails)).toEqual([[person.email, 'account_disabled']]);
    expect(mails[0]?.text).toMatch(/staff/);
    expect(mails[0]?.text).not.toMatch(/just sign in/);
    expect(await comeBack(person)).toBe('account_is_disabled');
    expect(await rowOf(test, person.id)).toMatchObject({ disabled_at: expect.any(Date), disabled_by_staff: true });
    expect(await verify(person.token)).toStrictEqual(IS_DISABLED);
  });

  it('staff lifts; then the old tokens are unknown', async () => {
    const endings = test.app.get(AccountEndingService);
    const person = await newPerson(test, client);
    await endings.disable(person.id, 'staff', null);
    expect(await verify(person.token)).toStrictEqual(IS_DISABLED);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await endings.enable(person.id, null)).toBe(true);
      expect(await endings.enable(person.id, null)).toBe(false);
    });
    expect(titles(mails)).toEqual([[person.email, 'account_reactivated']]);
    expect(mails[0]?.text).toMatch(/staff/);
    expect(await verify(person.token)).toStrictEqual(UNKNOWN);
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
  });
});
