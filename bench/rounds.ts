import type pg from 'pg';
import type { Arena } from './arena.js';
import { drive, type Load, type Measured } from './load.js';
import { alone, postgresClock, residentOf, type Server, startServer } from './processes.js';
import { seedCodes } from './seed.js';
import { reference, type Target, upcomingCode, VERIFY_CREDENTIALS } from './targets.js';

/** Connections of a load, all without pipelining. */
export const CONNECTIONS = 32;

/** Seconds of load before it counts: of a target, and of a server that has just started and is not compiled yet. */
const WARM_UP = 1;
const FIRST_WARM_UP = 3;

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

/**
 * One round: both servers start afresh, then each target has its turns of one second, every time right after R, so that
 * whatever else the machine does comes and goes for both.
 * @param seconds turns of each target
 */
export async function playRound(arena: Arena, targets: readonly Target[], seconds: number) {
  const r = await startServer(arena.reference);
  const g = await startServer(arena.gatehouse);
  const both = [r, g];
  const idle = residentOf(g.pid);
  const turns = new Map<string, Turn[]>();
  try {
    const clock = await postgresClock(arena.db);
    const load = { connections: CONNECTIONS, shot: reference, status: 200 };
    await alone(r, both, () => drive(r, { ...load, seconds: FIRST_WARM_UP }));
    const { shot, status } = VERIFY_CREDENTIALS;
    await alone(g, both, () => drive(g, { connections: CONNECTIONS, shot, status, seconds: FIRST_WARM_UP }));
    for (const target of targets) {
      await prove(g, target);
      await alone(g, both, async () => drive(g, await loadOf(arena.db, target, WARM_UP)));
      const own: Turn[] = [];
      for (let second = 0; second < seconds; second++) {
        const base = await alone(r, both, () => timed(clock, () => drive(r, { ...load, seconds: 1 })));
        own.push(await playTurn(arena, target, base, (work) => alone(g, both, () => timed(clock, () => work(g)))));
      }
      turns.set(target.name, own);
    }
    return { turns, idle, loaded: residentOf(g.pid) };
  } finally {
    await Promise.all(both.map((server) => server.stop()));
  }
}

async function playTurn(
  { db }: Arena,
  target: Target,
  base: Timed,
  measure: (work: (server: Server) => Promise<Measured>) => Promise<Timed>,
): Promise<Turn> {
  const load = await loadOf(db, target, 1);
  const before = await writesSoFar(db);
  const own = await measure((server) => drive(server, load));
  const commits = ((await writesSoFar(db)) - before) / own.measured.requests;
  return {
    reference: base.measured,
    gatehouse: own.measured,
    ratio: own.measured.rate / base.measured.rate,
    referencePostgresCpu: base.postgresCpu,
    postgresCpu: own.postgresCpu,
    commits,
  };
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

interface Timed {
  measured: Measured;
  postgresCpu: number | null;
}

async function timed(clock: () => number | null, work: () => Promise<Measured>): Promise<Timed> {
  const before = clock();
  const measured = await work();
  const after = clock();
  const postgresCpu = before === null || after === null ? null : (after - before) / measured.requests;
  return { measured, postgresCpu };
}
