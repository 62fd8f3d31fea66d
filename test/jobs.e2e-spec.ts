import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backoff } from '../src/jobs/job-kind.js';
import { JobsService } from '../src/jobs/jobs.service.js';
import { startApp, type TestApp } from './support/app.js';
import { bareQueue, enqueue, gate, jobRows, work } from './support/jobs.js';
import { tapLog } from './support/tap-log.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.close());

describe('asking for a job', () => {
  it('runs it once with its payload when the transaction has been committed, and nothing of it is left', async () => {
    const seen: unknown[] = [];
    const { opened, open } = gate();
    work(test, 'once', async ({ payload, attempts }) => {
      seen.push({ payload, attempts });
      open();
    });
    await enqueue(test, { kind: 'once', payload: { number: 7 } });
    await opened;
    await expect.poll(() => jobRows(test, 'once'), { timeout: 10_000 }).toEqual([]);
    expect(seen).toEqual([{ payload: { number: 7 }, attempts: 1 }]);
  });

  it('is undone with its transaction', async () => {
    const undone = test.dataSource.transaction(async (tx) => {
      await test.app.get(JobsService).enqueue({ kind: 'undone' }, tx);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await jobRows(test, 'undone')).toEqual([]);
  });

  it('twice with one key is asking once; another kind may have the same key', async () => {
    await enqueue(
      test,
      { kind: 'keyed', key: 'a', payload: { number: 1 } },
      { kind: 'keyed', key: 'a', payload: { number: 2 } },
      { kind: 'keyed', key: 'b' },
      { kind: 'keyed too', key: 'a' },
    );
    expect((await jobRows(test, 'keyed')).map(({ key, payload }) => ({ key, payload }))).toEqual([
      { key: 'a', payload: { number: 1 } },
      { key: 'b', payload: {} },
    ]);
    expect(await jobRows(test, 'keyed too')).toHaveLength(1);
  });

  it('may be taken back', async () => {
    await enqueue(test, { kind: 'cancelled', key: 'a' }, { kind: 'cancelled', key: 'b' });
    await test.app.get(JobsService).cancel('cancelled', 'a', test.dataSource.manager);
    expect((await jobRows(test, 'cancelled')).map(({ key }) => key)).toEqual(['b']);
  });

  it('for later runs it then, by the clock of the database', async () => {
    let runs = 0;
    const { opened, open } = gate();
    work(test, 'later', async () => {
      runs++;
      open();
    });
    const { opened: others, open: openOthers } = gate();
    work(test, 'meanwhile', async () => openOthers());
    await enqueue(test, { kind: 'later', delay: 3600 });
    const [row] = await jobRows(test, 'later');
    expect(row?.due_in).toBeGreaterThan(3590);
    await enqueue(test, { kind: 'meanwhile' });
    await others;
    expect(runs).toBe(0);
    await test.dataSource.query(`update job set run_at = now() where kind = 'later'`);
    await opened;
  });
});

describe('a job that fails', () => {
  it('comes again after the seconds that its kind says, and tells which attempt it is', async () => {
    const attempts: number[] = [];
    work(
      test,
      'retried',
      async (job) => {
        attempts.push(job.attempts);
        if (job.attempts < 3) throw new Error(`failure number ${job.attempts}`);
      },
      { retryAfter: (job) => job.attempts * 1000 },
    );
    await enqueue(test, { kind: 'retried' });
    for (const attempt of [1, 2]) {
      await expect
        .poll(async () => (await jobRows(test, 'retried'))[0]?.failure, { timeout: 10_000 })
        .toBe(`failure number ${attempt}`);
      const [row] = await jobRows(test, 'retried');
      expect(row).toMatchObject({ attempts: attempt, leased_until: null, failed_at: null });
      expect(row?.due_in).toBeGreaterThan(attempt * 1000 - 30);
      expect(row?.due_in).toBeLessThanOrEqual(attempt * 1000);
      await test.dataSource.query(`update job set run_at = now() where kind = 'retried'`);
    }
    await expect.poll(() => jobRows(test, 'retried'), { timeout: 10_000 }).toEqual([]);
    expect(attempts).toEqual([1, 2, 3]);
  });

  it('is kept for the operator when its kind gives up, and never taken again', async () => {
    const log = tapLog(test);
    let runs = 0;
    work(test, 'hopeless', async () => {
      runs++;
      throw new Error('no way');
    });
    await enqueue(test, { kind: 'hopeless' });
    await expect
      .poll(async () => (await jobRows(test, 'hopeless'))[0]?.failed_at, { timeout: 10_000 })
      .toEqual(expect.any(Date));
    expect((await jobRows(test, 'hopeless'))[0]).toMatchObject({ failure: 'no way', attempts: 1, leased_until: null });
    expect(log).toEqual([expect.stringContaining('A job of kind hopeless was given up')]);

    const { opened, open } = gate();
    work(test, 'after', async () => open());
    await enqueue(test, { kind: 'after' });
    await opened;
    expect(runs).toBe(1);
  });

  it('is done again when the transaction of its effect is rolled back after `complete`', async () => {
    const name = 'rolled back';
    work(
      test,
      name,
      (job) =>
        test.dataSource.transaction(async (tx) => {
          await job.complete(tx);
          await tx.query(`insert into job (kind, key) values ('effect', $1)`, [String(job.attempts)]);
          if (job.attempts === 1) throw new Error('the commit failed');
        }),
      { retryAfter: () => 0 },
    );
    await enqueue(test, { kind: name });
    await expect.poll(() => jobRows(test, name), { timeout: 10_000 }).toEqual([]);
    expect((await jobRows(test, 'effect')).map(({ key }) => key)).toEqual(['2']);
  });

  it('waits twice as long each time up to a limit, spread by a quarter', () => {
    const waits = (attempt: number) => Array.from({ length: 200 }, () => backoff(attempt, 5, 40));
    for (const [attempt, wait] of [
      [1, 5],
      [2, 10],
      [4, 40],
      [9, 40],
      [5000, 40],
    ] as const) {
      expect(Math.min(...waits(attempt))).toBeGreaterThanOrEqual(wait * 0.75);
      expect(Math.max(...waits(attempt))).toBeLessThanOrEqual(wait * 1.25);
    }
    expect(new Set(waits(1)).size).toBeGreaterThan(100);
  });
});

describe('jobs of one kind', () => {
  it('run at most so many at once in one process, also when it looks for them twice at a time', async () => {
    const gates = Array.from({ length: 6 }, gate);
    let now = 0;
    let most = 0;
    let done = 0;
    const jobs = bareQueue(test);
    // Two looks that both wait for the same lock.
    const lock = test.dataSource.createQueryRunner();
    await lock.startTransaction();
    await lock.query('lock table job in share row exclusive mode');
    work(
      test,
      'crowd',
      async ({ payload: { number = 0 } }) => {
        most = Math.max(most, ++now);
        await gates[number]?.opened;
        now--;
        done++;
      },
      { concurrency: 2 },
    );
    await lock.query(
      `insert into job (kind, payload) select 'crowd', jsonb_build_object('number', n) from generate_series(0, 5) n`,
    );
    jobs.poll();
    jobs.poll();
    await lock.commitTransaction();
    await lock.release();

    await expect.poll(() => now, { timeout: 10_000 }).toBe(2);
    for (const { open } of gates) {
      open();
      await Promise.resolve();
    }
    await expect.poll(() => done, { timeout: 10_000 }).toBe(6);
    expect(most).toBe(2);
  });

  it('are taken in the order in which they became due', async () => {
    const order: (number | undefined)[] = [];
    await test.dataSource.query(`insert into job (kind, payload, run_at)
      select 'ordered', jsonb_build_object('number', n), now() - make_interval(secs => n) from generate_series(1, 5) n`);
    work(test, 'ordered', async ({ payload }) => void order.push(payload.number));
    await expect.poll(() => jobRows(test, 'ordered'), { timeout: 10_000 }).toEqual([]);
    expect(order).toEqual([5, 4, 3, 2, 1]);
  });

  it('wait while their kind asks for none', async () => {
    let isPaused = true;
    const { opened, open } = gate();
    const kind = { retryAfter: () => null, concurrency: 0 };
    Object.defineProperty(kind, 'concurrency', { get: () => (isPaused ? 0 : 1) });
    test.app.get(JobsService).register(Object.assign(kind, { name: 'paused', run: async () => open() }));
    const { opened: others, open: openOthers } = gate();
    work(test, 'not paused', async () => openOthers());
    await enqueue(test, { kind: 'paused' }, { kind: 'not paused' });
    await others;
    expect((await jobRows(test, 'paused'))[0]?.attempts).toBe(0);
    isPaused = false;
    await opened;
  });
});
