import type { JobKind, RunningJob } from '../../src/jobs/job-kind.js';
import { JobsService, type NewJob } from '../../src/jobs/jobs.service.js';
import type { TestApp } from './app.js';

/** What the jobs of a test carry. */
export interface Numbered {
  number?: number;
}

/** A kind of work that a test defines by what it does. */
export function work(
  { app }: TestApp,
  name: string,
  run: (job: RunningJob<Numbered>) => Promise<void>,
  more: Partial<Omit<JobKind<Numbered>, 'name' | 'run'>> = {},
): void {
  app.get(JobsService).register<Numbered>({ name, concurrency: 1, run, retryAfter: () => null, ...more });
}

/** Asks for jobs, in a transaction of their own. */
export async function enqueue({ app, dataSource }: TestApp, ...jobs: NewJob[]): Promise<void> {
  await dataSource.transaction(async (tx) => {
    for (const job of jobs) await app.get(JobsService).enqueue(job, tx);
  });
}

/** A row of the queue. */
export interface JobRow {
  id: number;
  kind: string;
  key: string | null;
  payload: Numbered;
  attempts: number;
  leased_until: Date | null;
  failed_at: Date | null;
  failure: string | null;
  /** Seconds until it is due. */
  due_in: number;
}

/** What waits, runs or was given up, oldest first. */
export async function jobRows({ dataSource }: TestApp, kind: string): Promise<JobRow[]> {
  return dataSource.query(
    'select *, extract(epoch from run_at - now())::float8 as due_in from job where kind = $1 order by id',
    [kind],
  );
}

/** Something that a test waits for and lets happen. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** The queue of an app as it is inside; without the kinds that the app brought, so that a look takes what a test asks for. */
export function bareQueue({ app }: TestApp): { poll(): void; looking: Promise<void> | null } {
  const queue = app.get<ReturnType<typeof bareQueue> & { kinds: Map<string, unknown> }>(JobsService);
  queue.kinds.clear();
  return queue;
}
