import type { Pool } from 'pg';
import type { RunningJob } from './job-kind.js';

/** A worker that says nothing for so long has lost its jobs (security.md D1). */
const LEASE = `interval '15 seconds'`;

/** A job that was just taken. */
export type ClaimedJob<Payload extends object> = Omit<RunningJob<Payload>, 'signal' | 'hold' | 'complete' | 'yield'>;

/** By what a lease is known: an older number of attempts is somebody's who lost it. */
type Held = Pick<RunningJob<object>, 'id' | 'attempts'>;

/**
 * Takes due jobs of a kind, those first that have waited longest, and those whose worker has gone silent. Of a lane only the
 * oldest that is due, and none while one is running. A job that yields comes back behind all that wait, so that lanes take
 * turns.
 */
export async function claimJobs<Payload extends object>(
  pool: Pool,
  kind: string,
  most: number,
): Promise<ClaimedJob<Payload>[]> {
  const { rows } = await pool.query<ClaimedJob<Payload>>({
    name: 'claim_jobs',
    // Materialized: as a plain subquery it may be run again for each row, and then more than the limit are taken.
    text: `
      with due as materialized (
        select id from job
        where kind = $1 and failed_at is null and run_at <= now() and (leased_until is null or leased_until < now())
          and (lane is null or not exists (select from job o where o.kind = $1 and o.lane = job.lane and o.failed_at is null
            and (o.leased_until > now() or (o.id < job.id and o.run_at <= now()))))
        order by run_at, id limit $2 for update skip locked)
      update job set attempts = attempts + 1, leased_until = now() + ${LEASE}
      from due where job.id = due.id
      returning job.id, payload, attempts, created_at as "createdAt"`,
    values: [kind, most],
  });
  return rows;
}

/** Says that their worker is alive, and answers which of them it still holds. */
export async function renewLeases(pool: Pool, jobs: readonly Held[]): Promise<Set<number>> {
  const { rows } = await pool.query<{ id: number }>(
    `update job set leased_until = now() + ${LEASE}
     from unnest($1::bigint[], $2::int[]) as held (id, attempts)
     where job.id = held.id and job.attempts = held.attempts returning job.id`,
    [jobs.map(({ id }) => id), jobs.map(({ attempts }) => attempts)],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Gives a job back as it is. */
export async function releaseLease(pool: Pool, { id, attempts }: Held): Promise<void> {
  await pool.query('update job set leased_until = null where id = $1 and attempts = $2', [id, attempts]);
}

/** Gives a job back to come again in so many seconds, with what it has to remember; its attempts are no failures. */
export async function yieldJob(pool: Pool, { id, attempts }: Held, seconds: number, payload: object): Promise<void> {
  await pool.query(
    `update job set leased_until = null, payload = $4, run_at = now() + make_interval(secs => $3::float8)
     where id = $1 and attempts = $2`,
    [id, attempts, seconds, JSON.stringify(payload)],
  );
}

/** Gives a job back with the reason it failed for, to come again in so many seconds; null gives it up. */
export async function releaseFailed(pool: Pool, job: Held, reason: string, seconds: number | null): Promise<void> {
  await pool.query(
    `update job set leased_until = null, failure = $3, failed_at = case when $4::float8 is null then now() end,
       run_at = now() + make_interval(secs => coalesce($4::float8, 0))
     where id = $1 and attempts = $2`,
    [job.id, job.attempts, reason.slice(0, 500), seconds],
  );
}
