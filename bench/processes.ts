import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type pg from 'pg';

/** Microseconds in one tick of the kernel's CPU clocks. */
const TICK = 1e6 / Number((await promisify(execFile)('getconf', ['CLK_TCK'])).stdout);
const START_LIMIT_MS = 30_000;
const SETTLE_LIMIT_MS = 3_000;

/** A server under test, in a process of its own. */
export interface Server {
  origin: string;
  pid: number;
  /** Milliseconds from its start to its first 200. */
  startedIn: number;
  stop(): Promise<void>;
}

/** What is started how. */
export interface Program {
  /** Arguments of Node. */
  arguments: string[];
  env: Record<string, string>;
  /** What to ask for until the answer is 200, and with which headers. */
  probe: { path: string; headers?: Record<string, string> };
}

/** None outlives us, however we end. */
const children = new Set<ChildProcess>();
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts a server and waits until it answers. */
export async function startServer({ arguments: args, env, probe }: Program): Promise<Server> {
  const port = await freePort();
  const start = performance.now();
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], ...env, PORT: String(port) },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  const origin = `http://127.0.0.1:${port}`;
  while ((await statusOf(origin + probe.path, probe.headers)) !== 200) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended with ${child.exitCode}`);
    if (performance.now() - start > START_LIMIT_MS) throw new Error(`${args.join(' ')} did not start`);
    await pause(3);
  }
  return { origin, pid: child.pid ?? 0, startedIn: performance.now() - start, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  child.kill('SIGCONT');
  // The terminal's way to end it, which does not wait for proxies to notice.
  child.kill('SIGINT');
  await once(child, 'exit');
}

/** Lets one server of several run while the work is done; the others stand still and cost nothing. */
export async function alone<Result>(server: Server, all: readonly Server[], work: () => Promise<Result>) {
  const others = all.filter((other) => other !== server);
  await Promise.all(others.map(settle));
  for (const { pid } of others) process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const { pid } of others) process.kill(pid, 'SIGCONT');
  }
}

/** What the last load left unanswered is done before a server stands still, or its timeouts would strike when it goes on. */
async function settle({ pid }: Server): Promise<void> {
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  for (let before = -1, now = cpuOf(pid); now > before && performance.now() < deadline; now = cpuOf(pid)) {
    before = now;
    await pause(100);
  }
}

/** The CPU time of a process with all its threads, in microseconds. */
export function cpuOf(pid: number): number {
  const { user, system } = readStat(pid);
  return (user + system) * TICK;
}

/** Memory that a process holds, in MiB. */
export function residentOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

/** Tells the CPU time of PostgreSQL with all its processes, in microseconds; null when it does not run beside us. */
export async function postgresClock(db: pg.Client): Promise<() => number | null> {
  const { rows } = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
  const backend = rows[0]?.pid ?? 0;
  try {
    const { parent, name } = readStat(backend);
    return name.startsWith('postgres') ? () => cpuOfFamily(parent) : () => null;
  } catch {
    return () => null;
  }
}

/** Of a parent and its children, living or gone. */
function cpuOfFamily(parent: number): number {
  const own = readStat(parent);
  let ticks = own.user + own.system + own.gone;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const child = readStat(Number(entry));
      if (child.parent === parent) ticks += child.user + child.system;
    } catch {
      // It ended while we looked.
    }
  }
  return ticks * TICK;
}

/** See proc_pid_stat(5); the name may hold spaces and brackets. */
function readStat(pid: number) {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const ticks = (index: number) => Number(fields[index - 3]);
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    parent: ticks(4),
    user: ticks(14),
    system: ticks(15),
    gone: ticks(16) + ticks(17),
  };
}

function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    get(url, { headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    }).on('error', () => resolve(0));
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address ? address.port : 0;
}
