import type { Measured } from './load.js';
import type { SignInRound } from './sign-in.js';
import type { Turn } from './rounds.js';
import type { Target } from './targets.js';

/** A goal and what became of it. */
export interface Verdict {
  name: string;
  measured: number;
  goal: number;
  unit: string;
  isReached: boolean;
}

/** The middle value; of two, their mean. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] =
    sorted.length % 2 === 0 ? [sorted[middle - 1], sorted[middle]] : [sorted[middle], sorted[middle]];
  return (low + high) / 2;
}

/** The highest rate: other programs on the machine only ever take from it. */
function best(all: readonly Measured[]): number {
  return Math.max(...all.map((one) => one.rate));
}

/** Every figure's own median. */
export function medianOf(all: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => median(all.map((one) => one[key]));
  return {
    rate: of('rate'),
    p50: of('p50'),
    p95: of('p95'),
    p99: of('p99'),
    requests: all.reduce((sum, { requests }) => sum + requests, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    serverCpu: of('serverCpu'),
  };
}

/** Prints a line of the table. */
export function printRow(name: string, measured: Measured, postgresCpu: number | null, further = ''): void {
  const { rate, p50, p95, p99, failed, serverCpu } = measured;
  const cells = [rate.toFixed(0), p50.toFixed(2), p95.toFixed(2), p99.toFixed(2), String(failed), serverCpu.toFixed(0)];
  const cpu = postgresCpu === null ? '-' : postgresCpu.toFixed(0);
  process.stdout.write(`${name.padEnd(24)}${[...cells, cpu].map((cell) => cell.padStart(9)).join('')}  ${further}\n`);
}

/** Prints the names of the columns. */
export function printHead(): void {
  const names = ['req/s', 'p50 ms', 'p95 ms', 'p99 ms', 'failed', 'CPU µs', 'PG µs'];
  process.stdout.write(`${''.padEnd(24)}${names.map((name) => name.padStart(9)).join('')}\n`);
}

/** The medians of a target's turns, and whether it reached its goals. */
export function judgeTurns({ name, goal, commits }: Target, turns: readonly Turn[]) {
  const ratio = median(turns.map((turn) => turn.ratio));
  const fastest = best(turns.map((turn) => turn.gatehouse)) / best(turns.map((turn) => turn.reference));
  const written = median(turns.map((turn) => turn.commits));
  const verdicts: Verdict[] = [{ name, measured: ratio, goal, unit: 'R', isReached: ratio >= goal }];
  if (commits !== undefined) {
    // Purges and statistics write now and then.
    const isReached = written >= commits && written < commits * 1.05;
    verdicts.push({ name: `${name}: commits`, measured: written, goal: commits, unit: 'a request', isReached });
  }
  const cpu = (values: (number | null)[]) => (values.includes(null) ? null : median(values.map(Number)));
  return {
    ratio,
    fastest,
    commits: written,
    reference: medianOf(turns.map((turn) => turn.reference)),
    gatehouse: medianOf(turns.map((turn) => turn.gatehouse)),
    referencePostgresCpu: cpu(turns.map((turn) => turn.referencePostgresCpu)),
    postgresCpu: cpu(turns.map((turn) => turn.postgresCpu)),
    verdicts,
  };
}

/** The medians of the sign-in rounds, and whether they reached their goals. */
export function judgeSignIns(rounds: readonly SignInRound[]) {
  const of = (key: 'alone' | 'single' | 'undisturbed' | 'beside' | 'signInsBeside') =>
    medianOf(rounds.map((round) => round[key]));
  const share = median(rounds.map((round) => round.share));
  const kept = median(rounds.map((round) => round.kept));
  const fastest = {
    share: best(rounds.map((round) => round.alone)) / Math.max(...rounds.map((round) => round.best)),
    kept: best(rounds.map((round) => round.beside)) / best(rounds.map((round) => round.undisturbed)),
  };
  const beside = of('beside');
  const single = of('single');
  const verdicts: Verdict[] = [
    { name: 'sign-in', measured: share, goal: 0.75, unit: 'of bare Argon2id', isReached: share >= 0.75 },
    { name: 'sign-in alone, p50', measured: single.p50, goal: 15, unit: 'ms at most', isReached: single.p50 <= 15 },
    { name: 'token checks beside', measured: kept, goal: 0.45, unit: 'of undisturbed', isReached: kept >= 0.45 },
    { name: 'token checks beside, p95', measured: beside.p95, goal: 4, unit: 'ms at most', isReached: beside.p95 <= 4 },
  ];
  const bare = median(rounds.map((round) => round.best));
  const [alone, undisturbed, signInsBeside] = [of('alone'), of('undisturbed'), of('signInsBeside')];
  return { bare, share, kept, fastest, alone, single, undisturbed, beside, signInsBeside, verdicts };
}

/** Prints each goal with its figure. */
export function printVerdicts(verdicts: readonly Verdict[]): void {
  for (const { name, measured, goal, unit, isReached } of verdicts) {
    const figure = measured >= 100 ? measured.toFixed(0) : measured.toFixed(2);
    process.stdout.write(
      `${isReached ? 'reached' : 'MISSED '}  ${name.padEnd(28)}${figure.padStart(8)}  (goal ${goal} ${unit})\n`,
    );
  }
}
