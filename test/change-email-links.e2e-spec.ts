import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountEndingService } from '../src/account/account-ending.service.js';
import { PasswordResetService } from '../src/recovery/password-reset.service.js';
import { User } from '../src/users/user.entity.js';
import {
  act,
  changePassword,
  DEAD_LINK,
  DONE,
  linksOf,
  newAddress,
  newEvents,
  newPerson,
  type Person,
  rowOf,
  rowsOf,
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
import { createUser, PASSWORD, registerClient, statusOf, type TestClient } from './support/flows.js';
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

const emailOf = async ({ id }: { id: string }) => (await rowOf(test, id))['email'];
const demandNewPassword = async ({ id }: Person) => {
  const user = await test.dataSource.getRepository(User).findOneByOrFail({ id });
  await test.dataSource.transaction((tx) => test.app.get(PasswordResetService).demandNew(user, null, tx));
};
/** A person whose new address waits for its link. */
async function waiting(): Promise<{ person: Person; email: string; link: string }> {
  const person = await newPerson(test, client);
  const email = newAddress();
  return { person, email, link: await requestChange(test, smtp, person, email) };
}

describe('the link to a new address (contract.md §5.3, §5.7)', () => {
  it('makes the change, verifies the address, and gives the old one a way to undo it', async () => {
    const { person, email, link } = await waiting();
    const held = await takeFootholds(test, client, person.name);
    await newEvents(test, person.id);
    const mails = await mailsOf(test, smtp, async () => expect(await useLink(test, link)).toStrictEqual(DONE));
    expect(titles(mails)).toEqual([[person.email, 'address_changed']]);
    expect(mails[0]?.text).toContain(email);
    const row = await rowOf(test, person.id);
    expect([row['email'], row['email_verified_at']]).toEqual([email, expect.any(Date)]);
    expect(await newEvents(test, person.id)).toEqual(['email.changed']);
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'undo_address', address: person.email }]);
    const [undo] = await test.dataSource.query(
      'select round(extract(epoch from expires_at - now()) / 3600)::int as hours from mail_token where user_id = $1',
      [person.id],
    );
    expect(undo.hours).toBe(168);
    expect(await signInOutcome(test, client, email)).toBe('signed in');
    expect(await signInOutcome(test, client, person.email)).toBe('Invalid identifier or password');
    // Nobody is signed out, but what waits for a second step begins anew (contract.md §4.5).
    for (const token of [person.token, held.other.access_token]) expect(await statusOf(test, token)).toBe(200);
    expect(await rowsOf(test, 'pending_sign_in', person.id)).toBe(0);
    expect(await rowsOf(test, 'browser_session', person.id)).toBeGreaterThan(0);
  });

  it('works once, also when it is pressed twice at once', async () => {
    const { person, email, link } = await waiting();
    const mails = await mailsOf(test, smtp, async () => {
      const answers = await Promise.all([useLink(test, link), useLink(test, link)]);
      expect(answers.toSorted((a, b) => a.status - b.status)).toStrictEqual([DONE, DEAD_LINK]);
    });
    expect(mails).toHaveLength(1);
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
    expect(await emailOf(person)).toBe(email);
  });

  it('lives one hour', async () => {
    const { person, email, link } = await waiting();
    const age = (time: string) =>
      test.dataSource.query(
        `update mail_token set created_at = created_at - $2::interval, expires_at = expires_at - $2::interval where user_id = $1`,
        [person.id, time],
      );
    await age('59 minutes');
    expect(await openLink(test, link)).toBe(200);
    await age('61 seconds');
    expect([await openLink(test, link), await useLink(test, link)]).toEqual([404, DEAD_LINK]);
    expect(await emailOf(person)).not.toBe(email);
  });

  it('is of no use at the page for new passwords, nor is that mail’s token here', async () => {
    const { person, link } = await waiting();
    const token = await resetToken(test, smtp, person.email);
    expect(await useLink(test, `/auth/link/${token}`)).toStrictEqual(DEAD_LINK);
    const taken = link.split('/').at(-1)!;
    expect(await resetPassword(test, taken, 'a horse of thieves')).toBe('invalid_token');
    expect(await useLink(test, link)).toStrictEqual(DONE);
  });

  it('voids mails for a new password that went to the old address', async () => {
    const { person, link } = await waiting();
    const token = await resetToken(test, smtp, person.email);
    expect(await useLink(test, link)).toStrictEqual(DONE);
    expect(await resetPassword(test, token, 'a horse of thieves')).toBe('invalid_token');
  });

  it('sends nobody a way to undo where there was no address before', async () => {
    const person = await newPerson(test, client, { email: null, emailVerifiedAt: null });
    const email = newAddress();
    const link = await requestChange(test, smtp, person, email);
    expect(await mailsOf(test, smtp, () => useLink(test, link))).toEqual([]);
    expect(await emailOf(person)).toBe(email);
    expect(await linksOf(test, person.id)).toEqual([]);
  });
});

describe('the link to a new address is dead', () => {
  it('when somebody took the address meanwhile, and tells nothing of them', async () => {
    const { person, email, link } = await waiting();
    await createUser(test, 'quicker', { email });
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
    expect(await emailOf(person)).toBe(person.email);
    expect(await mailsOf(test, smtp, () => useLink(test, link))).toEqual([]);
  });

  it('for all but one of several who press it at once for the same address', async () => {
    const email = newAddress();
    const people = [await newPerson(test, client), await newPerson(test, client), await newPerson(test, client)];
    const links: string[] = [];
    for (const person of people) links.push(await requestChange(test, smtp, person, email));
    const answers = await Promise.all(links.map((link) => useLink(test, link)));
    expect(answers.toSorted((a, b) => a.status - b.status)).toStrictEqual([DONE, DEAD_LINK, DEAD_LINK]);
    const emails = await Promise.all(people.map(emailOf));
    expect(emails.filter((taken) => taken === email)).toHaveLength(1);
    expect(emails).toEqual(people.map((person, n) => (answers[n]!.status === 200 ? email : person.email)));
  });

  it('while the address is one that another person had until lately, and can take back', async () => {
    const { person: late, email, link } = await waiting();
    // Meanwhile somebody else gets that address, and moves on.
    const owner = await newPerson(test, client);
    expect(await useLink(test, await requestChange(test, smtp, owner, email))).toStrictEqual(DONE);
    expect(await useLink(test, await requestChange(test, smtp, owner, newAddress()))).toStrictEqual(DONE);
    const undo = await linkTo(test, smtp, email);
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
    expect(await emailOf(late)).toBe(late.email);
    expect(await useLink(test, undo)).toStrictEqual(DONE);
    expect(await emailOf(owner)).toBe(email);
  });

  it.each<[string, (person: Person) => Promise<unknown>]>([
    ['the password was changed', (person) => act(test, person, 'change_password', changePassword('a new horse'))],
    [
      'the password was reset by mail',
      async ({ email }) =>
        expect(await resetPassword(test, await resetToken(test, smtp, email), 'a new horse')).toBe('done'),
    ],
    ['staff demanded a new password', demandNewPassword],
    ['the account was disabled', (person) => act(test, person, 'disable_account', { password: PASSWORD })],
    ['staff disabled the account', ({ id }) => test.app.get(AccountEndingService).disable(id, 'staff', null)],
    ['the account was deleted', (person) => act(test, person, 'delete_account', { password: PASSWORD })],
    [
      'another address was asked for',
      (person) => act(test, person, 'change_email', { email: newAddress(), password: PASSWORD }),
    ],
  ])('after %s (security.md R84)', async (_, happens) => {
    const { person, email, link } = await waiting();
    await happens(person);
    expect([await openLink(test, link), await useLink(test, link)]).toEqual([404, DEAD_LINK]);
    expect(await emailOf(person)).not.toBe(email);
    const links = await linksOf(test, person.id);
    expect(links).not.toContainEqual({ purpose: 'confirm_address', address: email });
  });
});
