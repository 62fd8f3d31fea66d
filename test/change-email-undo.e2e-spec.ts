import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountEndingService } from '../src/account/account-ending.service.js';
import {
  act,
  changePassword,
  DEAD_LINK,
  DONE,
  expectNoFoothold,
  linksOf,
  newAddress,
  newEvents,
  newPerson,
  type Person,
  refused,
  rowOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import {
  linkTo,
  mailsOf,
  openLink,
  requestChange,
  resetPassword,
  resetToken,
  titles,
  useLink,
} from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { clientToken, PASSWORD, registerClient, statusOf, type TestClient } from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

/** Changes the address of a person, as a thief who reads mail at the new one. */
async function steal(person: Person, email = newAddress(), password = PASSWORD): Promise<string> {
  const before = (await rowOf(test, person.id))['email'] as string;
  expect(await useLink(test, await requestChange(test, smtp, person, email, password))).toStrictEqual(DONE);
  expect((await rowOf(test, person.id))['email']).toBe(email);
  return linkTo(test, smtp, before);
}
const emailOf = async ({ id }: Person) => (await rowOf(test, id))['email'];
const register = async (email: string) => {
  const token = await clientToken(test, client, 'write');
  const fields = { username: 'a_newcomer', email, password: PASSWORD, agreement: true };
  return test.http.post('/api/v1/accounts').auth(token, { type: 'bearer' }).send(fields);
};

describe('the link that takes a new address back (contract.md §5.3)', () => {
  it('restores the old one, signs everybody out, and leaves only the reset mail to get in again', async () => {
    const person = await newPerson(test, client);
    const thiefs = newAddress();
    const undo = await steal(person, thiefs);
    const held = await takeFootholds(test, client, person.name);
    await newEvents(test, person.id);
    const mails = await mailsOf(test, smtp, async () => expect(await useLink(test, undo)).toStrictEqual(DONE));
    expect(titles(mails).map(String).toSorted()).toEqual(
      [`${person.email},address_restored`, `${thiefs},address_restored`].toSorted(),
    );
    for (const { links } of mails) expect(links.join()).not.toMatch(/auth\/link|token=/);
    expect(await newEvents(test, person.id)).toEqual(['email.restored']);
    expect(await rowOf(test, person.id)).toMatchObject({
      email: person.email,
      email_verified_at: expect.any(Date),
      password_hash: null,
      password_reset_required: true,
    });
    expect(await statusOf(test, person.token)).not.toBe(200);
    await expectNoFoothold(test, client, person.id, held);
    for (const identifier of [person.name, person.email, thiefs])
      expect(await signInOutcome(test, client, identifier)).toBe('Invalid identifier or password');
    const token = await resetToken(test, smtp, person.email);
    expect(await resetPassword(test, token, 'a safe new horse')).toBe('done');
    expect(await signInOutcome(test, client, person.email, 'a safe new horse')).toBe('signed in');
  });

  it('works once, for seven days, and changes nothing when it is only looked at', async () => {
    const person = await newPerson(test, client);
    const undo = await steal(person);
    await test.dataSource.query(
      `update mail_token set expires_at = expires_at - interval '6 days 23 hours 59 minutes' where user_id = $1`,
      [person.id],
    );
    const before = await rowOf(test, person.id);
    expect(await openLink(test, undo)).toBe(200);
    expect(await rowOf(test, person.id)).toEqual(before);
    await test.dataSource.query(
      `update mail_token set expires_at = expires_at - interval '61 seconds' where user_id = $1`,
      [person.id],
    );
    expect(await useLink(test, undo)).toStrictEqual(DEAD_LINK);
    const other = await newPerson(test, client);
    const link = await steal(other);
    const answers = await Promise.all([useLink(test, link), useLink(test, link)]);
    expect(answers.toSorted((a, b) => a.status - b.status)).toStrictEqual([DONE, DEAD_LINK]);
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
  });

  it('outlives a password that the thief changes or resets, and ends what they have pending', async () => {
    const person = await newPerson(test, client);
    const thiefs = newAddress();
    const undo = await steal(person, thiefs);
    expect(await act(test, person, 'change_password', changePassword('a horse of thieves'))).toStrictEqual(DONE);
    expect(await resetPassword(test, await resetToken(test, smtp, thiefs), 'another stolen horse')).toBe('done');
    const token = await resetToken(test, smtp, thiefs);
    expect(await useLink(test, undo)).toStrictEqual(DONE);
    expect(await resetPassword(test, token, 'a third stolen horse')).toBe('invalid_token');
    expect(await signInOutcome(test, client, person.name, 'another stolen horse')).not.toBe('signed in');
    expect(await linksOf(test, person.id)).toEqual([]);
  });

  it('is not voided by a second change, whose own way back dies with it', async () => {
    const person = await newPerson(test, client);
    const undo = await steal(person);
    const thiefs = await steal(person);
    const last = await requestChange(test, smtp, person, newAddress());
    expect([await openLink(test, undo), await openLink(test, thiefs)]).toEqual([200, 200]);
    expect(await useLink(test, undo)).toStrictEqual(DONE);
    expect(await useLink(test, thiefs)).toStrictEqual(DEAD_LINK);
    expect(await useLink(test, last)).toStrictEqual(DEAD_LINK);
    expect(await emailOf(person)).toBe(person.email);
  });

  it('used by the thief does not take the first owner’s', async () => {
    const person = await newPerson(test, client);
    const undo = await steal(person);
    const thiefs = await steal(person);
    expect(await useLink(test, thiefs)).toStrictEqual(DONE);
    expect(await emailOf(person)).not.toBe(person.email);
    expect(await useLink(test, undo)).toStrictEqual(DONE);
    expect(await emailOf(person)).toBe(person.email);
  });
});

describe('the link that takes a new address back, when the thief went on', () => {
  it('takes a deletion back as well', async () => {
    const person = await newPerson(test, client);
    const thiefs = newAddress();
    const undo = await steal(person, thiefs);
    expect(await act(test, person, 'delete_account', { password: PASSWORD })).toStrictEqual(DONE);
    const keep = await linkTo(test, smtp, thiefs);
    const mails = await mailsOf(test, smtp, async () => expect(await useLink(test, undo)).toStrictEqual(DONE));
    expect(titles(mails)).toContainEqual([person.email, 'deletion_cancelled']);
    expect(await rowOf(test, person.id)).toMatchObject({ email: person.email, deletion_due_at: null, erased_at: null });
    expect(await useLink(test, keep)).toStrictEqual(DEAD_LINK);
    const [jobs] = await test.dataSource.query('select count(*) from job where key = $1', [person.id]);
    expect(jobs.count).toBe(0);
    const token = await resetToken(test, smtp, person.email);
    expect(await resetPassword(test, token, 'a safe new horse')).toBe('done');
    expect(await signInOutcome(test, client, person.name, 'a safe new horse')).toBe('signed in');
  });

  it('makes an account active again that the thief disabled', async () => {
    const person = await newPerson(test, client);
    const undo = await steal(person);
    expect(await act(test, person, 'disable_account', { password: PASSWORD })).toStrictEqual(DONE);
    const mails = await mailsOf(test, smtp, async () => expect(await useLink(test, undo)).toStrictEqual(DONE));
    expect(titles(mails)).toContainEqual([person.email, 'account_reactivated']);
    expect((await rowOf(test, person.id))['disabled_at']).toBeNull();
  });

  it('does not lift what staff did', async () => {
    const person = await newPerson(test, client);
    const undo = await steal(person);
    await test.app.get(AccountEndingService).disable(person.id, 'staff', null);
    expect(await useLink(test, undo)).toStrictEqual(DONE);
    expect(await rowOf(test, person.id)).toMatchObject({
      email: person.email,
      disabled_at: expect.any(Date),
      disabled_by_staff: true,
    });
  });

  it('keeps the address from everybody else for as long as it lives, and no longer', async () => {
    const person = await newPerson(test, client);
    const stranger = await newPerson(test, client);
    const undo = await steal(person);
    const registered = await register(person.email);
    expect({ status: registered.status, body: registered.body }).toMatchObject({
      status: 422,
      body: { details: { email: [{ error: 'ERR_TAKEN', description: 'has already been taken' }] } },
    });
    const mails = await mailsOf(test, smtp, () =>
      act(test, stranger, 'change_email', { email: person.email, password: PASSWORD }),
    );
    expect(titles(mails)).toContainEqual([person.email, 'address_in_use']);
    expect(titles(mails)).not.toContainEqual([person.email, 'confirm_address']);
    const silent = await startApp(() => {}, test.database);
    expect(await act(silent, stranger, 'change_email', { email: person.email, password: PASSWORD })).toStrictEqual(
      refused('Email has already been taken.'),
    );
    await silent.close();
    expect(await useLink(test, undo)).toStrictEqual(DONE);

    const other = await newPerson(test, client);
    await steal(other);
    await test.dataSource.query(`update mail_token set expires_at = now() where user_id = $1`, [other.id]);
    expect(await useLink(test, await requestChange(test, smtp, stranger, other.email))).toStrictEqual(DONE);
    expect(await emailOf(stranger)).toBe(other.email);
  });

  it('lets the person themselves go back to it', async () => {
    const person = await newPerson(test, client);
    await steal(person);
    expect(await useLink(test, await requestChange(test, smtp, person, person.email))).toStrictEqual(DONE);
    expect(await emailOf(person)).toBe(person.email);
  });
});
