import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEAD_LINK, DONE, newAddress, newPerson, type Person, rowOf } from './support/account.js';
import { linkTo, mailsOf, requestChange, titles, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { registerClient, type TestClient } from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

describe('an address that can be taken back (contract.md §5.3, §5.7)', () => {
  let smtp: SmtpListener;
  let test: TestApp;
  let client: TestClient;

  beforeAll(async () => {
    smtp = await startSmtp();
    test = await startApp((config) => (config.smtpUrl = smtp.url));
    client = await registerClient(test);
  });

  afterAll(async () => {
    await test.close();
    await smtp.close();
  });

  /** Changes the address, and answers who got which letter of it. */
  async function change(person: Person, email: string): Promise<[string, string][]> {
    const link = await requestChange(test, smtp, person, email);
    const mails = await mailsOf(test, smtp, async () => expect(await useLink(test, link)).toStrictEqual(DONE));
    expect((await rowOf(test, person.id))['email']).toBe(email);
    return titles(mails) as [string, string][];
  }

  it('goes home by an ordinary change, too, and gives what came in between no claim', async () => {
    const person = await newPerson(test, client);
    const [home, thiefs] = [person.email, newAddress()];
    expect(await change(person, thiefs)).toEqual([[home, 'address_changed']]);
    const undo = await linkTo(test, smtp, home);
    expect(await change(person, home)).toEqual([[thiefs, 'address_replaced']]);
    expect(await useLink(test, undo)).toStrictEqual(DEAD_LINK);
    const links = await test.dataSource.query('select purpose from mail_token where user_id = $1', [person.id]);
    expect(links).toEqual([]);
  });

  it('keeps the claim of who had it before', async () => {
    const person = await newPerson(test, client);
    const [first, second, third] = [person.email, newAddress(), newAddress()];
    await change(person, second);
    const toFirst = await linkTo(test, smtp, first);
    await change(person, third);
    expect(await change(person, second)).toEqual([[third, 'address_replaced']]);
    expect(await useLink(test, toFirst)).toStrictEqual(DONE);
    expect((await rowOf(test, person.id))['email']).toBe(first);
  });

  it('is one that was proved: another is told, and gets no key to the account', async () => {
    const person = await newPerson(test, client);
    await test.dataSource.query('update "user" set email_verified_at = null where id = $1', [person.id]);
    expect(await change(person, newAddress())).toEqual([[person.email, 'address_replaced']]);
    expect(
      smtp.sentTo({ to: person.email }).flatMap(({ links }) => links.filter((link) => link.includes('/auth/link/'))),
    ).toEqual([]);
  });
});
