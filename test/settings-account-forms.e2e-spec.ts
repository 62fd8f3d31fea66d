import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, countRows, PASSWORD, redirectOf } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { expectPage, textOf } from './support/pages.js';
import { type Browser, enter, newBrowser, newestSession, problemsOf, sendForm } from './support/settings.js';

/** Every form of the screen, with fields that would be taken. */
const FORMS: Record<string, Record<string, string>> = {
  email: { email: 'new@example.org', password: PASSWORD },
  password: { password: PASSWORD, new_password: 'a new battery', new_password_confirmation: 'a new battery' },
  backups: {},
  disable: { password: PASSWORD },
  delete: { password: PASSWORD },
};

let test: TestApp;
let browser: Browser;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await createVerified(test, 'alice');
});
afterAll(() => test.close());
beforeEach(async () => {
  browser = await enter(test);
});

/** The rows of everything that the forms change. */
const rows = async () => [
  await test.dataSource.query('select * from "user" order by id'),
  await test.dataSource.query('select * from backup'),
  await test.dataSource.query('select * from mail_outbox order by id'),
  await test.dataSource.query('select id, revoked_at from session order by id'),
];

describe.each(Object.entries(FORMS))('POST /settings/account/%s', (form, fields) => {
  it('leads a stranger to the settings, and so to a sign-in, and does nothing', async () => {
    const before = await rows();
    const answer = await sendForm(newBrowser(test), form, fields);
    expect([answer.status, answer.headers['location'], answer.text]).toEqual([302, `${PUB}/settings`, '']);
    expect(cookiesOf(answer)).toEqual([]);
    expect(await rows()).toEqual(before);
  });

  it('does nothing for a session that was revoked', async () => {
    await test.dataSource.query('update session set revoked_at = now() where id = $1', [await newestSession(test)]);
    const before = await rows();
    const answer = await sendForm(browser, form, fields);
    expect([answer.status, answer.headers['location']]).toEqual([302, `${PUB}/settings`]);
    expect(redirectOf(await browser.get('/settings/account')).to).toBe(`${PUB}/oauth/authorize`);
    expect(await rows()).toEqual(before);
  });

  it('refuses a form of another site (R50)', async () => {
    const before = await rows();
    for (const headers of [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'cross-site' },
      { Origin: 'null', 'Sec-Fetch-Site': 'same-site' },
    ]) {
      const answer = await sendForm(browser, form, fields).set(headers);
      expect(textOf(expectPage(answer, 403))).toContain('Cross-site request refused');
      expect(cookiesOf(answer)).toEqual([]);
    }
    expect(await rows()).toEqual(before);
    expectPage(await browser.get('/settings/account'));
  });

  it('is sent by a form only', async () => {
    const answer = await browser.get(`/settings/account/${form}`);
    expect(answer.headers['allow']).toBe('POST');
    expectPage(answer, 405);
  });
});

describe.each(['email', 'password', 'disable', 'delete'])('the password of POST /settings/account/%s', (form) => {
  it('must be right: the screen says so beside the form, and changes nothing', async () => {
    const before = await rows();
    const answer = await sendForm(browser, form, { ...FORMS[form], password: 'a wrong "<b>one' });
    const html = expectPage(answer, 422);
    expect(problemsOf(html)).toEqual({ [form]: 'Invalid password.' });
    expect(html).not.toContain('wrong');
    expect(cookiesOf(answer)).toEqual([]);
    expect(await rows()).toEqual(before);
  });

  it('must be there, as one text', async () => {
    const { password: _, ...others } = FORMS[form] ?? {};
    const before = await countRows(test);
    const missing = await sendForm(browser, form, others);
    const twice = await browser.post(`/settings/account/${form}`).type('form').send('password=a&password=b');
    // Old clients may leave it out of these two, which is a wrong password, and in the journal as one.
    const isWrong = ['disable', 'delete'].includes(form);
    expect(missing.status).toBe(isWrong ? 422 : 400);
    expectPage(twice, 400);
    const journal = (before['audit_event'] ?? 0) + (isWrong ? 1 : 0);
    expect(await countRows(test)).toEqual({ ...before, audit_event: journal });
  });

  it('shares its budget with every sign-in, and says so to people (R79)', async () => {
    const limited = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.password_identifier.points = 3;
    }, test.database);
    const own = await enter(limited);
    const send = (password: string) => sendForm(own, form, { ...FORMS[form], password });
    for (let n = 0; n < 3; n++) expectPage(await send('wrong'), 422);
    const before = await rows();
    const throttled = await send(PASSWORD);
    expect(await rows()).toEqual(before);
    await limited.close();
    await test.dataSource.query('truncate attempt_budget');
    expect(textOf(expectPage(throttled, 429))).toContain('Throttled Please wait some minutes, then try again.');
    expect(Number(throttled.headers['retry-after'])).toBeGreaterThan(800);
  });
});
