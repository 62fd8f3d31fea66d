import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  newEvents,
  newPerson,
  type Person,
  rowOf,
  signInOutcome,
  takeFootholds,
  expectNoFoothold,
} from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { unzip, waitFor } from './support/backups.js';
import { cookiesOf, PASSWORD, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { expectPage, formsOf, linksOf, textOf } from './support/pages.js';
import { lettersTo, stateOf } from './support/reactivation.js';
import { type Browser, enter, newBrowser, newestSession, partOf, problemsOf, sendForm } from './support/settings.js';

let test: TestApp;
let client: TestClient;
let person: Person;
let browser: Browser;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
  browser = await enter(test, person.name);
  await newEvents(test, person.id);
});

const screen = async (query = '') => expectPage(await browser.get(`/settings/account${query}`));

describe.each([
  [
    'disable',
    'disabled',
    'Account disabled Nobody is signed in any more, and nobody sees the account. Sign in whenever you want it back.',
    { disabled: true, byStaff: false, deleting: false },
    ['account.disabled', 'account_disabled'],
  ],
  [
    'delete',
    'deleted',
    'Account deleted Nobody is signed in any more, and nobody sees the account. It is erased after 7 days; until then you can sign in and keep it.',
    { disabled: false, byStaff: false, deleting: true },
    ['account.deletion_scheduled', 'deletion_scheduled'],
  ],
] as const)('POST /settings/account/%s', (form, after, words, state, [event, letter]) => {
  it('does it with the right password, ends every session, this one too, and says how to come back', async () => {
    const held = await takeFootholds(test, client, person.name);
    await newEvents(test, person.id);
    const answer = await sendForm(browser, form, { password: PASSWORD });
    const location = `${PUB}/settings/signed-out?after=${after}`;
    expect([answer.status, answer.headers['location'], answer.text]).toEqual([302, location, '']);
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^gh_settings=; Max-Age=0; Path=\/settings; Expires=Thu, 01 Jan 1970/),
    ]);
    const html = expectPage(await browser.get(location.slice(PUB.length)));
    expect(textOf(html)).toContain(words);
    // Nor is this browser signed in any more.
    expect(formsOf(html)).toEqual([]);
    expect(linksOf(html)['Sign in again']).toBe('/settings');
    expect(await stateOf(test, person.id)).toEqual(state);
    expect(await newEvents(test, person.id)).toEqual([event]);
    expect(await lettersTo(test, person.id)).toContain(letter);
    await expectNoFoothold(test, client, person.id, held);
    expect(await signInOutcome(test, client, person.name)).toMatch(/^reactivate/);
    expect(redirectOf(await browser.get('/settings/account')).to).toBe(`${PUB}/oauth/authorize`);
  });

  it('is done once by two at once; the other is told the same', async () => {
    const answers = await Promise.all([0, 1].map(() => sendForm(browser, form, { password: PASSWORD })));
    const locations = [`${PUB}/settings/signed-out?after=${after}`, `${PUB}/settings`];
    for (const { headers } of answers) expect(locations).toContain(headers['location']);
    expect(await stateOf(test, person.id)).toEqual(state);
    expect((await lettersTo(test, person.id)).filter((kind) => kind === letter)).toHaveLength(1);
  });
});

describe('POST /settings/account/backups', () => {
  /** Loads the screen until the archive is there. */
  const whenReady = () => waitFor(screen, (html) => /Download \(\d+ KiB\)/.test(textOf(partOf(html, 'backups'))));

  it('makes an archive, which the screen then offers, and this session may fetch', async () => {
    const answer = await sendForm(browser, 'backups');
    expect([answer.status, answer.headers['location'], answer.text]).toEqual([
      302,
      `${PUB}/settings/account?done=backup`,
      '',
    ]);
    const part = partOf(await whenReady(), 'backups');
    const [path = '', ...others] = Object.values(linksOf(part));
    expect(others).toEqual([]);
    expect(textOf(part)).toMatch(/Of \d+ \w+ \d{4}, \d\d:\d\d UTC: Download \(\d+ KiB\) Make an archive$/);
    // The news is old by now.
    expect(await screen('?done=backup')).not.toContain('class="notice');
    const file = await browser.get(path).responseType('blob');
    expect(file.status).toBe(200);
    expect(file.headers).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': expect.stringMatching(`attachment; filename="gatehouse-${person.name}-`),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const files = await unzip(file.body as Buffer);
    expect([...files.values()].join()).toContain(person.email);
    const [event] = await test.dataSource.query(
      `select e.*, a.builtin from audit_event e join application a on a.id = e.application_id
       where e.user_id = $1 and e.type = 'backup.downloaded'`,
      [person.id],
    );
    expect(event).toMatchObject({ builtin: 'settings', ip: '127.0.0.1' });
  });

  it('says beside the form that one a week is enough', async () => {
    await sendForm(browser, 'backups');
    const html = expectPage(await sendForm(browser, 'backups'), 422);
    expect(problemsOf(html)).toEqual({ backups: 'Last export was less than 7 days ago' });
    const [{ count }] = await test.dataSource.query('select count(*) from backup where user_id = $1', [person.id]);
    expect(count).toBe(1);
  });

  it('shows every archive of the week with what became of it, and none of anybody else', async () => {
    const stranger = await newPerson(test, client);
    await test.dataSource.query(
      `insert into backup (user_id, state, file_size, created_at, file) values
       ($1, 'failed', 0, '2026-01-02T03:04:05Z', null), ($1, 'complete', 2049, now() - interval '8 days', ''),
       ($2, 'complete', 12345678, now(), '')`,
      [person.id, stranger.id],
    );
    await test.dataSource.query(
      `update backup set created_at = now() - interval '1 day' where user_id = $1 and state = 'failed'`,
      [person.id],
    );
    expect(textOf(partOf(await screen(), 'backups'))).toMatch(/UTC: failed; you can ask again Make an archive$/);
    await test.dataSource.query(`insert into backup (user_id, state) values ($1, 'pending')`, [person.id]);
    const part = textOf(partOf(await screen('?done=backup'), 'backups'));
    expect(part).toMatch(/being made\. Load this page again in a minute\. Of .* UTC: being made Of .* UTC: failed/);
    await test.dataSource.query(
      `update backup set state = 'complete', file_size = 2049, file = '' where user_id = $1 and state = 'pending'`,
      [person.id],
    );
    expect(Object.keys(linksOf(partOf(await screen(), 'backups')))).toEqual(['Download (3 KiB)']);
  });
});

describe('GET /settings/account/backups/:id', () => {
  async function backupOf({ id }: Person, state = 'complete'): Promise<string> {
    const [row] = await test.dataSource.query(
      `insert into backup (user_id, state, file_size, file) values ($1, $2, 3, 'zip') returning id`,
      [id, state],
    );
    return `/settings/account/backups/${row.id}`;
  }

  it('finds nothing of somebody else, nothing unfinished, nothing old, and says so with a page', async () => {
    const old = await backupOf(person);
    await test.dataSource.query(`update backup set created_at = now() - interval '7 days' where user_id = $1`, [
      person.id,
    ]);
    const stranger = await newPerson(test, client);
    for (const path of [
      await backupOf(stranger),
      await backupOf(person, 'pending'),
      await backupOf(person, 'failed'),
      old,
    ]) {
      const html = expectPage(await browser.get(path), 404);
      expect(textOf(html)).toContain('Record not found');
    }
    expect(await newEvents(test, person.id)).toEqual([]);
  });

  it.each(['0', '-1', '1.5', 'x', '9007199254740993', '%00', '..%2f1'])('finds no archive %s', async (id) => {
    expect(expectPage(await browser.get(`/settings/account/backups/${id}`), 404)).toContain('role="alert"');
  });

  it('leads to a sign-in without a session, and with one that was revoked', async () => {
    const path = await backupOf(person);
    const stranger = await newBrowser(test).get(path);
    await test.dataSource.query('update session set revoked_at = now() where id = $1', [await newestSession(test)]);
    for (const answer of [stranger, await browser.get(path)]) {
      expect(redirectOf(answer).to).toBe(`${PUB}/oauth/authorize`);
      expect(answer.text).toBe('');
    }
    expect(await newEvents(test, person.id)).toEqual([]);
  });

  it('refuses HEAD, which would leave a download in the journal', async () => {
    const answer = await browser.head(await backupOf(person));
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET']);
    expect(await newEvents(test, person.id)).toEqual([]);
    expect((await rowOf(test, person.id))['disabled_at']).toBeNull();
  });
});
