import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { JobsService } from '../src/jobs/jobs.service.js';
import { startApp, type TestApp } from './support/app.js';
import { buildPrograms } from './support/build.js';
import { createUser, obtainTokens, registerClient, type TestClient } from './support/flows.js';
import { ImportProcess, passLease } from './support/import-process.js';
import { ended } from './support/imports.js';

const ROWS = 5000;
const KILLS = 10;

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
  // As slow as a busy machine: a batch takes half a second.
  await test.dataSource.query(`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.0005); return new; end $$`);
  await test.dataSource.query(
    'create trigger dawdle before update on import_row for each row execute function dawdle()',
  );
});
beforeEach(async () => {
  for (const one of processes.splice(0)) await one.end();
});
afterAll(async () => {
  for (const one of processes) await one.end();
  await test.close();
});

/** Somebody new, whose list of everybody and of nobody waits. */
async function upload(name: string): Promise<{ token: string; id: string; userId: string }> {
  const userId = await createUser(test, name);
  const token = (await obtainTokens(test, client, name, 'read write follow')).access_token;
  const list = Array.from({ length: ROWS }, (_, n) => (n % 10 === 9 ? `nobody${n}` : `person${n + 1}`)).join('\n');
  const answer = await test.http.post('/api/pleroma/follow_import').auth(token, { type: 'bearer' }).send({ list });
  expect(answer.status).toBe(200);
  return { token, id: String(answer.headers['location']).split('/').at(-1) ?? '', userId };
}

async function newProcess(): Promise<ImportProcess> {
  const one = new ImportProcess(test);
  processes.push(one);
  await one.start();
  return one;
}

async function decided(id: string): Promise<number> {
  const [row] = await test.dataSource.query(
    `select count(*) filter (where state <> 'pending')::int as count from import_row where import_id = $1`,
    [id],
  );
  return row.count;
}

/** Nothing lost, nothing doubled, and what is told is what is so. */
async function expectExact({ token, id, userId }: Awaited<ReturnType<typeof upload>>): Promise<void> {
  const { state, counts } = await ended(test, token, id, 60_000);
  expect({ state, counts }).toMatchObject({
    state: 'finished',
    counts: { rows: ROWS, pending: 0, applied: ROWS * 0.9, failed: ROWS * 0.1, unchanged: 0 },
  });
  const [graph] = await test.dataSource.query(
    `select count(*)::int as follows, count(distinct target_id)::int as targets from relationship
     where source_id = $1 and kind = 'follow'`,
    [userId],
  );
  expect(graph).toEqual({ follows: ROWS * 0.9, targets: ROWS * 0.9 });
  const [journal] = await test.dataSource.query(
    `select (select count(*)::int from import_change where import_id = $1) as changes,
       (select count(*)::int from audit_event where user_id = $2 and type = 'import.finished') as endings,
       (select count(*)::int from mail_outbox where user_id = $2 and template = 'import_finished') as mails,
       (select count(*)::int from job where kind = 'import') as jobs`,
    [id, userId],
  );
  expect(journal).toEqual({ changes: ROWS * 0.9, endings: 1, mails: 1, jobs: 0 });
}

describe('an import whose worker is killed (security.md D1, D2, D6)', () => {
  it(`loses and doubles nothing over ${KILLS} kills at random moments`, { timeout: 120_000 }, async () => {
    const list = await upload('killed');
    let kills = 0;
    while (kills < KILLS) {
      const worker = await newProcess();
      await pause(100 + Math.random() * 700);
      await worker.signal('SIGKILL');
      kills++;
      await passLease(test);
      // The last ones must not come too late to matter.
      if ((await decided(list.id)) === ROWS) break;
    }
    expect(kills).toBe(KILLS);
    await newProcess();
    await expectExact(list);
  });

  it('takes nothing from a worker that was asleep for longer than its lease', { timeout: 60_000 }, async () => {
    const list = await upload('asleep');
    const sleeper = await newProcess();
    await expect.poll(() => decided(list.id), { timeout: 20_000 }).toBeGreaterThan(0);
    await sleeper.signal('SIGSTOP');
    await passLease(test);
    await newProcess();
    await expect.poll(() => decided(list.id), { timeout: 30_000 }).toBe(ROWS);
    await sleeper.signal('SIGCONT');
    await pause(1000);
    await expectExact(list);
  });

  it('is shared by two replicas, and neither doubles what the other does', { timeout: 60_000 }, async () => {
    const lists = [await upload('first'), await upload('second')];
    await Promise.all([newProcess(), newProcess()]);
    for (const list of lists) await expectExact(list);
  });
});
