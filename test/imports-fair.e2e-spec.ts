import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readList } from '../src/lists/read-list.js';
import { startApp, type TestApp } from './support/app.js';
import { makePeople } from './support/graph.js';
import { end, type Importer, newImporter, relationsFrom, send } from './support/import-lists.js';
import type { ImportJson } from './support/imports.js';
import { jobRows } from './support/jobs.js';

const ROWS = 20_000;

let test: TestApp;
let people: string[];
let names = 0;
beforeAll(async () => {
  test = await startApp();
  await makePeople(test, ROWS);
  const rows: { username: string }[] = await test.dataSource.query(
    `select username from "user" where username like 'crowd%' order by id`,
  );
  people = rows.map(({ username }) => username);
  await test.dataSource.query(`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return new; end $$`);
});
afterEach(() => hasten());
afterAll(() => test.close());

/** Every batch of a long list takes a third of a second, until `hasten`. */
async function dawdle(): Promise<void> {
  await test.dataSource.query(`create trigger dawdle before update on import_row for each row
    when (new.state = 'applied' and new.position % 1000 = 500) execute function dawdle()`);
}

async function hasten(): Promise<void> {
  await test.dataSource.query('drop trigger if exists dawdle on import_row');
}

const owner = (): Promise<Importer> => newImporter(test, `client${++names}`);
const decided = async (id: string): Promise<number> => {
  const [row] = await test.dataSource.query(
    `select count(*) filter (where state <> 'pending')::int as count from import_row where import_id = $1`,
    [id],
  );
  return row.count;
};
const at = (time: unknown): number => Date.parse(String(time));
const stateOf = async ({ token }: Importer, id: string): Promise<ImportJson> =>
  (await test.http.get(`/api/v1/imports/${id}`).auth(token, { type: 'bearer' })).body;

describe('imports of many people (security.md D5)', () => {
  it('take turns: ten rows are done while twenty thousand wait', { timeout: 60_000 }, async () => {
    const [small, ...large] = await Promise.all([owner(), owner(), owner(), owner(), owner(), owner()]);
    await dawdle();
    // More of them than are worked on at once.
    const ids: string[] = [];
    for (const [nth, one] of large.entries()) {
      ids.push(await send(test, one, { kind: 'mute' }, people.slice(0, nth === 0 ? ROWS : 6000)));
    }
    await expect.poll(() => decided(ids[0] ?? ''), { timeout: 20_000, interval: 20 }).toBeGreaterThan(0);
    const id = await send(test, small, { kind: 'mute' }, people.slice(0, 10));
    const done = await end(test, small, id);
    expect(done.counts).toMatchObject({ rows: 10, applied: 10 });
    const left = await Promise.all(ids.map(decided));
    expect(left[0]).toBeLessThan(ROWS);
    await hasten();
    const ends = [];
    for (const [nth, one] of large.entries()) ends.push(await end(test, one, ids[nth] ?? '', 40_000));
    expect(ends.map(({ state }) => state)).toEqual(large.map(() => 'finished'));
    expect(at(ends[0]?.finished_at)).toBeGreaterThan(at(done.finished_at));
    expect(await relationsFrom(test, large[0] as Importer)).toHaveLength(ROWS);
  });

  it('of one person are done one after the other, in the order of sending', { timeout: 30_000 }, async () => {
    const me = await owner();
    await dawdle();
    const first = await send(test, me, { kind: 'follow', mode: 'overwrite', dry_run: false }, people.slice(0, 4000));
    const second = await send(test, me, { kind: 'follow' }, people.slice(4000, 7000));
    await expect.poll(() => decided(first), { timeout: 10_000, interval: 20 }).toBeGreaterThan(0);
    expect((await stateOf(me, second)).state).toBe('queued');
    const leased = (await jobRows(test, 'import')).filter(({ leased_until }) => leased_until !== null);
    expect(leased.length).toBeLessThanOrEqual(1);
    const [a, b] = [await end(test, me, first), await end(test, me, second)];
    expect(at(b['started_at'])).toBeGreaterThanOrEqual(at(a.finished_at));
    // What was sent later is not taken away by what was sent before.
    expect(a.counts).toMatchObject({ applied: 4000, removed: 0 });
    expect(await relationsFrom(test, me)).toHaveLength(7000);
  });

  it('go to two replicas, and nothing is done twice', { timeout: 60_000 }, async () => {
    const replica = await startApp(() => {}, test.database);
    try {
      const all = await Promise.all([owner(), owner(), owner(), owner()]);
      const ids = await Promise.all(all.map((one) => send(test, one, { kind: 'follow' }, people.slice(0, 5000))));
      for (const [nth, one] of all.entries()) {
        const { state, counts } = await end(test, one, ids[nth] ?? '', 30_000);
        expect({ state, ...counts }).toMatchObject({ state: 'finished', rows: 5000, applied: 5000, unchanged: 0 });
        expect(await relationsFrom(test, one)).toHaveLength(5000);
      }
    } finally {
      await replica.close();
    }
  });
});

describe('a list that is being read (security.md D19)', () => {
  it('lets other requests be answered meanwhile', async () => {
    // Mostly cells that nobody asked for: eighteen megabytes.
    const bytes = Buffer.from(people.map((name) => `${name},true,false,en,${'x'.repeat(880)}`).join('\n'));
    expect(bytes.length).toBeLessThan(test.config.imports.max_bytes);
    const order: string[] = [];
    const { domain, publicUrl } = { domain: 'here.example', publicUrl: test.config.publicUrl };
    const wanted = { kind: 'follow', domain, publicUrl, self: 'me', maxRows: ROWS } as const;
    await test.http.get('/health/live');
    const reading = readList({ bytes, fileName: null }, wanted).then(({ rows }) => {
      order.push('read');
      return rows;
    });
    const asked = Promise.resolve(test.http.get('/health/live')).then(({ status }) => order.push(`answered ${status}`));
    expect(await reading).toHaveLength(ROWS);
    await asked;
    expect(order).toEqual(['answered 200', 'read']);
  });
});
