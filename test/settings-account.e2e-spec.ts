import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { createUser, redirectOf } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { expectPage, formsOf, linksOf, textOf } from './support/pages.js';
import { type Browser, enter, partOf } from './support/settings.js';

let test: TestApp;
let alice: string;
let browser: Browser;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  alice = await createVerified(test, 'alice');
  await createUser(test, 'bob');
});
afterAll(() => test.close());
beforeEach(async () => {
  browser = await enter(test);
});

describe('GET /settings/account', () => {
  it('has a form for every change, one account, and nothing that was done', async () => {
    const html = expectPage(await browser.get('/settings/account'));
    const to = (form: string) => `/settings/account/${form}#${form}`;
    expect(formsOf(html)).toEqual([
      { method: 'post', action: '/settings/sign-out', fields: {}, buttons: ['Sign out'] },
      { method: 'post', action: to('email'), fields: { email: '', password: '' }, buttons: ['Change the address'] },
      {
        method: 'post',
        action: to('password'),
        fields: { username: 'alice', password: '', new_password: '', new_password_confirmation: '' },
        buttons: ['Change the password'],
      },
      { method: 'post', action: to('backups'), fields: {}, buttons: ['Make an archive'] },
      { method: 'post', action: to('disable'), fields: { password: '' }, buttons: ['Disable my account'] },
      { method: 'post', action: to('delete'), fields: { password: '' }, buttons: ['Delete my account'] },
    ]);
    expect(textOf(partOf(html, 'email'))).toMatch(/^E-mail address Our mails go to alice@example\.org\. New address/);
    expect(html).not.toMatch(/class="notice|bob/);
    expect(linksOf(html)).toMatchObject({
      Sessions: '/settings',
      Account: '/settings/account',
      Journal: '/settings/journal',
    });
    expect(html).toMatch(/<a href="\/settings\/account" aria-current="page">/);
  });

  it('labels every field by an id of its own, under headings in order, for password managers too', async () => {
    const html = expectPage(await browser.get('/settings/account'));
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const inputs = [...html.matchAll(/<input((?:"[^"]*"|[^">])*)>/g)].map(([, attributes = '']) => attributes);
    const visible = inputs.filter((attributes) => !attributes.includes('type="hidden"'));
    const labels = visible.map((attributes) => {
      const id = /\sid="([^"]*)"/.exec(attributes)?.[1] ?? 'none';
      return [
        new RegExp(`<label for="${id}">(.*?)</label>`).exec(html)?.[1],
        /autocomplete="(.*?)"/.exec(attributes)?.[1],
      ];
    });
    expect(labels).toEqual([
      ['New address', 'email'],
      ['Password', 'current-password'],
      ['Present password', 'current-password'],
      ['New password', 'new-password'],
      ['New password again', 'new-password'],
      ['Password', 'current-password'],
      ['Password', 'current-password'],
    ]);
    const headings = [...html.matchAll(/<h(\d)[^>]*>(.*?)<\/h\d>/g)].map(([, level, words]) => `${level} ${words}`);
    expect(headings).toEqual([
      '1 Settings',
      '2 E-mail address',
      '2 Password',
      '2 Your data',
      '2 Take a break',
      '2 Leave',
    ]);
    for (const [, form] of html.matchAll(/<section class="part" id="(\w+)"/g)) {
      expect(html).toContain(`aria-labelledby="${form}-title"`);
      expect(html).toContain(`<h2 id="${form}-title">`);
    }
  });

  it.each([
    ['password', 'password', 'Your password is changed. Everybody else who was signed in is signed out.'],
    ['email', 'email', 'Your e-mail address is changed.'],
    ['email_pending', 'email', 'We have sent a link to the new address.'],
    ['backup', 'backups', 'Your archive is being made.'],
  ])('tells what was done (%s) beside its form, where the fragment takes the browser', async (done, form, words) => {
    const html = expectPage(await browser.get('/settings/account').query({ done }));
    expect(html.match(/<output class="notice done">/g)).toHaveLength(1);
    expect(textOf(partOf(html, form))).toContain(words);
    expect(html).not.toContain('role="alert"');
  });

  it('knows no other news', async () => {
    const answer = await browser.get('/settings/account').query({ done: '<b>everything' });
    expect(expectPage(answer, 400)).not.toContain('<b>');
  });

  it.each([
    [0, 'A deleted account is erased at once, and cannot come back.'],
    [7 * 86_400, 'erased after 7 days; until then you can sign in and keep it.'],
    [36 * 3600, 'erased after 36 hours;'],
    [3600, 'erased after 60 minutes;'],
  ])('says how long a deletion of %i seconds can be taken back, never too long', async (seconds, words) => {
    const other = await startApp((config) => (config.accounts.delete_grace = seconds), test.database);
    const html = expectPage(await (await enter(other)).get('/settings/account'));
    const after = expectPage(await other.http.get('/settings/signed-out').query({ after: 'deleted' }));
    await other.close();
    expect(textOf(partOf(html, 'delete'))).toContain(words);
    const promise = seconds === 0 ? 'It is being erased now.' : words.replace('erased', 'It is erased');
    expect(textOf(after)).toContain(promise);
  });

  it('tells who has no address so, and what a longer password is', async () => {
    const other = await startApp((config) => {
      config.accounts.password_min = 12;
      config.registrations.email_required = false;
    }, test.database);
    const own = await enter(other);
    const withAddress = partOf(expectPage(await own.get('/settings/account')), 'email');
    await changeUser(test, alice, 'email = null');
    const html = expectPage(await own.get('/settings/account'));
    await changeUser(test, alice, `email = 'alice@example.org'`);
    await other.close();
    expect(textOf(withAddress)).toContain('Leave it empty to have none on file.');
    expect(textOf(partOf(html, 'email'))).toBe(
      'E-mail address You have none on file. New address Password Change the address',
    );
    expect(partOf(html, 'email')).not.toMatch(/id="email-new"[^>]* required/);
    expect(textOf(partOf(html, 'password'))).toContain('At least 12 characters.');
  });

  it('shows hostile values as text', async () => {
    await changeUser(test, alice, `email = '"<img src=x onerror=alert(1)>&"@example.org'`);
    const html = expectPage(await browser.get('/settings/account'));
    await changeUser(test, alice, `email = 'alice@example.org'`);
    expect(html).toContain('Our mails go to &quot;&lt;img src=x onerror=alert(1)>&amp;&quot;@example.org.');
  });

  it.each(ACCOUNT_BLOCKS)('shows nothing to an account with %s', async (change) => {
    await changeUser(test, alice, change);
    const answer = await browser.get('/settings/account');
    await changeUser(test, alice, UNBLOCKED);
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/authorize`);
    expect(answer.text).toBe('');
  });

  it('refuses HEAD, as the other screens do: it may begin a sign-in', async () => {
    const answer = await browser.head('/settings/account');
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET']);
  });
});
