import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { useLink } from './support/account-mails.js';
import { DEAD_LINK, PREFIXES } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  cookiesOf,
  oauthQuery,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { CONFIRM_SUBJECT, mailsAreOut } from './support/mail-flows.js';
import { type Newcomer, nextConfirmation, register } from './support/newcomers.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const DONE = { status: 200, body: { status: 'success' } };

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let appToken: string;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  client = await registerClient(test);
  appToken = await clientToken(test, client);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

let person: Newcomer;
let first: string;
beforeEach(async () => {
  await mailsAreOut(test);
  smtp.mails.splice(0);
  person = await register(test, appToken);
  first = await nextConfirmation(test, smtp, person.email);
});
const confirmations = () => smtp.sentTo({ subject: CONFIRM_SUBJECT }).length;

describe.each(PREFIXES)('POST %s/accounts/confirmation_resend (contract.md §5.4)', (prefix) => {
  const path = `${prefix}/accounts/confirmation_resend`;
  const NAMES = ['email', 'nickname'] as const;

  it.each(NAMES)(
    'takes %s in the query, be it a name or an address; the newest link is the one that works',
    async (name) => {
      const answer = await test.http.post(path).query({ [name]: person.name });
      expect(answer.status).toBe(204);
      expect(answer.text).toBe('');
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      });
      const second = await nextConfirmation(test, smtp, person.email);
      await test.http.post(path).query({ [name]: ` ${person.email.toUpperCase()}` });
      const third = await nextConfirmation(test, smtp, person.email);
      for (const dead of [first, second]) expect(await useLink(test, dead)).toEqual(DEAD_LINK);
      expect(await useLink(test, third)).toEqual(DONE);
    },
  );

  it.each(NAMES.flatMap((name) => BODY_FORMS.map((form) => [name, form] as const)))(
    'takes %s in a body, as %s',
    async (name, form) => {
      expect((await sendAs(test.http.post(path), form, { [name]: person.email })).status).toBe(204);
      await nextConfirmation(test, smtp, person.email);
      expect(await useLink(test, first)).toEqual(DEAD_LINK);
    },
  );

  it('refuses a name given twice', async () => {
    for (const sent of [
      test.http.post(`${path}?email=a&email=a`),
      test.http.post(`${path}?email=a`).type('form').send('email=a'),
    ]) {
      const answer = await sent;
      expect([answer.status, answer.body]).toEqual([400, { error: 'A parameter is given more than once' }]);
    }
  });

  it.each([
    ['is active', 'confirmation_pending = false'],
    ['is active with an unverified address', 'confirmation_pending = false, email_verified_at = null'],
    ['awaits approval only', 'confirmation_pending = false, approval_pending = true'],
    ['is deleted', 'deletion_due_at = now()'],
    ['has no address', 'email = null'],
  ])('sends nothing to somebody who %s, with the same answer', async (_, change) => {
    await changeUser(test, person.id, change);
    for (const email of [person.name, person.email])
      expect((await test.http.post(path).send({ email })).status).toBe(204);
    await mailsAreOut(test);
    expect(confirmations()).toBe(1);
  });

  it('sends nothing to nobody, with the same answer', async () => {
    for (const email of ['', 'nobody', 'nobody@example.org', `@${person.name}@remote.example`]) {
      expect((await test.http.post(path).send({ email })).status).toBe(204);
    }
    expect((await test.http.post(path)).status).toBe(204);
    await mailsAreOut(test);
    expect(confirmations()).toBe(1);
  });

  it('is only for POST', async () => {
    const answer = await test.http.get(`${path}?email=${person.name}`);
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
  });
});

describe('POST /api/auth/login of somebody unconfirmed (contract.md §3.3.1 row 11, §3.3.2)', () => {
  const logIn = (password: string) =>
    postLogin(test, oauthQuery(client, { state: 'a state' }), { identifier: person.name, password });

  it('refuses the right password with the reason, and sends the mail again', async () => {
    const answer = await logIn(PASSWORD);
    expect(answer.status).toBe(302);
    expect(cookiesOf(answer)).toEqual([]);
    expect(redirectOf(answer).sent).toEqual({
      ...oauthQuery(client, { state: 'a state' }),
      error: 'access_denied',
      error_description: 'Your login is missing a confirmed e-mail address',
      identifier: 'missing_confirmed_email',
    });
    const second = await nextConfirmation(test, smtp, person.email);
    expect(await useLink(test, first)).toEqual(DEAD_LINK);
    expect(await useLink(test, second)).toEqual(DONE);
  });

  it('tells who does not know the password nothing, and sends nothing', async () => {
    const { sent } = redirectOf(await logIn('wrong'));
    expect(sent).toMatchObject({ error: 'invalid_grant', error_description: 'Invalid identifier or password' });
    expect(sent).not.toHaveProperty('identifier');
    await mailsAreOut(test);
    expect(confirmations()).toBe(1);
    expect(await useLink(test, first)).toEqual(DONE);
  });

  it('refuses alike when the mailbox has had enough: no mail, and the last link still works', async () => {
    const limited = await startApp((config) => {
      Object.assign(config, { smtpUrl: smtp.url, trustProxy: 1 });
      config.limits.enabled = true;
    }, test.database);
    await limited.listen();
    const query = oauthQuery(client);
    for (let n = 0; n < 7; n++) {
      const answer = await postLogin(limited, query, { identifier: person.name, password: PASSWORD });
      expect(redirectOf(answer).sent).toMatchObject({ identifier: 'missing_confirmed_email' });
    }
    await mailsAreOut(test);
    const mails = smtp.sentTo({ to: person.email, subject: CONFIRM_SUBJECT });
    expect(mails).toHaveLength(1 + 5);
    await limited.close();
    const results = [];
    for (const mail of mails.slice(1)) results.push((await useLink(test, new URL(smtp.linkOf(mail)).pathname)).status);
    expect(results.toSorted((a, b) => a - b)).toEqual([200, 404, 404, 404, 404]);
  });
});
