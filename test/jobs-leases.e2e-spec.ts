import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { LeaseLost, type RunningJob } from '../src/jobs/job-kind.js';
import { JobsService } from '../src/jobs/jobs.service.js';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { bareQueue, enqueue, gate, jobRows, type Numbered, work } from './support/jobs.js';

let database: TestDatabase;
const apps: TestApp[] = [];

beforeAll(async () => {
  database = await createDatabase();
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});
afterAll(() => database.drop());

/** Says now what a replica says every few seconds: that it is alive. */
async function renew({ app }: TestApp): Promise<void> {
  await app.get<{ renew(): Promise<void> }>(JobsService).renew();
}

async function replica(): Promise<TestApp> {
  const app = await startApp(() => {}, database);
  apps.push(app);
  return app;
}

describe('the lease of a job', () => {
  it('goes to somebody else when its holder is silent, and what the holder does then does not count', async () => {
    const [old, young] = [await replica(), await replica()];
    const held: RunningJob<Numbered>[] = [];
    const [begun, mayEnd, ended] = [gate(), gate(), gate()];
    let outcome: unknown = null;
    work(old, 'handed over', async (job) => {
      held.push(job);
      begun.open();
      await mayEnd.opened;
      outcome = await old.dataSource
        .transaction(async (tx) => {
          await tx.query(`insert into job (kind, key) values ('handed over: effect', 'old')`);
          await job.complete(tx);
        })
        .catch((error: unknown) => error);
      ended.open();
      throw outcome;
    });
    await enqueue(old, { kind: 'handed over' });
    await begun.opened;
    expect((await jobRows(old, 'handed over'))[0]).toMatchObject({ attempts: 1, leased_until: expect.any(Date) });

    const done = gate();
    work(young, 'handed over', (job) =>
      young.dataSource.transaction(async (tx) => {
        held.push(job);
        await mayEnd.opened;
        await ended.opened;
        await tx.query(`insert into job (kind, key) values ('handed over: effect', 'young')`);
        await job.complete(tx);
        done.open();
      }),
    );
    await old.dataSource.query(`update job set leased_until = now() - interval '1 second'`);
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(2);
    await renew(old);
    expect(held.map(({ attempts, signal }) => ({ attempts, aborted: signal.aborted }))).toEqual([
      { attempts: 1, aborted: true },
      { attempts: 2, aborted: false },
    ]);

    mayEnd.open();
    await done.opened;
    await expect.poll(() => jobRows(old, 'handed over'), { timeout: 10_000 }).toEqual([]);
    expect(outcome).toBeInstanceOf(LeaseLost);
    expect((await jobRows(old, 'handed over: effect')).map(({ key }) => key)).toEqual(['young']);
  });

  it('stays with a holder that says that it is alive', async () => {
    const test = await replica();
    const [begun, mayEnd] = [gate(), gate()];
    let lease: AbortSignal | null = null;
    work(test, 'alive', async ({ signal }) => {
      lease = signal;
      begun.open();
      await mayEnd.opened;
    });
    await enqueue(test, { kind: 'alive' });
    await begun.opened;
    await test.dataSource.query(`update job set leased_until = now() + interval '1 second' where kind = 'alive'`);
    await renew(test);
    const [row] = await test.dataSource.query(
      `select extract(epoch from leased_until - now())::float8 as left from job where kind = 'alive'`,
    );
    expect(row.left).toBeGreaterThan(13);
    expect(row.left).toBeLessThanOrEqual(15);
    expect(lease).toMatchObject({ aborted: false });
    mayEnd.open();
    await expect.poll(() => jobRows(test, 'alive'), { timeout: 10_000 }).toEqual([]);
  });
});

describe('two replicas', () => {
  it('share the work fairly, and do each job once', async () => {
    const replicas = [await replica(), await replica()];
    const shares: number[][] = [[], []];
    for (const [index, test] of replicas.entries())
      work(
        test,
        'shared',
        async ({ payload: { number = -1 } }) => {
          shares[index]?.push(number);
          // Some real work, so that nobody could do it all between two looks.
          await test.dataSource.query('select pg_sleep(0.01)');
        },
        { concurrency: 2 },
      );
    const [first] = replicas as [TestApp];
    await first.dataSource.query(
      `insert into job (kind, payload) select 'shared', jsonb_build_object('number', n) from generate_series(1, 400) n`,
    );
    await expect.poll(() => jobRows(first, 'shared'), { timeout: 18_000, interval: 100 }).toEqual([]);
    expect(shares.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, n) => n + 1));
    for (const share of shares) expect(share.length).toBeGreaterThanOrEqual(100);
  });
});

describe('a process that stops', () => {
  it('lets running jobs end and takes no more', async () => {
    const test = await replica();
    const [begun, mayEnd] = [gate(), gate()];
    const ended: (number | undefined)[] = [];
    work(test, 'ending', async ({ payload }) => {
      begun.open();
      await mayEnd.opened;
      ended.push(payload.number);
    });
    await enqueue(test, { kind: 'ending', payload: { number: 1 } }, { kind: 'ending', payload: { number: 2 } });
    await begun.opened;
    const stopped = test.app.get(JobsService).beforeApplicationShutdown();
    mayEnd.open();
    await stopped;
    expect(ended).toEqual([1]);
    expect(await jobRows(test, 'ending')).toMatchObject([{ payload: { number: 2 }, attempts: 0, leased_until: null }]);
  });

  it('gives back what has not ended after a while, for another one to take at once', async () => {
    const [stopping, staying] = [await replica(), await replica()];
    const begun = gate();
    let reason: unknown = null;
    work(stopping, 'given back', async ({ signal }) => {
      begun.open();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ({ reason } = signal);
    });
    await enqueue(stopping, { kind: 'given back' });
    await begun.opened;
    await stopping.app.get(JobsService).beforeApplicationShutdown();
    expect(reason).toBeInstanceOf(LeaseLost);

    const taken = gate();
    let attempts = 0;
    work(staying, 'given back', async (job) => {
      ({ attempts } = job);
      taken.open();
    });
    await taken.opened;
    expect(attempts).toBe(2);
  });

  it('also waits for a job that it was just taking', async () => {
    const test = await replica();
    const queue = bareQueue(test);
    let isStopped = false;
    const begunLate: boolean[] = [];
    work(test, 'just taken', async () => void begunLate.push(isStopped));
    const lock = test.dataSource.createQueryRunner();
    await lock.startTransaction();
    await lock.query('lock table job in share row exclusive mode');
    await lock.query(`insert into job (kind) values ('just taken')`);
    queue.poll();
    const { looking } = queue;
    const stop = async () => {
      await test.app.get(JobsService).beforeApplicationShutdown();
      isStopped = true;
    };
    const stopped = stop();
    await test.dataSource.query('select 1');
    await lock.commitTransaction();
    await lock.release();
    await Promise.all([stopped, looking]);
    expect(begunLate).toEqual([false]);
    expect(await jobRows(test, 'just taken')).toEqual([]);
  });
});
