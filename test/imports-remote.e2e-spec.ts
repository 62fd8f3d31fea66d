import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebFingerClient } from '../src/webfinger/webfinger.client.js';
import { startApp, type TestApp } from './support/app.js';
import {
  end,
  fates,
  hurryImport,
  imported,
  type Importer,
  newImporter,
  relationsFrom,
  rowsOf,
  send,
  steer,
} from './support/import-lists.js';
import { jobRows } from './support/jobs.js';
import { type AccountScript, startWebFingerHost, type WebFingerHost } from './support/webfinger-host.js';

let test: TestApp;
let names = 0;
const hosts: WebFingerHost[] = [];
beforeAll(async () => {
  test = await startApp((config) => (config.imports.allow_private_hosts = true));
  // What is too long for a host is not too long for a test.
  test.app.get<{ options: { limitMs?: number } }>(WebFingerClient).options.limitMs = 700;
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});
afterAll(() => test.close());

const owner = (): Promise<Importer> => newImporter(test, `traveller${++names}`);

/** A host that knows these accounts. */
async function knows(accounts: Record<string, AccountScript | (() => AccountScript)>): Promise<WebFingerHost> {
  const host = await startWebFingerHost();
  hosts.push(host);
  for (const [name, script] of Object.entries(accounts)) host.add(name, script);
  return host;
}

/** Waiting rows of an import: how often they were tried, and in how many seconds they are due. */
const waiting = (id: string): Promise<{ attempts: number; due: number }[]> =>
  test.dataSource.query(
    `select attempts, extract(epoch from retry_at - updated_at)::float8 as due from import_row
     where import_id = $1 and state = 'pending' and retry_at is not null order by position`,
    [id],
  );

/** The import waits for a host. */
async function untilWaiting(id: string, rows = 1): Promise<void> {
  await expect.poll(async () => (await waiting(id)).length, { timeout: 10_000, interval: 20 }).toBe(rows);
}

/** It lies still, and comes again in the future. */
async function untilPaused(id: string): Promise<void> {
  const due = async () => (await jobRows(test, 'import')).find(({ key }) => key === id)?.due_in ?? -1;
  await expect.poll(due, { timeout: 10_000, interval: 20 }).toBeGreaterThan(0.1);
}

describe('an import of accounts elsewhere', () => {
  it('asks to follow them, blocks and mutes them at once, and looks each up once', async () => {
    const [me, other] = [await owner(), await owner()];
    const far = await knows({ bob: {}, carol: { page: null } });
    const { host, origin } = far;
    const list = [`bob@${host}`, `@Carol@${host}`, `acct:BOB@${host}`];
    const follows = await imported(test, me, { kind: 'follow' }, list);
    expect(follows.counts).toMatchObject({ rows: 3, requested: 2, skipped: 1, applied: 0 });
    expect(await relationsFrom(test, me)).toEqual([`bob@${host} follow requested`, `carol@${host} follow requested`]);
    const recorded = await test.dataSource.query(
      'select username, uri, url from remote_account where host = $1 order by username',
      [host],
    );
    expect(recorded).toEqual([
      { username: 'bob', uri: `${origin}/users/bob`, url: `${origin}/@bob` },
      { username: 'carol', uri: `${origin}/users/carol`, url: null },
    ]);
    const rows = await rowsOf(test, me, follows.id);
    const [bob] = rows;
    const shown = await test.http.get(`/api/v1/accounts/lookup?acct=bob@${host}`);
    expect(shown.body).toMatchObject({ id: bob?.account_id, acct: `bob@${host}`, url: `${origin}/@bob` });

    // Known now: nobody is asked again, whoever's list it is.
    expect((await imported(test, other, { kind: 'mute' }, list)).counts).toMatchObject({ applied: 2, skipped: 1 });
    expect((await imported(test, me, { kind: 'block' }, `bob@${host}`)).counts).toMatchObject({ applied: 1 });
    expect(await relationsFrom(test, me)).toEqual([`bob@${host} block accepted`, `carol@${host} follow requested`]);
    expect(await relationsFrom(test, other)).toEqual([`bob@${host} mute accepted`, `carol@${host} mute accepted`]);
    expect(far.requests).toHaveLength(2);

    // For seven days.
    await test.dataSource.query(
      `update remote_account set resolved_at = now() - case username when 'bob' then interval '7 days 1 minute'
         else interval '6 days 23 hours 50 minutes' end where host = $1`,
      [host],
    );
    await imported(test, other, { kind: 'follow' }, list);
    expect([far.count('bob'), far.count('carol')]).toEqual([2, 1]);
    const [still] = await test.dataSource.query(
      `select id, resolved_at > now() - interval '1 minute' as "isFresh" from remote_account where username = 'bob' and host = $1`,
      [host],
    );
    expect(still).toEqual({ id: bob?.account_id, isFresh: true });
  });

  it('records an account once that two people import at the same moment', async () => {
    const [me, other] = [await owner(), await owner()];
    const { host } = await knows({ bob: { delayMs: 100 } });
    await Promise.all([me, other].map((one) => imported(test, one, { kind: 'follow' }, `bob@${host}`)));
    const [row] = await test.dataSource.query(
      `select (select count(*)::int from remote_account where host = $1) as accounts,
         (select count(distinct target_id)::int from relationship where source_id = any($2)) as targets`,
      [host, [me.id, other.id]],
    );
    expect(row).toEqual({ accounts: 1, targets: 1 });
  });

  it('takes nothing for known in a preview, but finds out', async () => {
    const me = await owner();
    const { host, requests } = await knows({ bob: {} });
    const { id } = await imported(test, me, { kind: 'follow', dry_run: true }, [`bob@${host}`, `nobody@${host}`]);
    expect(await fates(test, me, id)).toEqual([`bob@${host}: planned`, `nobody@${host}: failed not_found`]);
    expect(await relationsFrom(test, me)).toEqual([]);
    expect(requests).toHaveLength(2);
  });

  it('are looked up anew when a preview is applied that is older than what is known', async () => {
    const me = await owner();
    const far = await knows({ bob: {}, carol: {} });
    const list = [`bob@${far.host}`, `carol@${far.host}`];
    const { id } = await imported(test, me, { kind: 'follow', dry_run: true }, list);
    await test.dataSource.query(
      `update remote_account set resolved_at = now() - interval '8 days' where host = $1 and username = 'bob'`,
      [far.host],
    );
    expect((await steer(test, me, id, 'apply')).status).toBe(200);
    await end(test, me, id);
    expect(await fates(test, me, id)).toEqual(list.map((handle) => `${handle}: requested`));
    expect([far.count('bob'), far.count('carol')]).toEqual([2, 1]);
    expect(await relationsFrom(test, me)).toHaveLength(2);
  });

  it('says why an account could not be found', async () => {
    const me = await owner();
    const good = await knows({ gone: { status: 410 }, bob: {} });
    const [odd, large, broken, silent] = await Promise.all([
      knows({
        text: { body: '<html>' },
        none: { self: null },
        denied: { status: 403 },
        else: { subject: `acct:else@${good.host}` },
        loop: { redirectTo: '/.well-known/webfinger?resource={resource}' },
      }),
      knows({ big: { body: 'x'.repeat(70_000) } }),
      knows({ hangs: { fault: 'hang-up' } }),
      knows({ slow: { fault: 'silence' } }),
    ]);
    const wanted: [handle: string, fate: string, retryable: boolean][] = [
      [`nobody@${good.host}`, 'failed not_found', false],
      [`gone@${good.host}`, 'failed gone', false],
      [`bob@${good.host}`, 'requested null', false],
      [`text@${odd.host}`, 'failed bad_answer', false],
      [`none@${odd.host}`, 'failed bad_answer', false],
      [`denied@${odd.host}`, 'failed bad_answer', false],
      [`else@${odd.host}`, 'failed bad_answer', false],
      [`loop@${odd.host}`, 'failed bad_answer', false],
      [`big@${large.host}`, 'failed too_large', false],
      [`hangs@${broken.host}`, 'failed host_unreachable', true],
      [`slow@${silent.host}`, 'failed host_timeout', true],
    ];
    const id = await send(
      test,
      me,
      { kind: 'follow' },
      wanted.map(([handle]) => handle),
    );
    for (let round = 0; round < 2; round++) {
      await untilWaiting(id, 2);
      await untilPaused(id);
      await hurryImport(test, id);
    }
    expect((await end(test, me, id)).state).toBe('finished');
    const rows = await rowsOf(test, me, id);
    expect(rows.map((row) => [row.handle, `${row.state} ${row.reason}`, row.retryable])).toEqual(wanted);
    expect(rows.every(({ reason, message }) => (reason === null) === (message === null))).toBe(true);
    expect([broken.count('hangs'), silent.count('slow')]).toEqual([3, 3]);
  });

  it('knows a host by its ASCII name, however it is written', async () => {
    const me = await owner();
    const host = 'xn--bcher-kva.example';
    await test.dataSource.query(
      `insert into remote_account (id, username, host, uri, resolved_at)
       values (gen_random_uuid(), 'bob', $1, 'https://' || $1 || '/bob', now())`,
      [host],
    );
    const list = ['bob@Bücher.example', 'bob@BU\u0308CHER.example', `bob@${host}`];
    const { id } = await imported(test, me, { kind: 'block' }, list);
    expect(await fates(test, me, id)).toEqual([
      `bob@${host}: applied`,
      `bob@${host}: skipped duplicate`,
      `bob@${host}: skipped duplicate`,
    ]);
  });
});

describe('without the switch for private hosts', () => {
  it('nothing that is not public is asked (security.md R97)', async () => {
    const closed = await startApp();
    try {
      const far = await knows({ a: {} });
      const port = far.host.split(':')[1] ?? '';
      const me = await newImporter(closed, 'traveller');
      const list = [
        far.host,
        `localhost:${port}`,
        '[::1]',
        `[::1]:${port}`,
        '[::ffff:127.0.0.1]',
        '169.254.169.254',
        '0x7f.1',
        `0x7f.1:${port}`,
        '2130706433',
        '127.1',
        '017700000001',
        '10.0.0.1',
        'localhost',
        'a.localhost',
        'single',
        'printer.local',
        'db.internal',
        'router.home.arpa',
        'x.onion',
        'example.com:8443',
      ].map((name) => `a@${name}`);
      const { id, counts } = await imported(closed, me, { kind: 'follow' }, list);
      expect({ ...counts }).toMatchObject({ applied: 0, requested: 0, pending: 0 });
      const rows = await rowsOf(closed, me, id);
      // Several are one and the same address, written differently.
      expect(new Set(rows.map(({ reason }) => reason))).toEqual(new Set(['host_not_allowed', 'duplicate']));
      expect(rows.filter(({ reason }) => reason === 'host_not_allowed').length).toBeGreaterThan(14);
      expect(far.connections).toBe(0);
    } finally {
      await closed.close();
    }
  });
});
