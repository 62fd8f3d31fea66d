import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './build.js';
import type { TestDatabase } from './database.js';

/** What a command said and how it ended. */
export interface CliOutcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command under way. */
export interface CliRun {
  child: ChildProcess;
  outcome: Promise<CliOutcome>;
}

/** Starts the built command line on a database; `buildPrograms` first. */
export function startCli(database: TestDatabase, ...args: string[]): CliRun {
  return startCliWith({}, database, ...args);
}

/** The same with more in its environment. */
function startCliWith(env: Record<string, string>, database: TestDatabase, ...args: string[]): CliRun {
  const child = spawn(process.execPath, ['dist/cli.js', ...args], {
    cwd: ROOT,
    env: {
      PATH: process.env['PATH'],
      PUBLIC_URL: 'http://localhost:3999',
      DATABASE_URL: database.url,
      DATA_DIR: join(tmpdir(), 'gatehouse-cli'),
      SECRET_KEY: 'a test key of more than thirty-two characters',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  return { child, outcome: once(child, 'close').then(([code]) => ({ code, stdout, stderr })) };
}

/** Runs one command to its end. */
export function runCli(database: TestDatabase, ...args: string[]): Promise<CliOutcome> {
  return startCli(database, ...args).outcome;
}

/** The same with more in its environment. */
export function runCliWith(
  env: Record<string, string>,
  database: TestDatabase,
  ...args: string[]
): Promise<CliOutcome> {
  return startCliWith(env, database, ...args).outcome;
}
