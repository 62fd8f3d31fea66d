import { pbkdf2Sync, timingSafeEqual } from 'node:crypto';
import { hashRawSync, hashSync, verifySync } from '@node-rs/argon2';
import { compareSync } from 'bcryptjs';

/** OWASP Password Storage: Argon2id, 19 MiB, two passes, one lane. */
const OPTIONS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Runs in a worker thread: a fresh Argon2id hash of a password. */
export function hash(password: string): string {
  return hashSync(password, OPTIONS);
}

/** Runs in a worker thread: whether a password is the one that was hashed, by us or by another server (stored-hash.ts). */
export function verify({ stored, password }: { stored: string; password: string }): boolean {
  if (stored.startsWith('$2')) return verifyBcrypt(stored, password);
  if (stored.startsWith('$pbkdf2')) return verifyPbkdf2(stored, password);
  return verifySync(stored, password);
}

/** bcrypt reads 72 bytes, so what follows them never counted where the hash comes from, and takes `a` and `a`, NUL, `a` for one. */
function verifyBcrypt(stored: string, password: string): boolean {
  return compareSync(password, stored) && !password.includes('\0');
}

function verifyPbkdf2(stored: string, password: string): boolean {
  const [, , rounds, salt = '', hashed = ''] = stored.split('$');
  const expected = fromAdaptedBase64(hashed);
  const actual = pbkdf2Sync(password, fromAdaptedBase64(salt), Number(rounds), expected.length, 'sha512');
  return timingSafeEqual(actual, expected);
}

/** passlib writes `.` for `+`. */
function fromAdaptedBase64(text: string): Buffer {
  return Buffer.from(text.replaceAll('.', '+'), 'base64');
}

/** Runs in a worker thread: the Argon2id digest of a short secret with a given salt. */
export function digest({ secret, salt }: { secret: string; salt: Uint8Array }): Buffer {
  return hashRawSync(secret, { ...OPTIONS, salt });
}
