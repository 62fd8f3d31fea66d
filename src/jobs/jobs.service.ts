import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { isDatabaseAway } from '../common/database-errors.js';
import { poolOf } from '../database/pool.js';
import { type JobKind, LeaseLost, type RunningJob } from './job-kind.js';
import { type ClaimedJob, claimJobs, releaseFailed, releaseLease, renewLeases, yieldJob } from './leases.js';

/** How often a worker says that it is alive, in milliseconds. */
const HEARTBEAT_MS = 5000;

/** How often due jobs are looked for, in milliseconds; a job of this process is looked for sooner. */
const POLL_MS = 1000;

/** After an enqueue, in milliseconds: the caller's transaction has usually been committed by then. */
const WAKE_MS = 20;

/** How long running jobs may take to end when the process stops, in milliseconds (security.md D4). */
const STOP_MS = 4000;

/** How long a transaction that holds a lease may do nothing, in milliseconds: its process is asleep, and locks out others. */
const PATIENCE_MS = 10_000;

/** What is asked for. */
export interface NewJob {
  kind: string;
  payload?: object;
  /** At most one job of a kind has this key; a second one changes nothing. */
  key?: string;
  /** Jobs of one lane run one after the other, and lanes take turns: a person's, for instance. */
  lane?: string;
  /** Seconds from now, by the database's clock. */
  delay?: number;
}

/** A job of this process. */
interface Held {
  kind: string;
  lease: AbortController;
  done: Promise<void>;
}

/**
 * The durable queue: work is enqueued in the caller's transaction, leased to one worker of any replica, retried with
 * backoff, and kept for the operator when it is given up.
 */
@Injectable()
export class JobsService implements BeforeApplicationShutdown {
  private readonly log = new Logger(JobsService.name);
  private readonly kinds = new Map<string, () => Promise<void>>();
  private readonly running = new Map<RunningJob<object>, Held>();
  private timers: NodeJS.Timeout[] = [];
  private wakeUp: NodeJS.Timeout | null = null;
  private looking: Promise<void> | null = null;
  private isToLookAgain = false;

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** Tells what to do with jobs of a kind; call it before `start`. */
  register<Payload extends object>(kind: JobKind<Payload>): void {
    this.kinds.set(kind.name, () => this.take(kind));
  }

  /** Asks for a job, in the caller's transaction. */
  async enqueue({ kind, payload = {}, key, lane, delay = 0 }: NewJob, tx: EntityManager): Promise<void> {
    await tx.query(
      `insert into job (kind, key, payload, run_at, lane) values ($1, $2, $3, now() + make_interval(secs => $4), $5)
       on conflict do nothing`,
      [kind, key ?? null, JSON.stringify(payload), delay, lane ?? null],
    );
    if (delay === 0) this.wake();
  }

  /** Takes back a job that nobody has begun. */
  async cancel(kind: string, key: string, tx: EntityManager): Promise<void> {
    await tx.query('delete from job where kind = $1 and key = $2', [kind, key]);
  }

  /** From now on this process works; the command line only enqueues. */
  start(): void {
    this.timers = [setInterval(() => this.poll(), POLL_MS), setInterval(() => void this.renew(), HEARTBEAT_MS)];
  }

  /** Looks for due jobs soon, because one was written by this process. */
  wake(): void {
    if (this.timers.length === 0 || this.wakeUp) return;
    this.wakeUp = setTimeout(() => {
      this.wakeUp = null;
      this.poll();
    }, WAKE_MS);
  }

  /** Takes no more jobs, lets running ones end, and gives back what has not. */
  async beforeApplicationShutdown(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    if (this.wakeUp) clearTimeout(this.wakeUp);
    this.wakeUp = null;
    this.timers = [];
    // What is just being taken counts as running.
    const looked = this.looking ?? Promise.resolve();
    const ended = looked.then(() => Promise.all([...this.running.values()].map(({ done }) => done)));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, STOP_MS);
    await Promise.race([ended, late]);
    clearTimeout(deadline);
    await Promise.all([...this.running].map(([job, { lease }]) => this.release(job, lease)));
  }

  /** What was given up is the operator's to look at for a month. */
  @Interval(3_600_000)
  async purge(): Promise<void> {
    try {
      await this.pool.query(`delete from job where failed_at < now() - interval '30 days'`);
    } catch (err) {
      this.log.warn({ err }, 'Jobs that were given up could not be purged now');
    }
  }

  /** One look at a time: two would count the same free places. */
  private poll(): void {
    if (this.looking) {
      this.isToLookAgain = true;
      return;
    }
    this.looking = this.takeAll().finally(() => {
      this.looking = null;
      if (this.isToLookAgain) this.poll();
    });
  }

  private async takeAll(): Promise<void> {
    this.isToLookAgain = false;
    for (const take of this.kinds.values()) await take();
  }

  private async take<Payload extends object>(kind: JobKind<Payload>): Promise<void> {
    const free = kind.concurrency - [...this.running.values()].filter((held) => held.kind === kind.name).length;
    if (free <= 0 || this.timers.length === 0) return;
    try {
      for (const row of await claimJobs<Payload>(this.pool, kind.name, free)) this.begin(kind, row);
    } catch (err) {
      if (!isDatabaseAway(err)) this.log.error({ err }, `Jobs of kind ${kind.name} could not be taken`);
    }
  }

  private begin<Payload extends object>(kind: JobKind<Payload>, row: ClaimedJob<Payload>): void {
    const lease = new AbortController();
    let isSettled = false;
    const job: RunningJob<Payload> = {
      ...row,
      signal: lease.signal,
      complete: async (tx) => {
        const [rows] = await tx.query('delete from job where id = $1 and attempts = $2 returning id', [
          row.id,
          row.attempts,
        ]);
        if (rows.length === 0) throw new LeaseLost();
        isSettled = true;
      },
      hold: async (tx) => {
        const rows = await tx.query(
          `select set_config('idle_in_transaction_session_timeout', '${PATIENCE_MS}', true) from job
           where id = $1 and attempts = $2 for key share`,
          [row.id, row.attempts],
        );
        if (rows.length === 0) throw new LeaseLost();
      },
      yield: async (seconds, payload) => {
        isSettled = true;
        await yieldJob(this.pool, row, seconds, payload);
      },
    };
    const work = async () => {
      try {
        await kind.run(job);
        // Who returns because it was told to stop is not done.
        if (!isSettled && !lease.signal.aborted) await job.complete(this.dataSource.manager);
      } catch (error) {
        await this.noteFailure(kind, job, error);
      } finally {
        this.running.delete(job);
        // The next one need not wait for the clock.
        this.wake();
      }
    };
    const held = { kind: kind.name, lease, done: Promise.resolve() };
    this.running.set(job, held);
    held.done = work();
  }

  private async noteFailure<Payload extends object>(
    kind: JobKind<Payload>,
    job: RunningJob<Payload>,
    error: unknown,
  ): Promise<void> {
    if (error instanceof LeaseLost) return;
    const seconds = job.signal.aborted ? 0 : kind.retryAfter(job, error);
    if (seconds === null) this.log.error({ err: error, job: job.id }, `A job of kind ${kind.name} was given up`);
    try {
      await releaseFailed(this.pool, job, error instanceof Error ? error.message : String(error), seconds);
    } catch (err) {
      // Its lease runs out by itself.
      this.log.warn({ err, job: job.id }, 'The failure of a job could not be noted');
    }
  }

  private async release(job: RunningJob<object>, lease: AbortController): Promise<void> {
    lease.abort(new LeaseLost());
    try {
      await releaseLease(this.pool, job);
    } catch {
      // Its lease runs out by itself.
    }
  }

  private async renew(): Promise<void> {
    const jobs = [...this.running];
    if (jobs.length === 0) return;
    try {
      const held = await renewLeases(
        this.pool,
        jobs.map(([job]) => job),
      );
      for (const [job, { lease }] of jobs) if (!held.has(job.id)) lease.abort(new LeaseLost());
    } catch (err) {
      this.log.warn({ err }, 'The leases of running jobs could not be renewed');
    }
  }

  private get pool(): Pool {
    return poolOf(this.dataSource);
  }
}
