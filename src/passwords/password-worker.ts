import { hashSync, verifySync } from '@node-rs/argon2';

/** OWASP Password Storage: Argon2id, 19 MiB, two passes, one lane. */
const OPTIONS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Runs in a worker thread: a fresh Argon2id hash of a password. */
export function hash(password: string): string {
  return hashSync(password, OPTIONS);
}

/** Runs in a worker thread: whether a password is the one that was hashed. */
export function verify({ stored, password }: { stored: string; password: string }): boolean {
  return verifySync(stored, password);
}
