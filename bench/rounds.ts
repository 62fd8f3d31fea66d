import type pg from 'pg';
import type { Arena } from './arena.js';
import { drive, type Load, type Measured } from './load.js';
import { alone, postgresClock, residentOf, type Server, startServer } from './processes.js';
import { seedCodes } from './seed.js';
import { reference, type Target, upcomingCode } from './targets.js';

/** Connections of a load, all without pipelining. */
export const CONNECTIONS = 32;

/** Seconds of load before it counts. */
const WARM_UP = 1;

/** A load on Gatehouse, and the one on R just before. */
export interface Turn {
  reference: Measured;
  gatehouse: Measured;
  /** The rate as a share of R's. */
  ratio: number;
  /** CPU time of PostgreSQL a request, in microseconds; null when it is not to be had. */
  referencePostgresCpu: number | null;
  postgresCpu: number | null;
  /** Transactions that wrote something, a request. */
  commits: number;
}

/** One round: both servers start afresh, then each target has its turn, always right after R. */
export async function playRound(arena: Arena, targets: readonly Target[], seconds: number) {
  const r = await startServer(arena.reference);
  const g = await startServer(arena.gatehouse);
  const both = [r, g];
  const idle = residentOf(g.pid);
  const turns = new Map<string, Turn>();
  try {
    const clock = await postgresClock(arena.db);
    const load = { connections: CONNECTIONS, shot: reference, status: 200 };
    await alone(r, both, () => drive(r, { ...load, seconds: 2 * WARM_UP }));
    for (const target of targets) {
      await prove(g, target);
      await alone(g, both, async () => drive(g, await loadOf(arena.db, target, WARM_UP)));
      const base = await alone(r, both, () => timed(clock, () => drive(r, { ...load, seconds })));
      const own = await loadOf(arena.db, target, seconds);
      const before = await writesSoFar(arena.db);
      const turn = await alone(g, both, () => timed(clock, () => drive(g, own)));
      const commits = ((await writesSoFar(arena.db)) - before) / turn.measured.requests;
      turns.set(target.name, {
        reference: base.measured,
        gatehouse: turn.measured,
        ratio: turn.measured.rate / base.measured.rate,
        referencePostgresCpu: base.postgresCpu,
        postgresCpu: turn.postgresCpu,
        commits,
      });
    }
    return { turns, idle, loaded: residentOf(g.pid) };
  } finally {
    await Promise.all(both.map((server) => server.stop()));
  }
}

/** A wrong answer is quick to give, so that what is measured is looked at once. */
async function prove({ origin }: Server, target: Target): Promise<void> {
  if (target.spends !== undefined) return;
  const { path, ...init } = target.shot();
  const answer = await fetch(origin + path, init);
  const text = await answer.text();
  if (answer.status === target.status && text.includes(target.proof)) return;
  throw new Error(`${target.name} answers ${answer.status}: ${text}`);
}

async function loadOf(db: pg.Client, { shot, status, spends }: Target, seconds: number): Promise<Load> {
  const load = { connections: CONNECTIONS, shot, status };
  if (spends === undefined) return { ...load, seconds };
  // Whole requests of every connection, so that none is left over.
  const amount = CONNECTIONS * Math.ceil((spends * seconds) / CONNECTIONS);
  await seedCodes(db, upcomingCode(), amount);
  return { ...load, amount };
}

/** Transactions with an id of their own: those that wrote, and so had to commit to disk. */
async function writesSoFar(db: pg.Client): Promise<number> {
  const { rows } = await db.query<{ xmax: number }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text::float8 as xmax',
  );
  return rows[0]?.xmax ?? 0;
}

async function timed(clock: () => number | null, work: () => Promise<Measured>) {
  const before = clock();
  const measured = await work();
  const after = clock();
  const postgresCpu = before === null || after === null ? null : (after - before) / measured.requests;
  return { measured, postgresCpu };
}
