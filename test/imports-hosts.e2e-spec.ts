import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
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
});
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.stop();
});
afterAll(() => test.close());

const owner = (): Promise<Importer> => newImporter(test, `guest${++names}`);

async function newHost(): Promise<WebFingerHost> {
  const host = await startWebFingerHost();
  hosts.push(host);
  return host;
}

/** Names of so many accounts that a host knows and answers for like this. */
function accounts(
  host: WebFingerHost,
  count: number,
  script: AccountScript | ((nth: number) => AccountScript) = {},
): string[] {
  return Array.from({ length: count }, (_, nth) => {
    host.add(`p${nth}`, typeof script === 'function' ? () => script(nth) : script);
    return `p${nth}@${host.host}`;
  });
}

/** The waiting rows: tries, and for how many seconds they were put off. */
const waiting = (id: string): Promise<{ attempts: number; wait: number }[]> =>
  test.dataSource.query(
    `select attempts, extract(epoch from retry_at - updated_at)::float8 as wait from import_row
     where import_id = $1 and state = 'pending' and retry_at > updated_at order by position`,
    [id],
  );

/** Seconds until the import is due, once all that can be done has been. */
async function untilPaused(id: string): Promise<number> {
  const due = async () => (await jobRows(test, 'import')).find(({ key }) => key === id)?.due_in ?? -1;
  await expect.poll(due, { timeout: 10_000, interval: 20 }).toBeGreaterThan(0.3);
  return due();
}

describe('a host that fails', () => {
  it('is asked again for each row, after longer and longer', async () => {
    const me = await owner();
    const host = await newHost();
    let failures = 0;
    host.add('late', () => (++failures < 3 ? { status: 502 } : {}));
    const id = await send(test, me, { kind: 'block' }, `late@${host.host}`);
    await untilPaused(id);
    const first = await waiting(id);
    expect(first).toEqual([{ attempts: 1, wait: expect.closeTo(2, 1) }]);
    await hurryImport(test, id);
    await expect.poll(() => host.count('late'), { timeout: 5000 }).toBe(2);
    expect(await untilPaused(id)).toBeGreaterThan(2.5);
    expect(await waiting(id)).toEqual([{ attempts: 2, wait: expect.closeTo(4, 1) }]);
    await hurryImport(test, id);
    expect((await end(test, me, id)).counts).toMatchObject({ rows: 1, applied: 1 });
    expect(host.count('late')).toBe(3);
  });

  it('is given up for the import after five times, while others go on', async () => {
    const me = await owner();
    const [dead, well] = [await newHost(), await newHost()];
    const lost = accounts(dead, 150, { fault: 'hang-up' });
    const found = accounts(well, 10);
    const id = await send(test, me, { kind: 'mute' }, [...lost, ...found]);
    // Without anybody's help, and without a second round.
    const { counts, state } = await end(test, me, id, 10_000);
    expect({ state, ...counts }).toMatchObject({ state: 'finished', rows: 160, applied: 10, failed: 150 });
    expect(dead.requests.length).toBeGreaterThanOrEqual(5);
    expect(dead.requests.length).toBeLessThan(10);
    expect(well.requests).toHaveLength(10);
    const rows = await rowsOf(test, me, id, '&state=failed');
    expect(new Set(rows.map(({ reason, retryable }) => `${reason} ${retryable}`))).toEqual(
      new Set(['host_unreachable true']),
    );
    // Sent again, they are asked anew, in another import.
    expect(await relationsFrom(test, me)).toHaveLength(10);
  });

  it('is not given up for what single accounts come to', async () => {
    const me = await owner();
    const host = await newHost();
    const lost = Array.from({ length: 20 }, (_, n) => `nobody${n}@${host.host}`);
    const found = accounts(host, 20);
    const { counts } = await imported(test, me, { kind: 'follow' }, [...lost, ...found]);
    expect(counts).toMatchObject({ rows: 40, failed: 20, requested: 20 });
    expect(host.requests).toHaveLength(40);
  });
});

describe('a host that wants to be left alone', () => {
  it('is left alone for as long, and asked again then', async () => {
    const me = await owner();
    const host = await newHost();
    const times: number[] = [];
    host.add('busy', () => (times.push(Date.now()) === 1 ? { status: 429, retryAfter: 1 } : {}));
    const { counts } = await imported(test, me, { kind: 'follow' }, `busy@${host.host}`);
    expect(counts).toMatchObject({ rows: 1, requested: 1 });
    expect(times).toHaveLength(2);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(900);
  });

  it('is not asked before, even by rows that come early, and holds up nobody else', async () => {
    const me = await owner();
    const [busy, well] = [await newHost(), await newHost()];
    const list = [...accounts(busy, 1, { status: 429, retryAfter: 120 }), ...accounts(well, 3)];
    const id = await send(test, me, { kind: 'follow' }, list);
    expect(await untilPaused(id)).toBeGreaterThan(100);
    expect(await relationsFrom(test, me)).toHaveLength(3);
    expect(await waiting(id)).toEqual([{ attempts: expect.any(Number), wait: expect.closeTo(120, -1) }]);
    await hurryImport(test, id);
    await expect.poll(async () => (await waiting(id)).length, { timeout: 5000 }).toBe(1);
    expect(await untilPaused(id)).toBeGreaterThan(100);
    expect(busy.requests).toHaveLength(1);
    expect((await steer(test, me, id, 'cancel')).status).toBe(200);
  });

  it('is waited for with all its rows, and then answers for them', async () => {
    const me = await owner();
    const host = await newHost();
    let isBusy = true;
    const list = accounts(host, 100, () => (isBusy ? { status: 429, retryAfter: 2 } : {}));
    const id = await send(test, me, { kind: 'follow' }, list);
    await untilPaused(id);
    expect(await waiting(id)).toHaveLength(100);
    isBusy = false;
    const { counts } = await end(test, me, id);
    expect(counts).toMatchObject({ rows: 100, requested: 100, failed: 0 });
  });

  it('for longer than five minutes is not waited for', async () => {
    const me = await owner();
    const host = await newHost();
    const list = accounts(host, 1, { status: 429, retryAfter: 3600 });
    const id = await send(test, me, { kind: 'follow' }, list);
    for (let round = 0; round < 2; round++) {
      await expect.poll(async () => (await waiting(id))[0]?.attempts, { timeout: 5000 }).toBe(round + 1);
      await untilPaused(id);
      await hurryImport(test, id);
    }
    await end(test, me, id);
    expect(await fates(test, me, id)).toEqual([`${list[0]}: failed host_unreachable`]);
    expect(host.requests).toHaveLength(1);
  });
});

describe('a host that is well', () => {
  it('is asked two things at once, by however many imports', async () => {
    const people = [await owner(), await owner()];
    const host = await newHost();
    const list = accounts(host, 24, { delayMs: 20 });
    const found = await Promise.all(
      people.map((one, nth) => imported(test, one, { kind: 'follow' }, nth === 0 ? list.slice(0, 12) : list.slice(12))),
    );
    expect(found.map(({ counts }) => counts['requested'])).toEqual([12, 12]);
    expect(host.requests).toHaveLength(24);
    expect(host.mostAtOnce).toBe(2);
  });

  it('is asked beside others that are slow', async () => {
    const me = await owner();
    const [slow, quick] = [await newHost(), await newHost()];
    const order: string[] = [];
    slow.add('slow', () => ({ delayMs: 500, ...(order.push('slow asked') && {}) }));
    quick.add('quick', () => ({ ...(order.push(`quick asked, ${slow.open} open`) && {}) }));
    const list = [`slow@${slow.host}`, `quick@${quick.host}`];
    expect((await imported(test, me, { kind: 'follow' }, list)).counts).toMatchObject({ requested: 2 });
    expect(order).toEqual(['slow asked', 'quick asked, 1 open']);
  });
});
