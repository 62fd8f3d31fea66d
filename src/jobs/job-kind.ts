import type { EntityManager } from 'typeorm';

/** A job while a worker holds its lease. */
export interface RunningJob<Payload extends object> {
  id: number;
  payload: Payload;
  /** 1 at the first attempt; the fencing number of this lease. */
  attempts: number;
  createdAt: Date;
  /** Aborted when the lease is lost or the process stops. */
  signal: AbortSignal;
  /**
   * Asks whether the job is still ours, and keeps it from being taken back until the transaction ends. The heartbeat goes on
   * meanwhile, so another worker may still take it over: what two of them write must be in one order by a lock of their own.
   * Who falls asleep in the transaction loses it before long, with all its locks, so that another one can go on.
   * @throws LeaseLost when another worker has the job, or it was taken back
   */
  hold(tx: EntityManager): Promise<void>;
  /** Lets others go first: the job comes again, in so many seconds, with this payload. To be followed by the end of `run`. */
  yield(seconds: number, payload: Payload): Promise<void>;
  /**
   * Marks the job as done in the transaction that holds its effect, so that both happen once or not at all.
   * @throws LeaseLost when another worker has the job: the transaction must not commit
   */
  complete(tx: EntityManager): Promise<void>;
}

/** One kind of background work. */
export interface JobKind<Payload extends object> {
  name: string;
  /** Jobs of this kind that one process runs at once. Read at every look, so a kind may pause by answering 0. */
  concurrency: number;
  /** Does the work. A job that was not completed by the time this returns is completed then. */
  run(job: RunningJob<Payload>): Promise<void>;
  /** Seconds until the next attempt; null gives up. */
  retryAfter(job: RunningJob<Payload>, error: unknown): number | null;
}

/** Somebody else took the job after our lease ran out; whatever we did must not count. */
export class LeaseLost extends Error {
  constructor() {
    super('The lease of this job was lost');
  }
}

/** Seconds before the next attempt: doubling from `base` to `most`, spread so that failed jobs do not come back all at once. */
export function backoff(attempts: number, base: number, most: number): number {
  return Math.min(base * 2 ** (attempts - 1), most) * (0.75 + Math.random() / 2);
}
