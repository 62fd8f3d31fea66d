import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Arena } from './arena.js';
import { drive, type Measured } from './load.js';
import { type Server, startServer } from './processes.js';
import { median, type Verdict } from './report.js';
import { HEAVY_SHARE, secret } from './seed.js';
import { VERIFY_CREDENTIALS } from './targets.js';

/** Rows of the lists, and in how many milliseconds each is to be done (performance.md §2). */
const LISTS = [
  { rows: 10_000, accepted: 150, done: 1000 },
  { rows: 100_000, accepted: null, done: 5000 },
] as const;

/** Rows of one plain statement, as of one batch. */
const BATCH = 1000;

/** Connections that check tokens beside an import: a busy instance, not a saturated one. */
const CONNECTIONS = 8;

/** One list. */
interface Played {
  /** Milliseconds from the sending to the answer. */
  accepted: number;
  /** Milliseconds from the row of the import to its end. */
  done: number;
  /** Rows a second, from the sending to the end. */
  rate: number;
  /** The same number of rows by plain statements. */
  plain: number;
}

/** Imports lists of people here, and inserts as many rows by plain SQL on the same database; then one beside token checks. */
export async function playImports(arena: Arena, rounds: number) {
  await seedPeople(arena);
  const server = await startServer(arena.gatehouse);
  try {
    // Not those of the heavy account: it would be counting its follows in a tenth of all token checks.
    let token = HEAVY_SHARE + 2;
    const next = () => (token += HEAVY_SHARE);
    const played = new Map<number, Played[]>();
    for (let round = 0; round < rounds; round++) {
      for (const { rows } of LISTS) {
        const own = played.get(rows) ?? [];
        played.set(rows, [...own, await playList(arena, server, rows, next())]);
      }
    }
    const { shot, status } = VERIFY_CREDENTIALS;
    const checks = { connections: CONNECTIONS, shot, status, seconds: 2 };
    const undisturbed = await drive(server, checks);
    const [beside] = await Promise.all([drive(server, checks), playList(arena, server, 100_000, next())]);
    return { lists: LISTS.map((list) => judge(list, played.get(list.rows) ?? [])), undisturbed, beside };
  } finally {
    await server.stop();
  }
}

/** The figures of a list, and the goals that it has. */
function judge({ rows, accepted, done }: (typeof LISTS)[number], played: readonly Played[]) {
  const of = (key: keyof Played) => median(played.map((one) => one[key]));
  const ratio = median(played.map(({ rate, plain }) => rate / plain));
  const goal = (name: string, measured: number, most: number): Verdict => ({
    name: `import of ${rows} rows ${name}`,
    measured,
    goal: most,
    unit: 'ms at most',
    isReached: measured <= most,
  });
  return {
    rows,
    accepted: of('accepted'),
    done: of('done'),
    rate: of('rate'),
    plain: of('plain'),
    ratio,
    verdicts: [
      ...(accepted === null ? [] : [goal('accepted', of('accepted'), accepted)]),
      goal('done', of('done'), done),
      {
        name: `import of ${rows} rows`,
        measured: ratio,
        goal: 0.3,
        unit: 'of plain inserts',
        isReached: ratio >= 0.3,
      },
    ],
  };
}

/** What the token checks beside an import are to keep to. */
export function judgeChecks({ p99 }: Measured): Verdict {
  return {
    name: 'token checks beside an import, p99',
    measured: p99,
    goal: 15,
    unit: 'ms at most',
    isReached: p99 <= 15,
  };
}

async function seedPeople({ db }: Arena): Promise<void> {
  await db.query(
    `insert into "user" (id, username) select gen_random_uuid(), 'person' || n from generate_series(1, 100000) n`,
  );
  await db.query('create table plain_relationship (like relationship including all)');
  await db.query('vacuum analyze');
}

async function playList({ db }: Arena, server: Server, rows: number, token: number): Promise<Played> {
  const list = Array.from({ length: rows }, (_, n) => `person${n + 1}`).join('\n');
  const body = JSON.stringify({ list });
  const begun = performance.now();
  const answer = await fetch(`${server.origin}/api/pleroma/follow_import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret('token', token)}`, 'content-type': 'application/json' },
    body,
  });
  const accepted = performance.now() - begun;
  const id = answer.headers.get('location')?.split('/').at(-1);
  if (answer.status !== 200 || !id) throw new Error(`An import answers ${answer.status}: ${await answer.text()}`);
  const done = await untilDone(db, id, rows);
  const ended = performance.now() - begun;
  const plain = await insertPlainly(db, rows);
  return { accepted, done, rate: (rows * 1000) / ended, plain };
}

async function untilDone(db: Arena['db'], id: string, rows: number): Promise<number> {
  for (;;) {
    const { rows: found } = await db.query<{ ms: number | null; applied: number }>(
      `select (extract(epoch from finished_at - created_at) * 1000)::float8 as ms,
         case when finished_at is not null then (select count(*)::int from import_row where import_id = $1 and state = 'applied') end as applied
       from import where id = $1`,
      [id],
    );
    const [row] = found;
    if (row?.ms !== null && row?.ms !== undefined) {
      if (row.applied !== rows) throw new Error(`Only ${row.applied} of ${rows} rows were applied`);
      return row.ms;
    }
    await pause(20);
  }
}

/** Rows a second that plain statements insert into a table like the real one, one commit a batch. */
async function insertPlainly(db: Arena['db'], rows: number): Promise<number> {
  const source = randomUUID();
  const { rows: people } = await db.query<{ id: string }>('select id from "user" limit $1', [rows]);
  const begun = performance.now();
  for (let first = 0; first < people.length; first += BATCH) {
    await db.query(
      `insert into plain_relationship (source_id, kind, target_id, revision)
       select $1, 'follow', target, $1 from unnest($2::uuid[]) as target on conflict do nothing`,
      [source, people.slice(first, first + BATCH).map(({ id }) => id)],
    );
  }
  return (people.length * 1000) / (performance.now() - begun);
}
