import type { Config } from '../config/config.js';
import { seal, sha256, unseal } from './secrets.js';

/** Which `SECRET_KEY` sealed something; tells nothing about the key itself. */
export function keyIdOf(secretKey: string): string {
  return sha256(`gatehouse key id ${secretKey}`).toString('base64url').slice(0, 12);
}

/** A sealed secret, and the id of the key that opens it. */
export interface Sealed {
  sealed: Buffer;
  keyId: string;
}

/** Seals with the present key. */
export function sealNow(plain: Buffer, config: Config, purpose: string): Sealed {
  return { sealed: seal(plain, config.secretKey, purpose), keyId: keyIdOf(config.secretKey) };
}

/** Opens what the present or the previous key sealed; null when it was another. */
export function openSealed({ sealed, keyId }: Sealed, config: Config, purpose: string): Buffer | null {
  const key = [config.secretKey, config.previousSecretKey].find((known) => known !== null && keyIdOf(known) === keyId);
  return key === undefined || key === null ? null : unseal(sealed, key, purpose);
}

/** Opens what was sealed without a note of the key, with the present one or else the previous; null when it was another. */
export function openWithEither(sealed: Buffer, config: Config, purpose: string): Buffer | null {
  const plain = unseal(sealed, config.secretKey, purpose);
  return plain || config.previousSecretKey === null ? plain : unseal(sealed, config.previousSecretKey, purpose);
}

/** What became of sealed secrets when the key was changed. */
export interface Rotation {
  resealed: number;
  /** Neither key opens them; they are left as they are. */
  unopened: number;
}

/** A sealed secret and the statement that puts a newly sealed one in its place. */
export interface SealedRow {
  sealed: Buffer;
  replace: (resealed: Buffer) => Promise<void>;
}

/** Seals with the present key what was sealed with the previous one. */
export async function resealAll(rows: readonly SealedRow[], config: Config, purpose: string): Promise<Rotation> {
  const rotation = { resealed: 0, unopened: 0 };
  for (const { sealed, replace } of rows) {
    if (unseal(sealed, config.secretKey, purpose)) continue;
    const plain = openWithEither(sealed, config, purpose);
    if (plain) await replace(seal(plain, config.secretKey, purpose));
    rotation[plain ? 'resealed' : 'unopened']++;
  }
  return rotation;
}
