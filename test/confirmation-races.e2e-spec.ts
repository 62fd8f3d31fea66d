import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { useLink } from './support/account-mails.js';
import { DEAD_LINK, holdRow, rowOf, rowsOf, signInOutcome } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { clientToken, outcomeOf, registerClient, type TestClient } from './support/flows.js';
import { createVerified, CONFIRM_SUBJECT, mailsAreOut, RESET_SUBJECT, titlesOf } from './support/mail-flows.js';
import { type Newcomer, nextConfirmation, register } from './support/newcomers.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const DONE = { status: 200, body: { status: 'success' } };
const UNCONFIRMED = 'Your login is missing a confirmed e-mail address';

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
let first: string;
let right: string;
beforeEach(async () => {
  person = await register(test, appToken);
  first = await nextConfirmation(test, smtp, person.email);
  right = `right_${person.email}`;
  await mailsAreOut(test);
  smtp.mails.splice(0);
});
const correct = () =>
  outcomeOf(
    test.http.post('/api/v1/emails/confirmations').auth(person.token, { type: 'bearer' }).send({ email: right }),
  );
const confirm = () => useLink(replica, first);
const logIn = () => signInOutcome(replica, client, person.name);
const resend = ({ http }: TestApp) =>
  http.post('/api/pleroma/accounts/confirmation_resend').query({ email: person.name }).expect(204);

/** Has two things happen to the account, the first one first, both begun before either is done. */
async function inOrder<A, B>(one: () => Promise<A>, other: () => Promise<B>): Promise<[A, B]> {
  const held = await holdRow(test, person.id);
  const results = [one(), undefined as unknown as Promise<B>] as [Promise<A>, Promise<B>];
  await held.queued(1);
  results[1] = other();
  await held.queued(2);
  await held.release();
  return Promise.all(results);
}

describe('a confirmation and a correction of the address at once', () => {
  it('leave the account unconfirmed with the new address when the correction is first', async () => {
    expect(await inOrder(correct, confirm)).toEqual([{ status: 200, body: {} }, DEAD_LINK]);
    expect(await rowOf(test, person.id)).toMatchObject({ email: right, confirmation_pending: true });
    expect(await useLink(test, await nextConfirmation(test, smtp, right))).toEqual(DONE);
  });

  it('leave the account confirmed with the old address when the confirmation is first', async () => {
    const [confirmed, corrected] = await inOrder(confirm, correct);
    expect(confirmed).toEqual(DONE);
    expect(corrected.status).toBe(403);
    expect(await rowOf(test, person.id)).toMatchObject({ email: person.email, confirmation_pending: false });
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails)).toEqual([[person.email, 'Welcome to Gatehouse']]);
  });
});

describe('a sign-in that sends the mail again', () => {
  it('leaves the link to a corrected address alone', async () => {
    expect(await inOrder(correct, logIn)).toEqual([{ status: 200, body: {} }, UNCONFIRMED]);
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails)).toEqual([[right, 'Confirm your address for Gatehouse']]);
    expect(await useLink(test, await nextConfirmation(test, smtp, right))).toEqual(DONE);
  });

  it('sends none to somebody who was confirmed meanwhile', async () => {
    expect(await inOrder(confirm, logIn)).toEqual([DONE, UNCONFIRMED]);
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails)).toEqual([[person.email, 'Welcome to Gatehouse']]);
    expect(await rowsOf(test, 'mail_token', person.id)).toBe(0);
  });
});

describe('requests for another mail', () => {
  it('at once leave one link that works', async () => {
    const held = await holdRow(test, person.id);
    await Promise.all([resend(test), resend(replica)]);
    await held.queued(2);
    await held.release();
    await mailsAreOut(test);
    expect(await rowsOf(test, 'mail_token', person.id)).toBe(1);
  });

  it.each([
    ['confirmation', CONFIRM_SUBJECT],
    ['new password', RESET_SUBJECT],
  ])('for a %s send one mail, also when another worker takes the work over', async (kind, subject) => {
    const wantsPassword = kind === 'new password';
    if (wantsPassword) await createVerified(test, `${person.name}_v`);
    const name = wantsPassword ? `${person.name}_v` : person.name;
    const [{ id }] = await test.dataSource.query('select id from "user" where username = $1', [name]);
    const held = await holdRow(test, id);
    const path = wantsPassword ? '/auth/password' : '/api/pleroma/accounts/confirmation_resend';
    await test.http.post(path).query({ email: name });
    await held.queued(1);
    // As if the worker had been silent for so long that its lease ran out.
    await test.dataSource.query(`update job set leased_until = now() where kind <> 'mail'`);
    await held.queued(2);
    await held.release();
    await mailsAreOut(test);
    expect(smtp.sentTo({ subject })).toHaveLength(1);
    expect(await rowsOf(test, 'mail_token', id)).toBe(1);
  });
});
