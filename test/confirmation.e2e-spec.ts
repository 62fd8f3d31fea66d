import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfirmationService } from '../src/registration/confirmation.service.js';
import { useLink } from './support/account-mails.js';
import { act, DEAD_LINK, rowOf, rowsOf, signInOutcome } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  clientToken,
  INVALID_GRANT,
  outcomeOf,
  PASSWORD,
  registerClient,
  requestToken,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { addressOf, CONFIRM_SUBJECT, journalOfUser, mailsAreOut, titlesOf } from './support/mail-flows.js';
import { type Newcomer, newName, nextConfirmation, postRegistration, register } from './support/newcomers.js';
import { ACCEPT_HTML, expectPage, formsOf, textOf } from './support/pages.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const DONE = { status: 200, body: { status: 'success' } };
const UNCONFIRMED = {
  status: 403,
  body: { error: 'Your login is missing a confirmed e-mail address', identifier: 'missing_confirmed_email' },
};

let smtp: SmtpListener;
let test: TestApp;
let replica: TestApp;
let client: TestClient;
let appToken: string;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  replica = await startApp((config) => (config.smtpUrl = smtp.url), test.database);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test);
  appToken = await clientToken(test, client);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await smtp.close();
});

let person: Newcomer;
let link: string;
beforeEach(async () => {
  await mailsAreOut(test);
  smtp.mails.splice(0);
  person = await register(test, appToken);
  link = await nextConfirmation(test, smtp, person.email);
});
const whoami = (app = replica) =>
  outcomeOf(app.http.get('/api/v1/accounts/verify_credentials').auth(person.token, { type: 'bearer' }));

describe('POST /api/v1/accounts where addresses are confirmed (contract.md §5.1)', () => {
  it('answers a token, and what it waits for; one mail goes out', async () => {
    const name = newName();
    const answer = await postRegistration(test, appToken, name);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id: expect.any(Number),
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      scope: 'read write follow push',
      created_at: expect.any(Number),
      expires_in: 7_776_000,
      me: `${PUB}/users/${name}`,
      identifier: 'missing_confirmed_email',
      message: 'You have been registered. Please check your e-mail for a link that confirms your address.',
    });
    const mail = await smtp.next({ to: addressOf(name) });
    expect(mail.subject).toMatch(CONFIRM_SUBJECT);
    expect(mail.envelope.to).toEqual([addressOf(name)]);
    expect(smtp.linkOf(mail)).toMatch(new RegExp(`^${PUB}/auth/link/[\\w-]{43}$`));
    await mailsAreOut(test);
    expect(smtp.sentTo({ to: addressOf(name) })).toHaveLength(1);
  });

  it('makes an account that nobody can use, or counts, until then', async () => {
    expect(await whoami()).toEqual(UNCONFIRMED);
    const calls = [
      act(test, person, 'change_password', { password: PASSWORD }),
      act(test, person, 'delete_account', { password: PASSWORD }),
      outcomeOf(test.http.get('/api/oauth_tokens').auth(person.token, { type: 'bearer' })),
    ];
    expect(await Promise.all(calls)).toEqual([UNCONFIRMED, UNCONFIRMED, UNCONFIRMED]);
    expect(await rowOf(test, person.id)).toMatchObject({ confirmation_pending: true, email_verified_at: null });
    const { body } = await test.http.get('/api/v1/instance');
    const [{ count }] = await test.dataSource.query(
      `select count(*)::int as count from "user" where not confirmation_pending`,
    );
    expect(body.stats.user_count).toBe(count);
  });
});

describe('the refresh token of a registration (contract.md §2.5.2)', () => {
  it('is worth nothing until the address is confirmed, and works then', async () => {
    const name = newName();
    const { refresh_token } = (await postRegistration(test, appToken, name)).body;
    const refresh = () => outcomeOf(requestToken(replica, client, { grant_type: 'refresh_token', refresh_token }));
    expect(await refresh()).toEqual(INVALID_GRANT);
    expect(await useLink(test, await nextConfirmation(test, smtp, addressOf(name)))).toEqual(DONE);
    expect(await refresh()).toMatchObject({ status: 200, body: { scope: 'read write follow push' } });
  });
});

describe('the link that confirms a registration (contract.md §5.3)', () => {
  it('changes nothing when it is only looked at, however often', async () => {
    for (const method of ['get', 'get', 'head'] as const) {
      expect((await test.http[method](link).set('Accept', ACCEPT_HTML)).status).toBe(200);
    }
    expect(await whoami()).toEqual(UNCONFIRMED);
    expect(await useLink(test, link)).toEqual(DONE);
  });

  it('shows a page whose one button does it', async () => {
    const page = expectPage(await test.http.get(link).set('Accept', ACCEPT_HTML));
    expect(textOf(page)).toContain(`Is ${person.email} your address, and @${person.name} your account?`);
    const [form] = formsOf(page);
    expect(form).toMatchObject({ method: 'post', action: link });
    const done = await test.http
      .post(form?.action ?? '')
      .set('Accept', ACCEPT_HTML)
      .set('Origin', PUB);
    expect(textOf(expectPage(done))).toContain(`@${person.name} is ready: you can sign in.`);
    expect((await whoami()).status).toBe(200);
  });

  it('makes the account usable at once, everywhere; welcomes; is in the journal', async () => {
    expect(await useLink(test, link)).toEqual(DONE);
    expect((await whoami()).status).toBe(200);
    expect(await statusOf(replica, person.token)).toBe(200);
    expect(await signInOutcome(replica, client, person.email)).toBe('signed in');
    const row = await rowOf(test, person.id);
    expect(row).toMatchObject({ confirmation_pending: false, email: person.email });
    expect(Math.abs(Date.now() - (row['email_verified_at'] as Date).getTime())).toBeLessThan(60_000);
    await mailsAreOut(test);
    expect(titlesOf(smtp.sentTo({ to: person.email }))).toEqual([
      [person.email, 'Confirm your address for Gatehouse'],
      [person.email, 'Welcome to Gatehouse'],
    ]);
    expect((await journalOfUser(test, person.id)).slice(0, 4)).toEqual([
      'account.created',
      'email.confirmation_sent',
      'token.issued',
      'email.confirmed',
    ]);
  });

  it('works once', async () => {
    expect(await useLink(test, link)).toEqual(DONE);
    expect(await useLink(test, link)).toEqual(DEAD_LINK);
    expect((await test.http.get(link).set('Accept', ACCEPT_HTML)).status).toBe(404);
    await mailsAreOut(test);
    expect(smtp.sentTo({ to: person.email, subject: /Welcome/ })).toHaveLength(1);
  });

  it('works once of four times at once, with one welcome', async () => {
    const outcomes = await Promise.all([test, replica, test, replica].map((app) => useLink(app, link)));
    expect(outcomes.filter(({ status }) => status === 200)).toEqual([DONE]);
    expect(outcomes.filter(({ status }) => status !== 200)).toEqual([DEAD_LINK, DEAD_LINK, DEAD_LINK]);
    await mailsAreOut(test);
    expect(smtp.sentTo({ to: person.email, subject: /Welcome/ })).toHaveLength(1);
    expect((await journalOfUser(test, person.id)).filter((type) => type === 'email.confirmed')).toHaveLength(1);
  });

  it('works for 48 hours', async () => {
    const age = (change: string) =>
      test.dataSource.query(`update mail_token set expires_at = expires_at - interval '${change}' where user_id = $1`, [
        person.id,
      ]);
    const [{ life }] = await test.dataSource.query(
      `select extract(epoch from expires_at - created_at)::int as life from mail_token where user_id = $1`,
      [person.id],
    );
    expect(life).toBe(48 * 3600);
    await age('47 hours 59 minutes');
    expect((await test.http.get(link)).status).toBe(200);
    await age('1 minute');
    expect((await test.http.get(link)).status).toBe(404);
    expect(await useLink(test, link)).toEqual(DEAD_LINK);
    expect(await whoami()).toEqual(UNCONFIRMED);
  });

  it('is refused from another site', async () => {
    const answer = await test.http.post(link).set('Origin', 'https://evil.example');
    expect(answer.status).toBe(403);
    expect(await whoami()).toEqual(UNCONFIRMED);
  });

  it.each([
    ['deleted', 'deletion_due_at = now()'],
    ['given another address', `email = 'elsewhere_' || email`],
    ['confirmed otherwise', 'confirmation_pending = false'],
  ])('does nothing when the account was %s meanwhile', async (_, change) => {
    await changeUser(test, person.id, change);
    expect(await useLink(test, link)).toEqual(DEAD_LINK);
    expect(await rowOf(test, person.id)).toMatchObject({ email_verified_at: null });
  });

  it('dies when staff vouches for the address, which does the rest as well', async () => {
    const confirmations = test.app.get(ConfirmationService);
    expect(await test.dataSource.transaction((tx) => confirmations.confirmByStaff(person.id, tx))).toBe(true);
    expect(await useLink(test, link)).toEqual(DEAD_LINK);
    expect((await whoami()).status).toBe(200);
    expect((await smtp.next({ to: person.email, subject: /Welcome/ })).text).toContain(person.name);
    expect(await test.dataSource.transaction((tx) => confirmations.confirmByStaff(person.id, tx))).toBe(false);
  });

  it('is no token for anything else (security.md R62)', async () => {
    const token = link.split('/').at(-1) ?? '';
    const reset = await test.http.post('/api/auth/reset').send({ token, password: 'quite another horse' });
    expect(reset.headers['location']).toContain('error=invalid_token');
    expect(await statusOf(test, token)).toBe(401);
    expect(await useLink(test, `/auth/link/${person.token}`)).toEqual(DEAD_LINK);
    expect(await rowsOf(test, 'mail_token', person.id)).toBe(1);
    expect(await useLink(test, link)).toEqual(DONE);
  });
});

describe('GET /api/account/confirm_email/:user_id/:token', () => {
  it.each(['get', 'head'] as const)('leads %s to the page of the link and does nothing else', async (method) => {
    const token = link.split('/').at(-1) ?? '';
    const answer = await test.http[method](`/api/account/confirm_email/${person.id}/${token}`).set(
      'Host',
      'evil.example',
    );
    expect(answer.status).toBe(302);
    expect(answer.text ?? '').toBe('');
    expect(answer.headers).toMatchObject({ location: `${PUB}${link}`, 'cache-control': 'no-store' });
    expect(await whoami()).toEqual(UNCONFIRMED);
    expect(await useLink(test, link)).toEqual(DONE);
  });

  it('keeps whatever it is given one part of the path', async () => {
    const answer = await test.http.get('/api/account/confirm_email/1/..%2F..%2Fevil%3Fa%23b');
    expect(answer.headers['location']).toBe(`${PUB}/auth/link/..%2F..%2Fevil%3Fa%23b`);
  });
});
