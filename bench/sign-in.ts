import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Arena } from './arena.js';
import { drive, type Measured } from './load.js';
import { type Server, startServer } from './processes.js';
import { CONNECTIONS } from './rounds.js';
import { signIn, VERIFY_CREDENTIALS } from './targets.js';

/** Connections that sign in. */
const SIGNING_IN = 8;

/** One turn of each. */
export interface SignInRound {
  /** Passwords checked in a second by a process that does nothing else, by how many at once. */
  bare: Record<string, number>;
  best: number;
  /** Sign-ins alone. */
  alone: Measured;
  /** Sign-ins one after another on one connection. */
  single: Measured;
  /** Their rate as a share of the best bare one. */
  share: number;
  undisturbed: Measured;
  /** The same token checks beside sign-ins, and those sign-ins. */
  beside: Measured;
  signInsBeside: Measured;
  /** The rate of token checks as a share of the undisturbed one. */
  kept: number;
}

/** One round: sign-ins alone, token checks alone, and both at once, in turns. */
export async function playSignIns(arena: Arena, turns: number): Promise<SignInRound[]> {
  const server = await startServer(arena.gatehouse);
  try {
    await proveSignIn(server);
    const signIns = { connections: SIGNING_IN, shot: signIn, status: 302, seconds: 1.5 };
    const { shot, status } = VERIFY_CREDENTIALS;
    const checks = { connections: CONNECTIONS, shot, status, seconds: 1.5 };
    await Promise.all([drive(server, signIns), drive(server, checks)]);
    const played: SignInRound[] = [];
    for (let turn = 0; turn < turns; turn++) {
      const bare = await bareRates();
      const alone = await drive(server, signIns);
      const single = await drive(server, { ...signIns, connections: 1, seconds: 1 });
      const undisturbed = await drive(server, { ...checks, seconds: 1 });
      const [signInsBeside, beside] = await Promise.all([drive(server, signIns), drive(server, checks)]);
      const best = Math.max(...Object.values(bare));
      const [share, kept] = [alone.rate / best, beside.rate / undisturbed.rate];
      played.push({ bare, best, alone, single, share, undisturbed, beside, signInsBeside, kept });
    }
    return played;
  } finally {
    await server.stop();
  }
}

async function bareRates(): Promise<Record<string, number>> {
  const script = join(import.meta.dirname, 'argon2-rate.ts');
  const env = { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: '8' };
  const { stdout } = await promisify(execFile)(process.execPath, [script, '500'], { env });
  return JSON.parse(stdout) as Record<string, number>;
}

/** A refused sign-in is a redirect as well. */
async function proveSignIn({ origin }: Server): Promise<void> {
  const { path, ...init } = signIn();
  const answer = await fetch(origin + path, { ...init, redirect: 'manual' });
  const location = answer.headers.get('location') ?? '';
  if (answer.status === 302 && location.includes('/oauth/consent?')) return;
  throw new Error(`A sign-in answers ${answer.status} to ${location}: ${await answer.text()}`);
}
