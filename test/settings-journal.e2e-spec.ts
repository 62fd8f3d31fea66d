import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeEvent } from '../src/audit/describe-event.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { createUser, obtainTokens, redirectOf, registerClient } from './support/flows.js';
import { expectPage, formsOf, linksOf, textOf } from './support/pages.js';
import { type Browser, enter, newBrowser, newestSession } from './support/settings.js';

let test: TestApp;
let alice: string;
let bob: string;
let browser: Browser;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  alice = await createUser(test, 'alice');
  bob = await createUser(test, 'bob');
  browser = await enter(test);
});
afterAll(() => test.close());
beforeEach(() => test.dataSource.query('truncate audit_event'));

/** Writes events, oldest first. */
async function write(userId: string, ...events: Record<string, unknown>[]): Promise<void> {
  for (const event of events) {
    const all = { type: 'login.failed', created_at: '2026-01-02T15:51:08Z', ip: null, user_agent: null, ...event };
    const { type, created_at, ip, user_agent, application_id = null } = all as Record<string, unknown>;
    await test.dataSource.query(
      `insert into audit_event (user_id, type, created_at, ip, user_agent, application_id) values ($1, $2, $3, $4, $5, $6)`,
      [userId, type, created_at, ip, user_agent, application_id],
    );
  }
}

/** Many events at once, told apart by their address. */
const writeMany = (userId: string, count: number) =>
  test.dataSource.query(
    `insert into audit_event (user_id, type, ip) select $1, 'login.failed', '192.0.2.' || n from generate_series(1, $2) n order by n`,
    [userId, count],
  );

const open = async (query = '') => expectPage(await browser.get(`/settings/journal${query}`));

/** What each item of the journal says. */
const itemsOf = (html: string) => [...html.matchAll(/<li>(.*?)<\/li>/gs)].map(([, item = '']) => textOf(item));

describe('GET /settings/journal', () => {
  it('tells in words what happened, newest first, and what to do about it', async () => {
    const { id } = await registerClient(test, { client_name: 'Sunbeam' });
    await write(
      alice,
      { type: 'account.created' },
      {
        type: 'login.succeeded',
        created_at: '2026-01-03T00:00:00Z',
        ip: '2001:db8::7',
        user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0',
        application_id: id,
      },
      { type: 'password.changed', created_at: '2026-01-04T23:59:59Z', ip: '192.0.2.7', user_agent: 'nonsense(' },
    );
    const html = await open();
    expect(itemsOf(html)).toEqual([
      'Your password was changed When 4 Jan 2026, 23:59 UTC From 192.0.2.7',
      'Signed in When 3 Jan 2026, 00:00 UTC App Sunbeam From 2001:db8::7, Firefox on Linux',
      'Your account was made When 2 Jan 2026, 15:51 UTC',
    ]);
    expect(html).toContain('<time datetime="2026-01-04T23:59:59.000Z">4 Jan 2026, 23:59 UTC</time>');
    expect(linksOf(html)['password']).toBe('/settings/account#password');
    expect(html).toContain('<a href="/settings/journal" aria-current="page">Journal</a>');
    expect(formsOf(html).map(({ action }) => action)).toEqual(['/settings/sign-out']);
    const headings = [...html.matchAll(/<h(\d)/g)].map(([, level]) => level).join('');
    expect(headings).toBe('12333');
  });

  it('calls an event in words, and one that it does not know by its bare name', async () => {
    await write(alice, { type: 'login.failed' }, { type: 'something.<new>' }, { type: 'toString' });
    expect(itemsOf(await open()).map((item) => item.split(' When')[0])).toEqual([
      'toString',
      'something.<new>',
      'Wrong password',
    ]);
    expect(describeEvent('token.issued')).toBe('An app got access');
  });

  it('shows nothing of anybody else, nor of nobody', async () => {
    await write(alice, { ip: '192.0.2.1' });
    await write(bob, { ip: '192.0.2.2' });
    await test.dataSource.query(`insert into audit_event (type, ip) values ('login.failed', '192.0.2.3')`);
    expect(itemsOf(await open())).toEqual(['Wrong password When 2 Jan 2026, 15:51 UTC From 192.0.2.1']);
    const [{ id }] = await test.dataSource.query('select max(id) as id from audit_event where user_id = $1', [bob]);
    expect(itemsOf(await open(`?max_id=${id + 1}`))).toHaveLength(1);
  });

  it('shows hostile names and devices as text', async () => {
    const hostile = await registerClient(test, {
      client_name: '</bdi><script>alert(1)</script>\u202e"',
      redirect_uris: 'https://app.example/cb',
    });
    await obtainTokens(test, hostile, 'alice');
    await test.dataSource.query('update audit_event set user_agent = $1', [
      'Mozilla/5.0 (<img src=x onerror=alert(1)>; "Android") Firefox/1 <b>',
    ]);
    await write(alice, { application_id: hostile.id, user_agent: '<script>alert(2)</script>/1.0', ip: '192.0.2.9' });
    const html = await open();
    expect(itemsOf(html).length).toBeGreaterThan(2);
    expect(html).toContain('<bdi>&lt;/bdi>&lt;script>alert(1)&lt;/script>');
    expect(html).not.toMatch(/<script|<img src=x|<b>|alert\(2\)/);
    expect(itemsOf(html)[0]).toMatch(/From 192\.0\.2\.9$/);
  });

  it('is read page by page, each event once', async () => {
    await writeMany(alice, 100);
    await writeMany(bob, 50);
    const seen: string[] = [];
    const lengths: number[] = [];
    let path: string | undefined = '/settings/journal';
    while (path !== undefined) {
      const html = expectPage(await browser.get(path));
      const items = itemsOf(html);
      lengths.push(items.length);
      seen.push(...items.map((item) => /192\.0\.2\.(\d+)/.exec(item)?.[1] ?? ''));
      path = linksOf(html)['Older events'];
      // Somebody tries passwords meanwhile.
      await write(alice, { ip: '198.51.100.1' });
    }
    expect(lengths).toEqual([40, 40, 20]);
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => String(100 - n)));
  });

  it('has no further page when the last one is just full', async () => {
    await writeMany(alice, 40);
    const html = await open();
    expect(itemsOf(html)).toHaveLength(40);
    expect(linksOf(html)).not.toHaveProperty('Older events');
  });

  it.each(['x', '-1', '1.5', '', '%00', '9007199254740993', '1%27%20or%201'])('has no page below %s', async (id) => {
    const answer = await browser.get(`/settings/journal?max_id=${id}`);
    expect([400, 404]).toContain(answer.status);
    expect(expectPage(answer, answer.status)).toContain('role="alert"');
  });

  it('leads to a sign-in without a session, and with one that was revoked', async () => {
    const revoked = await enter(test);
    await test.dataSource.query('update session set revoked_at = now() where id = $1', [await newestSession(test)]);
    await test.dataSource.query('truncate audit_event');
    for (const visitor of [newBrowser(test), revoked]) {
      const answer = await visitor.get('/settings/journal');
      expect(redirectOf(answer).to).toBe(`${PUB}/oauth/authorize`);
      expect(answer.text).toBe('');
    }
    // To look is no event.
    await open();
    const [{ count }] = await test.dataSource.query('select count(*) from audit_event');
    expect(count).toBe(0);
  });

  it('refuses HEAD, as the other screens do: it may begin a sign-in', async () => {
    const answer = await browser.head('/settings/journal');
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'GET']);
  });
});
