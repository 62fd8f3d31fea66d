/**
 * Measures Gatehouse beside R on the same PostgreSQL, and says which goals it reaches (bench/README.md). Needs the
 * compiled program: `npm run build` first.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Arena, openArena } from './arena.js';
import { judgeChecks, playImports } from './imports.js';
import { startServer } from './processes.js';
import * as report from './report.js';
import { playRound, type Turn } from './rounds.js';
import { playSignIns, type SignInRound } from './sign-in.js';
import { TARGETS } from './targets.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', multiple: true },
    program: { type: 'string', default: join(import.meta.dirname, '../dist/main.js') },
  },
});
const NAMES = [...TARGETS.map((target) => target.name), 'sign_in', 'imports', 'cold_start'];
const RESULTS = join(import.meta.dirname, 'results');
const COLD_STARTS = 5;

const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const wanted = new Set(options.only ?? NAMES);
const targets = TARGETS.filter((target) => wanted.has(target.name));

async function measureTargets(arena: Arena) {
  if (targets.length === 0) return null;
  const turns = new Map<string, Turn[]>(targets.map((target) => [target.name, []]));
  const memory: { idle: number; loaded: number }[] = [];
  for (let round = 1; round <= rounds; round++) {
    const played = await playRound(arena, targets, seconds);
    for (const [name, own] of played.turns) turns.get(name)?.push(...own);
    memory.push({ idle: played.idle, loaded: played.loaded });
    const ratios = [...played.turns].map(
      ([name, own]) => `${name} ${report.median(own.map((turn) => turn.ratio)).toFixed(2)}`,
    );
    process.stdout.write(`round ${round}: ${ratios.join(', ')}\n`);
  }
  report.printHead();
  const judged = targets.map((target) => {
    const result = report.judgeTurns(target, turns.get(target.name) ?? []);
    report.printRow('R', result.reference, result.referencePostgresCpu);
    report.printRow(
      target.name,
      result.gatehouse,
      result.postgresCpu,
      `${result.ratio.toFixed(2)} R (fastest turns ${result.fastest.toFixed(2)})`,
    );
    return { name: target.name, ...result };
  });
  const idle = report.median(memory.map((one) => one.idle));
  const loaded = report.median(memory.map((one) => one.loaded));
  process.stdout.write(`memory: ${idle.toFixed(0)} MiB idle, ${loaded.toFixed(0)} MiB after load\n\n`);
  return { targets: judged, memory: { idle, loaded } };
}

async function measureSignIns(arena: Arena) {
  if (!wanted.has('sign_in')) return null;
  const played: SignInRound[] = [];
  for (let round = 1; round <= rounds; round++) {
    const own = await playSignIns(arena, seconds);
    played.push(...own);
    const share = report.median(own.map((one) => one.share));
    const kept = report.median(own.map((one) => one.kept));
    process.stdout.write(
      `round ${round}: sign-ins ${share.toFixed(2)} of the bare rate; token checks keep ${kept.toFixed(2)}\n`,
    );
  }
  const result = report.judgeSignIns(played);
  report.printHead();
  report.printRow(
    'sign-in',
    result.alone,
    null,
    `${result.share.toFixed(2)} of ${result.bare.toFixed(0)} bare (fastest ${result.fastest.share.toFixed(2)})`,
  );
  report.printRow('sign-in, one by one', result.single, null);
  report.printRow('token checks', result.undisturbed, null);
  report.printRow(
    '  beside sign-ins',
    result.beside,
    null,
    `${result.kept.toFixed(2)} of undisturbed (fastest ${result.fastest.kept.toFixed(2)})`,
  );
  report.printRow('  those sign-ins', result.signInsBeside, null);
  process.stdout.write('\n');
  return { ...result, rounds: played };
}

/** On a database that is warm and migrated, as it comes, and with a filled compile cache as in the image. */
async function measureColdStarts(arena: Arena) {
  if (!wanted.has('cold_start')) return null;
  const measure = async (path: string, headers: Record<string, string>, env: Record<string, string>) => {
    const times: number[] = [];
    for (let start = 0; start < COLD_STARTS; start++) {
      const { gatehouse } = arena;
      const server = await startServer({ ...gatehouse, env: { ...gatehouse.env, ...env }, probe: { path, headers } });
      times.push(server.startedIn);
      await server.stop();
    }
    return report.median(times);
  };
  const { path, headers = {} } = arena.gatehouse.probe;
  const cache = { NODE_COMPILE_CACHE: join(arena.folder, 'compile-cache') };
  const live = await measure('/health/live', {}, {});
  const verified = await measure(path, headers, {});
  const cached = await measure(path, headers, cache);
  process.stdout.write(
    `cold start: ${live.toFixed(0)} ms to /health/live, ${verified.toFixed(0)} ms to verify_credentials, ${cached.toFixed(0)} ms with a compile cache\n\n`,
  );
  const isReached = live <= 1000;
  return {
    live,
    verified,
    cached,
    verdicts: [{ name: 'cold start', measured: live, goal: 1000, unit: 'ms at most', isReached }],
  };
}

/** Lists of people here, beside as many rows by plain SQL. */
async function measureImports(arena: Arena) {
  if (!wanted.has('imports')) return null;
  const { lists, undisturbed, beside } = await playImports(arena, rounds);
  for (const { rows, accepted, done, rate, plain, ratio } of lists) {
    process.stdout.write(
      `import of ${rows} rows: accepted in ${accepted.toFixed(0)} ms, done in ${done.toFixed(0)} ms, ` +
        `${rate.toFixed(0)} rows/s, ${ratio.toFixed(2)} of plain inserts (${plain.toFixed(0)} rows/s)\n`,
    );
  }
  report.printHead();
  report.printRow('token checks', undisturbed, null);
  report.printRow('  beside an import', beside, null, `${(beside.rate / undisturbed.rate).toFixed(2)} of undisturbed`);
  process.stdout.write('\n');
  return { lists, undisturbed, beside, verdicts: [...lists.flatMap((list) => list.verdicts), judgeChecks(beside)] };
}

async function main(): Promise<void> {
  const unknown = [...wanted].filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(', ')}: there is ${NAMES.join(', ')}`);
  const program = resolve(options.program);
  if (!existsSync(program)) throw new Error(`${program} is missing: npm run build`);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}`;
  process.stdout.write(`${machine}, load ${loadavg()[0]?.toFixed(2)}; ${rounds} rounds of ${seconds} turns\n`);
  const arena = await openArena(process.env['BENCH_DATABASE_URL'], program);
  try {
    const coldStart = await measureColdStarts(arena);
    const hotPaths = await measureTargets(arena);
    const signIns = await measureSignIns(arena);
    const imports = await measureImports(arena);
    const verdicts = [hotPaths?.targets ?? [], signIns ?? [], imports ?? [], coldStart ?? []]
      .flat()
      .flatMap((part) => part.verdicts);
    report.printVerdicts(verdicts);
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname })
      .toString()
      .trim();
    const result = {
      at: new Date().toISOString(),
      machine,
      commit,
      rounds,
      seconds,
      verdicts,
      ...hotPaths,
      signIns,
      imports,
      coldStart,
    };
    await mkdir(RESULTS, { recursive: true });
    await writeFile(join(RESULTS, 'latest.json'), `${JSON.stringify(result, null, 2)}\n`);
    const loads = [
      ...(hotPaths?.targets ?? []).flatMap(({ reference, gatehouse }) => [reference, gatehouse]),
      ...(imports ? [imports.undisturbed, imports.beside] : []),
      ...(signIns ? [signIns.alone, signIns.single, signIns.undisturbed, signIns.beside, signIns.signInsBeside] : []),
    ];
    const failed = loads.reduce((sum, load) => sum + load.failed, 0);
    if (failed > 0) throw new Error(`${failed} requests failed, so that the figures mean nothing`);
  } finally {
    await arena.close();
  }
}

await main();
