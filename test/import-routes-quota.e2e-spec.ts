import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { registerClient, type TestClient } from './support/flows.js';
import { holdWork, idIn, type Importer, importList, newImporter, tracesIn } from './support/imports.js';

let test: TestApp;
let other: TestApp;
let client: TestClient;
let alice: Importer;
beforeAll(async () => {
  const limited = (config: TestApp['config']) => (config.limits.enabled = true);
  test = await startApp(limited);
  other = await startApp(limited, test.database);
  for (const app of [test, other]) await holdWork(app);
  client = await registerClient(test, { scopes: 'read write follow' });
});
afterAll(async () => {
  await other.close();
  await test.close();
});
beforeEach(async () => {
  alice = await newImporter(test, client);
});

let lists = 0;
const send = (list = `person${++lists}`, { http } = test, path = '/api/pleroma/follow_import') =>
  http.post(path).auth(alice.token, { type: 'bearer' }).send({ kind: 'follow', list });
const finishAll = (state = 'finished') =>
  test.dataSource.query('update import set state = $2 where user_id = $1', [alice.id, state]);
/** So many lists are accepted. */
async function fill(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    expect((await send()).status).toBe(200);
    await finishAll();
  }
}
async function expectThrottled(answer: Awaited<ReturnType<typeof send>>, seconds: number): Promise<void> {
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 429, text: '{"error":"Throttled"}' });
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.headers).not.toHaveProperty('location');
  const wait = Number(answer.headers['retry-after']);
  expect(wait).toBeGreaterThan(seconds * 0.9);
  expect(wait).toBeLessThanOrEqual(seconds);
}

describe('20 lists a day (contract.md §1.1)', () => {
  it('are counted over routes, kinds and replicas; the next one is refused and leaves nothing', async () => {
    await fill(18);
    expect((await send(undefined, test, '/api/v1/imports')).status).toBe(200);
    await finishAll();
    expect((await send(undefined, other, '/api/v1/pleroma/mutes_import')).status).toBe(200);
    await finishAll();
    const before = await tracesIn(test);
    for (const path of ['/api/pleroma/follow_import', '/api/v1/pleroma/blocks_import', '/api/v1/imports']) {
      await expectThrottled(await send(undefined, other, path), 86_400);
    }
    expect(await tracesIn(test)).toEqual(before);
  });

  it('are each account’s own', async () => {
    await fill(20);
    expect((await send()).status).toBe(429);
    alice = await newImporter(test, client);
    expect((await send()).status).toBe(200);
  });

  it('do not count what is refused, nor the same list again', async () => {
    const list = `person${++lists}`;
    expect((await send(list)).status).toBe(200);
    for (let n = 0; n < 25; n++) {
      expect((await send('')).status).toBe(422);
      expect((await send(list)).status).toBe(200);
    }
    await Promise.all(Array.from({ length: 10 }, (_, n) => send('together', n % 2 ? test : other)));
    await finishAll();
    await fill(18);
    expect((await send()).status).toBe(429);
  });
});

describe('three unfinished lists (contract.md §1.1)', () => {
  it.each(['queued', 'running', 'undoing'])(
    'are enough while they are %s, and refusing costs nothing',
    async (state) => {
      for (let n = 0; n < 3; n++) expect((await send()).status).toBe(200);
      await finishAll(state);
      const before = await tracesIn(test);
      for (let n = 0; n < 20; n++) await expectThrottled(await send(undefined, n % 2 ? test : other), 60);
      expect(await tracesIn(test)).toEqual(before);
      await test.dataSource.query(
        `update import set state = 'finished' where id = (select min(id::text)::uuid from import where user_id = $1)`,
        [alice.id],
      );
      expect((await send()).status).toBe(200);
      await expectThrottled(await send(), 60);
    },
  );

  it('do not keep the same list from being found', async () => {
    const first = await send('bob');
    for (let n = 0; n < 2; n++) expect((await send()).status).toBe(200);
    const again = await send('bob');
    expect([again.status, idIn(again)]).toEqual([200, idIn(first)]);
  });

  it.each(['preview', 'finished', 'cancelled', 'undone'])('are none that are %s', async (state) => {
    for (let n = 0; n < 4; n++) {
      expect((await importList(test, alice, { list: `person${++lists}`, dry_run: true })).state).toBe('queued');
      await finishAll(state);
    }
  });

  it('stay three when many come at once to two replicas', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => send(undefined, n % 2 ? test : other)));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted((one, next) => one - next)).toEqual([200, 200, 200, ...Array(7).fill(429)]);
    const [row] = await test.dataSource.query('select count(*)::int as count from import where user_id = $1', [
      alice.id,
    ]);
    expect(row.count).toBe(3);
  });
});
