import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** A fresh opaque secret: 32 random bytes as 43 characters of base64url (contract.md §0.8). */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether a value has the form of our opaque secrets; anything else is unknown without a look-up. */
export function looksLikeSecret(value: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(value);
}

/** SHA-256: how opaque secrets are stored and looked up. */
export function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

/**
 * HMAC-SHA-256 under a key derived from `SECRET_KEY` for one purpose: how values are stored that are too few to be safe
 * as a plain digest.
 */
export function keyedDigest(value: string, secretKey: string, purpose: string): Buffer {
  return createHmac('sha256', derivedKey(secretKey, purpose)).update(value).digest();
}

/** Compares two digests of equal length in constant time. */
export function sameDigest(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Encrypts a secret for the database (AES-256-GCM, key derived from `SECRET_KEY` for one purpose): nonce, tag, ciphertext. */
export function seal(plain: Buffer, secretKey: string, purpose: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', derivedKey(secretKey, purpose), nonce);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
}

/** Opens what `seal` closed; null when the key or purpose is another, or the bytes were changed. */
export function unseal(sealed: Buffer, secretKey: string, purpose: string): Buffer | null {
  try {
    const decipher = createDecipheriv('aes-256-gcm', derivedKey(secretKey, purpose), sealed.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAuthTag(sealed.subarray(12, 28));
    return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
  } catch {
    return null;
  }
}

function derivedKey(secretKey: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, '', `gatehouse ${purpose}`, 32));
}
