import { availableParallelism } from 'node:os';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Piscina } from 'piscina';
import { Refusal } from '../common/errors.js';
import { hashProblem } from './stored-hash.js';

/** Longer passwords are wrong without being hashed (contract.md §0.10). */
export const PASSWORD_MAX_BYTES = 1024;

/** How many attempts may wait for a free core before the next is told to come back (security.md D18). */
const MAX_WAITING = 50;

/** What an attempt on an unknown account, or on one without a password, is compared with: the same work, never a match. */
const NOBODY = '$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZWhvdXNlLW5vYm9keQ$UkAoYAZPv4d0Gkz7g39sLrEPrdlrOJWAi8eLhqVtWqQ';

/** Built as JavaScript, run as TypeScript in tests: the worker stands beside this file either way. */
const WORKER = new URL(`./password-worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url);

/**
 * Hashes passwords: at most one at a time per core, on threads that yield to everything else, with a bounded waiting
 * line, so that a storm of sign-ins slows down sign-ins only.
 */
@Injectable()
export class PasswordHasher implements OnApplicationShutdown {
  private readonly pool = new Piscina({
    filename: WORKER.href,
    minThreads: 1,
    maxThreads: availableParallelism(),
    maxQueue: MAX_WAITING,
    idleTimeout: 60_000,
    niceIncrement: 19,
  });

  /** @throws Refusal `unavailable` when the waiting line is full */
  hash(password: string): Promise<string> {
    return this.run('hash', password);
  }

  /**
   * Whether the password is the stored one, whoever hashed it. No hash, or one that we do not read, costs the same time
   * and never matches.
   * @throws Refusal `unavailable` when the waiting line is full
   */
  async verify(stored: string | null, password: string): Promise<boolean> {
    if (Buffer.byteLength(password) > PASSWORD_MAX_BYTES) return false;
    const isReadable = stored !== null && hashProblem(stored) === null;
    const matches = await this.run('verify', { stored: isReadable ? stored : NOBODY, password });
    return matches === true && isReadable;
  }

  /**
   * The Argon2id digest of a short secret; with one salt for a set of them, one digest tells whether a value is among them.
   * @throws Refusal `unavailable` when the waiting line is full
   */
  async digest(secret: string, salt: Uint8Array): Promise<Buffer> {
    return Buffer.from(await this.run('digest', { secret, salt }));
  }

  /** After the last request: sign-ins in flight are finished first. */
  async onApplicationShutdown(): Promise<void> {
    await this.pool.destroy();
  }

  private async run(name: 'hash' | 'verify' | 'digest', task: unknown) {
    if (this.pool.queueSize >= MAX_WAITING) throw new Refusal('unavailable', undefined, { retryAfter: 2 });
    return this.pool.run(task, { name });
  }
}
