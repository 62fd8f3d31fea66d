import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JobsService } from '../src/jobs/jobs.service.js';
import { startApp, type TestApp } from './support/app.js';
import { buildPrograms } from './support/build.js';
import { createUser, obtainTokens, registerClient, type TestClient } from './support/flows.js';
import { ImportProcess, passLease } from './support/import-process.js';
import { ended } from './support/imports.js';
import { jobRows } from './support/jobs.js';

/** More batches than kills, each of which lets at most one through. */
const ROWS = 12_000;
const KILLS = 10;

/** How long a batch takes, at least; milliseconds. */
const BATCH_MS = 600;

let test: TestApp;
let client: TestClient;
const processes: ImportProcess[] = [];
beforeAll(async () => {
  test = await startApp();
  // Only the processes work; this one looks on.
  await test.app.get(JobsService).beforeApplicationShutdown();
  await buildPrograms();
  client = await registerClient(test, { scopes: 'read write follow' });
  await test.dataSource.query(
    `insert into "user" (id, username) select gen_random_uuid(), 'person' || n from generate_series(1, ${ROWS}) n`,
  );
  await test.dataSource.query(`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(${BATCH_MS / 4000}); return new; end $$`);
});
beforeEach(async () => {
  // What a test has left undone is not for the next one's workers.
  await test.dataSource.query('delete from job');
  await test.dataSource.query(`create trigger dawdle before update on import_row for each row
    when (new.position % 250 = 0 and new.state in ('applied', 'failed')) execute function dawdle()`);
});
afterEach(async () => {
  for (const one of processes.splice(0)) await one.end();
  await hasten();
});
afterAll(async () => {
  for (const one of processes) await one.end();
  await test.close();
});

interface Upload {
  token: string;
  id: string;
  userId: string;
  rows: number;
}

/** Somebody new, whose list of everybody and of nobody waits. */
async function upload(name: string, rows = 4000): Promise<Upload> {
  const userId = await createUser(test, name);
  const token = (await obtainTokens(test, client, name, 'read write follow')).access_token;
  const list = Array.from({ length: rows }, (_, n) => (n % 10 === 9 ? `nobody${n}` : `person${n + 1}`)).join('\n');
  const answer = await test.http.post('/api/pleroma/follow_import').auth(token, { type: 'bearer' }).send({ list });
  expect(answer.status).toBe(200);
  return { token, id: String(answer.headers['location']).split('/').at(-1) ?? '', userId, rows };
}

async function newProcess(): Promise<ImportProcess> {
  const one = new ImportProcess(test);
  processes.push(one);
  await one.start();
  return one;
}

/** From now on batches take as long as they take. */
async function hasten(): Promise<void> {
  await test.dataSource.query('drop trigger if exists dawdle on import_row');
}

/** A worker has taken the job. */
async function untilTaken(id: string): Promise<void> {
  const look = () =>
    test.dataSource.query(`select id from job where kind = 'import' and key = $1 and leased_until > now()`, [id]);
  await expect.poll(async () => (await look()).length, { timeout: 15_000, interval: 10 }).toBe(1);
}

async function decided(id: string): Promise<number> {
  const [row] = await test.dataSource.query(
    `select count(*) filter (where state <> 'pending')::int as count from import_row where import_id = $1`,
    [id],
  );
  return row.count;
}

/** A batch is being written. */
async function isInBatch(): Promise<boolean> {
  const rows = await test.dataSource.query(
    `select from pg_stat_activity where datname = current_database() and state = 'active' and query like 'update import_row r %'`,
  );
  return rows.length > 0;
}

/** Nothing lost, nothing doubled, and what is told is what is so. */
async function expectExact({ token, id, userId, rows }: Upload): Promise<void> {
  const { state, counts } = await ended(test, token, id, 60_000);
  expect({ state, counts }).toMatchObject({
    state: 'finished',
    counts: { rows, pending: 0, applied: rows * 0.9, failed: rows * 0.1, unchanged: 0 },
  });
  const [graph] = await test.dataSource.query(
    `select count(*)::int as follows, count(distinct target_id)::int as targets from relationship
     where source_id = $1 and kind = 'follow'`,
    [userId],
  );
  expect(graph).toEqual({ follows: rows * 0.9, targets: rows * 0.9 });
  const [journal] = await test.dataSource.query(
    `select (select count(*)::int from import_change where import_id = $1::uuid) as changes,
       (select count(*)::int from audit_event where user_id = $2 and type = 'import.finished') as endings,
       (select count(*)::int from mail_outbox where user_id = $2 and template = 'import_finished') as mails,
       (select count(*)::int from job where kind = 'import' and key = $1::text) as jobs`,
    [id, userId],
  );
  expect(journal).toEqual({ changes: rows * 0.9, endings: 1, mails: 1, jobs: 0 });
}

describe('an import whose worker is killed (security.md D1, D2, D6)', () => {
  it(`loses and doubles nothing over ${KILLS} kills at random moments`, { timeout: 120_000 }, async () => {
    const list = await upload('killed', ROWS);
    for (let kills = 0; kills < KILLS; kills++) {
      const worker = await newProcess();
      await untilTaken(list.id);
      await pause(Math.random() * BATCH_MS);
      await worker.signal('SIGKILL');
      await passLease(test);
    }
    expect(await decided(list.id)).toBeLessThan(ROWS);
    await hasten();
    await newProcess();
    await expectExact(list);
  });

  it('takes nothing from a worker that was asleep for longer than its lease', { timeout: 60_000 }, async () => {
    const list = await upload('asleep');
    const sleeper = await newProcess();
    await expect.poll(() => decided(list.id), { timeout: 20_000 }).toBeGreaterThan(0);
    // In the middle of a batch, so that it falls asleep with its locks in its hands.
    await expect.poll(isInBatch, { timeout: 20_000, interval: 10 }).toBe(true);
    await sleeper.signal('SIGSTOP');
    expect(await decided(list.id)).toBeLessThan(list.rows);
    await passLease(test);
    await newProcess();
    await expect.poll(() => decided(list.id), { timeout: 30_000 }).toBe(list.rows);
    await sleeper.signal('SIGCONT');
    await pause(1000);
    await expectExact(list);
  });

  it('is shared by two replicas, and neither doubles what the other does', { timeout: 60_000 }, async () => {
    const lists = [await upload('first'), await upload('second')];
    await Promise.all([newProcess(), newProcess()]);
    for (const { id } of lists) await untilTaken(id);
    await hasten();
    for (const list of lists) await expectExact(list);
    expect(await jobRows(test, 'import')).toEqual([]);
  });
});
