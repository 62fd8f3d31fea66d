import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { useLink } from './support/account-mails.js';
import { DEAD_LINK, newPerson, rowOf, rowsOf } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { BODY_FORMS, clientToken, outcomeOf, registerClient, sendAs, type TestClient } from './support/flows.js';
import { CONFIRM_SUBJECT, journalOfUser, mailsAreOut } from './support/mail-flows.js';
import { type Newcomer, nextConfirmation, register } from './support/newcomers.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const PATH = '/api/v1/emails/confirmations';
const DONE = { status: 200, body: { status: 'success' } };
const SENT = { status: 200, body: {} };
const NOT_AWAITED = {
  status: 403,
  body: { error: 'This method is only available while the e-mail is awaiting confirmation' },
};

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let appToken: string;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.accounts.blocked_email_domains = ['spam.example'];
  });
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
let right: string;
beforeEach(async () => {
  await mailsAreOut(test);
  smtp.mails.splice(0);
  person = await register(test, appToken);
  first = await nextConfirmation(test, smtp, person.email);
  right = `right_${person.email}`;
});
const post = (token: string, fields: object = {}, { http } = test) =>
  outcomeOf(http.post(PATH).auth(token, { type: 'bearer' }).send(fields));
const details = (error: string, description: string) => ({
  status: 422,
  body: {
    error: `Validation failed: Email ${description}`,
    details: { email: [{ error, description }] },
  },
});

describe('POST /api/v1/emails/confirmations (contract.md §5.4)', () => {
  it('sends the mail again; the link before dies', async () => {
    const answer = await test.http.post(PATH).auth(person.token, { type: 'bearer' });
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect(answer.headers).toMatchObject({ 'access-control-allow-origin': '*', 'cache-control': 'no-store' });
    const second = await nextConfirmation(test, smtp, person.email);
    expect(await useLink(test, first)).toEqual(DEAD_LINK);
    expect(await useLink(test, second)).toEqual(DONE);
  });

  it.each(BODY_FORMS)('corrects the address, as %s: only the new one is written to, and confirmed', async (form) => {
    const request = test.http.post(PATH).auth(person.token, { type: 'bearer' });
    expect(await outcomeOf(sendAs(request, form, { email: ` ${right.toUpperCase()} ` }))).toEqual(SENT);
    const second = await nextConfirmation(test, smtp, right);
    await mailsAreOut(test);
    expect(smtp.sentTo({ to: person.email })).toHaveLength(1);
    expect(await rowOf(test, person.id)).toMatchObject({ email: right, confirmation_pending: true });
    expect(await useLink(test, first)).toEqual(DEAD_LINK);
    expect(await useLink(test, second)).toEqual(DONE);
    expect(await rowOf(test, person.id)).toMatchObject({ email: right, email_verified_at: expect.any(Date) });
    expect(await journalOfUser(test, person.id)).toEqual([
      'account.created',
      'email.confirmation_sent',
      'token.issued',
      'email.corrected',
      'email.confirmation_sent',
      'email.confirmed',
    ]);
  });

  it('frees the address that was wrong', async () => {
    await post(person.token, { email: right });
    const other = await register(test, appToken, { email: person.email });
    expect(other.email).toBe(person.email);
  });

  it.each([
    ['a blank address', '', 'ERR_BLANK', "can't be blank"],
    ['blanks', '  ', 'ERR_BLANK', "can't be blank"],
    ['no address', 'x', 'ERR_INVALID', 'is invalid'],
    ['two addresses', 'a@example.org,b@example.org', 'ERR_INVALID', 'is invalid'],
    ['a name with it', 'A <a@example.org>', 'ERR_INVALID', 'is invalid'],
    ['a comment', 'a(b)@example.org', 'ERR_INVALID', 'is invalid'],
    ['10,000 characters', `${'a'.repeat(10_000)}@example.org`, 'ERR_INVALID', 'is invalid'],
    ['a blocked domain', 'a@sub.spam.example', 'ERR_BLOCKED', 'is not allowed'],
  ])('refuses %s; the link before lives', async (_, email, error, description) => {
    expect(await post(person.token, { email })).toEqual(details(error, description));
    expect(await rowOf(test, person.id)).toMatchObject({ email: person.email });
    expect(await useLink(test, first)).toEqual(DONE);
  });

  it('refuses an address of somebody else, and one that an owner can still take back', async () => {
    const holder = await newPerson(test, client);
    expect(await post(person.token, { email: holder.email })).toEqual(details('ERR_TAKEN', 'has already been taken'));
    await test.dataSource.query(
      `insert into mail_token (hash, user_id, purpose, address, expires_at)
       values (sha256('x'), $1, 'undo_address', 'lately@example.org', now() + interval '1 day')`,
      [holder.id],
    );
    const lately = await post(person.token, { email: 'lately@example.org' });
    expect(lately).toEqual(details('ERR_TAKEN', 'has already been taken'));
    await mailsAreOut(test);
    expect(smtp.sentTo({ subject: CONFIRM_SUBJECT })).toHaveLength(1);
  });

  it('gives one of two at once an address, and says so to the other', async () => {
    const other = await register(test, appToken);
    const outcomes = await Promise.all([person, other].map(({ token }) => post(token, { email: right })));
    expect(outcomes.toSorted((a, b) => a.status - b.status)).toEqual([
      SENT,
      details('ERR_TAKEN', 'has already been taken'),
    ]);
    await mailsAreOut(test);
    expect(smtp.sentTo({ to: right })).toHaveLength(1);
  });

  it.each([
    ['a list', ['a@example.org'], 'email - Invalid string.'],
    ['null', null, 'email - Invalid string.'],
    ['a line break', 'a@example.org\r\nBcc: b@example.org', 'email - Invalid value.'],
  ])('refuses %s as malformed', async (_, email, error) => {
    expect(await post(person.token, { email })).toMatchObject({ status: 400, body: { error } });
    expect(await rowOf(test, person.id)).toMatchObject({ email: person.email });
  });

  it('does not read the query', async () => {
    await test.http.post(PATH).query({ email: right }).auth(person.token, { type: 'bearer' }).expect(200);
    expect(await rowOf(test, person.id)).toMatchObject({ email: person.email });
  });
});

describe('POST /api/v1/emails/confirmations: who may', () => {
  it('is nobody who is confirmed', async () => {
    await useLink(test, first);
    expect(await post(person.token, { email: right })).toEqual(NOT_AWAITED);
    expect(await post(person.token)).toEqual(NOT_AWAITED);
    const { token } = await newPerson(test, client, { emailVerifiedAt: null });
    expect(await post(token, { email: right })).toEqual(NOT_AWAITED);
    expect(await rowOf(test, person.id)).toMatchObject({ email: person.email });
  });

  it.each([
    ['disabled', 'disabled_at = now()', 403, 'Your login is currently disabled'],
    ['to be deleted', 'deletion_due_at = now()', 401, 'The access token is invalid'],
    [
      'waiting for approval',
      'confirmation_pending = false, approval_pending = true',
      403,
      'Your login is currently pending approval',
    ],
  ])('is nobody who is %s', async (_, change, status, error) => {
    await changeUser(test, person.id, change);
    expect(await post(person.token, { email: right })).toMatchObject({ status, body: { error } });
  });

  it('is no client and no stranger', async () => {
    expect(await post(appToken, { email: right })).toEqual({
      status: 403,
      body: { error: 'This method requires an authenticated user' },
    });
    for (const token of ['A'.repeat(43), first.split('/').at(-1) ?? '']) {
      expect(await post(token)).toEqual({ status: 401, body: { error: 'The access token is invalid' } });
    }
    expect(await outcomeOf(test.http.post(PATH).send({}))).toMatchObject({ status: 401 });
  });

  it('needs a token of no certain scope', async () => {
    const reader = await clientToken(test, await registerClient(test, { scopes: 'push write:accounts' }));
    const other = await register(test, reader);
    expect(await post(other.token)).toEqual(SENT);
  });

  it('is answered alike when the mailbox has had enough, and the address is corrected all the same', async () => {
    const limited = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.limits.enabled = true;
    }, test.database);
    await limited.listen();
    for (let n = 0; n < 7; n++) expect(await post(person.token, { email: right }, limited)).toEqual(SENT);
    await mailsAreOut(test);
    expect(smtp.sentTo({ to: right })).toHaveLength(5);
    expect(await rowsOf(test, 'mail_token', person.id)).toBe(1);
    expect(await rowOf(test, person.id)).toMatchObject({ email: right });
    await limited.close();
  });
});
