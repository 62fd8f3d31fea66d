import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkTo, mailsOf, titles, useLink } from './support/account-mails.js';
import {
  DONE,
  linksOf,
  newAddress,
  newEvents,
  newPerson,
  type Person,
  rowOf,
  signInOutcome,
} from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, PASSWORD, redirectOf, registerClient, signIn, statusOf, type TestClient } from './support/flows.js';
import { ACCEPT_HTML, expectPage, formsOf, textOf } from './support/pages.js';
import { type Browser, enter, listedSessions, partOf, problemsOf, sendForm } from './support/settings.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const NEW = 'a new battery';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.accounts.blocked_email_domains = ['blocked.example'];
  });
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

/** Somebody new in the settings, with another session besides. */
async function arrive(to = test): Promise<{ person: Person; browser: Browser }> {
  const person = await newPerson(test, client);
  const browser = await enter(to, person.name);
  await newEvents(test, person.id);
  return { person, browser };
}

/** Names that are long enough to be passwords. */
let people = 0;

const screen = async (browser: Browser, query = '') => expectPage(await browser.get(`/settings/account${query}`));

describe('POST /settings/account/password', () => {
  const fields = { username: 'ignored', password: PASSWORD, new_password: NEW, new_password_confirmation: NEW };

  it('changes it: this session lives, everything else is out, and mail and journal tell of it', async () => {
    const { person, browser } = await arrive();
    const elsewhere = await signIn(test, client, person.name);
    const mails = await mailsOf(test, smtp, async () => {
      const answer = await sendForm(browser, 'password', fields);
      const { status, headers, text } = answer;
      expect([status, headers['location'], text]).toEqual([302, `${PUB}/settings/account?done=password`, '']);
      expect(cookiesOf(answer)).toEqual([]);
    });
    expect(titles(mails)).toEqual([[person.email, 'password_changed']]);
    expect(textOf(partOf(await screen(browser, '?done=password'), 'password'))).toContain('Your password is changed.');
    expect(listedSessions(expectPage(await browser.get('/settings')))).toEqual(['Gatehouse settings this one']);
    expect(await statusOf(test, person.token)).toBe(401);
    const consent = test.http.get(`/oauth/consent?${elsewhere.consent}`).set('Accept', ACCEPT_HTML);
    expect((await consent.set('Cookie', elsewhere.cookie)).status).toBe(400);
    expect(await newEvents(test, person.id)).toContain('password.changed');
    expect(await signInOutcome(test, client, person.name)).toBe('Invalid identifier or password');
    expect(await signInOutcome(test, client, person.name, NEW)).toBe('signed in');
  });

  it.each([
    ['nothing', '', '', "New password can't be blank."],
    ['two different ones', NEW, `${NEW}!`, 'New password does not match confirmation.'],
    ['a short one', 'seven 7', 'seven 7', 'New password is too short (minimum is 8 characters).'],
    ['a long one', 'x'.repeat(1025), 'x'.repeat(1025), 'New password is too long.'],
    ['a common one', 'password1', 'password1', 'New password is too common.'],
    ['the name', 'NAME', 'NAME', 'New password is too similar to your account.'],
  ])('says beside the form why not %s, and repeats none of it', async (_, wanted, again, sentence) => {
    const person = await newPerson(test, client, { name: `somebody_${++people}` });
    const browser = await enter(test, person.name);
    const [new_password, new_password_confirmation] = [wanted, again].map((text) => text.replace('NAME', person.name));
    const before = await rowOf(test, person.id);
    const sent = { ...fields, new_password, new_password_confirmation } as Record<string, string>;
    const html = expectPage(await sendForm(browser, 'password', sent), 422);
    expect(problemsOf(html)).toEqual({ password: sentence });
    const typed = formsOf(html).flatMap((form) => Object.entries(form.fields));
    expect(typed.filter(([name, value]) => name !== 'username' && value !== '')).toEqual([]);
    expect(await rowOf(test, person.id)).toEqual(before);
    expect(await statusOf(test, person.token)).toBe(200);
  });
});

describe('POST /settings/account/email, while mail is on', () => {
  it('asks the new address, shows that it waits, and then shows it in force', async () => {
    const { person, browser } = await arrive();
    const email = newAddress();
    const mails = await mailsOf(test, smtp, async () => {
      const answer = await sendForm(browser, 'email', { email: ` ${email.toUpperCase()} `, password: PASSWORD });
      expect([answer.status, answer.headers['location']]).toEqual([302, `${PUB}/settings/account?done=email_pending`]);
    });
    expect(titles(mails)).toEqual([
      [email, 'confirm_address'],
      [person.email, 'address_change_requested'],
    ]);
    for (const query of ['', '?done=email_pending']) {
      const part = partOf(await screen(browser, query), 'email');
      expect(textOf(part)).toContain(`Our mails go to ${person.email}.`);
      expect(textOf(part)).toContain(`${email} waits to be confirmed: open the link that we sent there before `);
      expect(part.match(/class="notice/g)).toHaveLength(1);
    }
    expect(await useLink(test, await linkTo(test, smtp, email))).toStrictEqual(DONE);
    const part = partOf(await screen(browser), 'email');
    expect(textOf(part)).toContain(`E-mail address Our mails go to ${email}. New address`);
    expect(await newEvents(test, person.id)).toEqual(['email.change_requested', 'email.changed']);
  });

  it('shows the same for an address that somebody else has, so that nobody learns of them here (R81)', async () => {
    const holder = await newPerson(test, client);
    const shown = async (email: string) => {
      const { person, browser } = await arrive();
      const answer = await sendForm(browser, 'email', { email, password: PASSWORD });
      const part = partOf(await screen(browser, '?done=email_pending'), 'email');
      const time = /before <time.*?<\/time>/;
      const words = part.replaceAll(email, 'NEW').replaceAll(person.email, 'OLD').replace(time, 'SOON');
      return { status: answer.status, location: answer.headers['location'], words };
    };
    expect(await shown(holder.email)).toEqual(await shown(newAddress()));
    expect((await rowOf(test, holder.id))['email']).toBe(holder.email);
  });

  it('shows nothing as waiting any more when its hour is over', async () => {
    const { person, browser } = await arrive();
    await sendForm(browser, 'email', { email: newAddress(), password: PASSWORD });
    await test.dataSource.query(`update mail_token set expires_at = now() - interval '1 second' where user_id = $1`, [
      person.id,
    ]);
    expect(partOf(await screen(browser), 'email')).not.toContain('class="notice');
  });

  it('shows an address of odd letters as text', async () => {
    const { browser } = await arrive();
    await sendForm(browser, 'email', { email: `a&b'*{c}@example.net`, password: PASSWORD });
    expect(await screen(browser)).toContain(`<strong>a&amp;b'*{c}@example.net</strong> waits to be confirmed`);
  });

  it.each([
    ['nothing', '', "Email can't be blank."],
    ['no address', '"><script>alert(1)</script>', 'Email has invalid format.'],
    ['two', 'a@example.org,b@example.org', 'Email has invalid format.'],
    ['one of a blocked domain', 'a@mail.blocked.example', 'Email domain is not allowed.'],
  ])('says beside the form why not %s, and keeps what was typed, but the password', async (_, email, sentence) => {
    const { person, browser } = await arrive();
    const html = expectPage(await sendForm(browser, 'email', { email, password: PASSWORD }), 422);
    expect(problemsOf(html)).toEqual({ email: sentence });
    expect(formsOf(html)[1]?.fields).toEqual({ email, password: '' });
    expect(html).not.toMatch(/<script|correct horse/);
    expect(await linksOf(test, person.id)).toEqual([]);
  });

  it('keeps the address, too, when the password was wrong', async () => {
    const { browser } = await arrive();
    const email = newAddress();
    const html = expectPage(await sendForm(browser, 'email', { email, password: 'wrong' }), 422);
    expect(problemsOf(html)).toEqual({ email: 'Invalid password.' });
    expect(formsOf(html).map((form) => form.fields['email'])).toEqual([undefined, email, ...Array(4).fill(undefined)]);
  });

  it('is a page of too many attempts after ten on one day', async () => {
    const limited = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.limits.enabled = true;
      config.limits.address_changes.points = 1;
    }, test.database);
    const { browser } = await arrive(limited);
    const send = () => sendForm(browser, 'email', { email: newAddress(), password: PASSWORD });
    expect((await send()).status).toBe(302);
    const second = await send();
    await limited.close();
    expect(textOf(expectPage(second, 429))).toContain('Throttled');
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(86_000);
  });
});

describe('POST /settings/account/email, without mail', () => {
  // Not before: it would take the others' mails and write them to files.
  let plain: TestApp;
  beforeAll(async () => {
    plain = await startApp((config) => (config.registrations.email_required = false), test.database);
  });
  afterAll(() => plain.close());

  it('changes the address at once, or takes it away', async () => {
    const { person, browser } = await arrive(plain);
    const email = newAddress();
    const changed = await sendForm(browser, 'email', { email, password: PASSWORD });
    expect(redirectOf(changed)).toEqual({ to: `${PUB}/settings/account`, sent: { done: 'email' } });
    const part = partOf(await screen(browser, '?done=email'), 'email');
    expect(textOf(part)).toContain(`Our mails go to ${email}. Your e-mail address is changed.`);
    const removed = await sendForm(browser, 'email', { email: '', password: PASSWORD });
    expect(redirectOf(removed).sent).toEqual({ done: 'email' });
    expect(textOf(partOf(await screen(browser), 'email'))).toContain('You have none on file.');
    expect(await rowOf(test, person.id)).toMatchObject({ email: null, email_verified_at: null });
  });

  it('says that it is taken, and keeps it for correction', async () => {
    const { person: other } = await arrive();
    const { person, browser } = await arrive(plain);
    const html = expectPage(await sendForm(browser, 'email', { email: other.email, password: PASSWORD }), 422);
    expect(problemsOf(html)).toEqual({ email: 'Email has already been taken.' });
    expect(formsOf(html)[1]?.fields['email']).toBe(other.email);
    expect((await rowOf(test, person.id))['email']).toBe(person.email);
  });
});
