import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  act,
  changePassword,
  DEAD_LINK,
  DONE,
  holdRow,
  linksOf,
  newAddress,
  newPerson,
  type Person,
  refused,
  rowOf,
  signInOutcome,
  waitPatiently,
} from './support/account.js';
import { requestChange, resetPassword, resetToken, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { PASSWORD, registerClient, statusOf, type TestClient } from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const NEW = 'a new horse with new batteries';
const STALE = refused('Invalid password.');

let smtp: SmtpListener;
let test: TestApp;
let silent: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  silent = await startApp(() => {}, test.database);
  await test.listen();
  for (const app of [test, silent]) waitPatiently(app);
  client = await registerClient(test);
});
afterAll(async () => {
  await silent.close();
  await test.close();
  await smtp.close();
});

/** Has two requests wait for a person's row, the first one in front, and then lets them go on. */
async function race<First, Second>(
  { id }: Person,
  first: () => Promise<First>,
  second: () => Promise<Second>,
): Promise<[First, Second]> {
  const row = await holdRow(test, id);
  const one = first();
  await row.queued(1);
  const other = second();
  await row.queued(2);
  await row.release();
  return Promise.all([one, other]);
}

const change = (person: Person, wanted = NEW) => act(test, person, 'change_password', changePassword(wanted));
const ask = (person: Person, email = newAddress()) => act(test, person, 'change_email', { email, password: PASSWORD });
const apply = (person: Person, email = newAddress()) =>
  act(silent, person, 'change_email', { email, password: PASSWORD });
const emailOf = async ({ id }: Person) => (await rowOf(test, id))['email'];

describe('in the shadow of a password change', () => {
  it('no request for another address survives, when it comes first', async () => {
    const person = await newPerson(test, client);
    const answers = await race(
      person,
      () => ask(person),
      () => change(person),
    );
    expect(answers).toStrictEqual([DONE, DONE]);
    expect(await linksOf(test, person.id)).toEqual([]);
  });

  it('no request for another address survives, when it comes second', async () => {
    const person = await newPerson(test, client);
    const answers = await race(
      person,
      () => change(person),
      () => ask(person),
    );
    expect(answers).toStrictEqual([DONE, STALE]);
    expect(await linksOf(test, person.id)).toEqual([]);
    const [mails] = await test.dataSource.query(
      `select count(*) from mail_outbox where user_id = $1 and template like 'address%'`,
      [person.id],
    );
    expect(mails.count).toBe(0);
  });

  it('no address is changed without mail, either', async () => {
    const person = await newPerson(test, client);
    const answers = await race(
      person,
      () => change(person),
      () => apply(person),
    );
    expect(answers).toStrictEqual([DONE, STALE]);
    expect(await emailOf(person)).toBe(person.email);
  });

  it.each([
    ['confirms', true],
    ['is too late', false],
  ])('a link to a new address %s whole or not at all', async (_, isFirst) => {
    const person = await newPerson(test, client);
    const email = newAddress();
    const link = await requestChange(test, smtp, person, email);
    const steps = [() => useLink(test, link), () => change(person)] as const;
    const [one, other] = await (isFirst ? race(person, ...steps) : race(person, steps[1], steps[0]));
    expect([one, other]).toStrictEqual(isFirst ? [DONE, DONE] : [DONE, DEAD_LINK]);
    expect(await emailOf(person)).toBe(isFirst ? email : person.email);
    expect(await signInOutcome(test, client, person.name, NEW)).toBe('signed in');
  });

  it('another password change is refused', async () => {
    const person = await newPerson(test, client);
    const answers = await race(
      person,
      () => change(person, 'the first of two passwords'),
      () => change(person, 'the second of two passwords'),
    );
    expect(answers).toStrictEqual([DONE, STALE]);
    expect(await signInOutcome(test, client, person.name, 'the first of two passwords')).toBe('signed in');
  });

  it.each([
    ['first', true],
    ['second', false],
  ])('a new password by mail, coming %s, is the last word or none', async (_, isFirst) => {
    const person = await newPerson(test, client);
    const token = await resetToken(test, smtp, person.email);
    const reset = () => resetPassword(test, token, 'a horse by mail');
    const answers = await (isFirst
      ? race(person, reset, () => change(person))
      : race(person, () => change(person), reset));
    expect(answers).toStrictEqual(isFirst ? ['done', STALE] : [DONE, 'invalid_token']);
    expect(await signInOutcome(test, client, person.name, isFirst ? 'a horse by mail' : NEW)).toBe('signed in');
    expect(await statusOf(test, person.token)).toBe(isFirst ? 401 : 200);
  });
});

describe('two requests at once for one account', () => {
  it('leave one address pending, the later one', async () => {
    const person = await newPerson(test, client);
    const emails = [newAddress(), newAddress()] as const;
    const answers = await race(
      person,
      () => ask(person, emails[0]),
      () => ask(person, emails[1]),
    );
    expect(answers).toStrictEqual([DONE, DONE]);
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'confirm_address', address: emails[1] }]);
  });

  it('both change the address where there is no mail, one after the other', async () => {
    const person = await newPerson(test, client);
    const emails = [newAddress(), newAddress()] as const;
    const answers = await race(
      person,
      () => apply(person, emails[0]),
      () => apply(person, emails[1]),
    );
    expect(answers).toStrictEqual([DONE, DONE]);
    expect(await emailOf(person)).toBe(emails[1]);
    expect(await linksOf(test, person.id)).toEqual([
      { purpose: 'undo_address', address: person.email },
      { purpose: 'undo_address', address: emails[0] },
    ]);
  });

  it('a link and a newer request end in either, never in a fault', async () => {
    const person = await newPerson(test, client);
    const [email, newer] = [newAddress(), newAddress()];
    const link = await requestChange(test, smtp, person, email);
    const answers = await race(
      person,
      () => ask(person, newer),
      () => useLink(test, link),
    );
    expect(answers).toStrictEqual([DONE, DEAD_LINK]);
    expect(await emailOf(person)).toBe(person.email);
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'confirm_address', address: newer }]);
  });

  it('one of two that disable or delete does it, and the mail comes once', async () => {
    for (const [action, template] of [
      ['disable_account', 'account_disabled'],
      ['delete_account', 'deletion_scheduled'],
    ] as const) {
      const person = await newPerson(test, client);
      const once = () => act(test, person, action, { password: PASSWORD });
      expect(await race(person, once, once)).toStrictEqual([DONE, DONE]);
      const [mails] = await test.dataSource.query(
        'select count(*) from mail_outbox where user_id = $1 and template = $2',
        [person.id, template],
      );
      expect(mails.count).toBe(1);
    }
  });

  it('a sign-in whose password was checked before the account was deleted does not come after it', async () => {
    const person = await newPerson(test, client);
    const [answer, signedIn] = await race(
      person,
      () => act(test, person, 'delete_account', { password: PASSWORD }),
      () => signInOutcome(test, client, person.name),
    );
    expect([answer, signedIn]).toStrictEqual([DONE, 'Invalid identifier or password']);
    const [sessions] = await test.dataSource.query('select count(*) from browser_session where user_id = $1', [
      person.id,
    ]);
    expect(sessions.count).toBe(0);
  });
});
