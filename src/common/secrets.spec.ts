import { describe, expect, it } from 'vitest';
import { keyedDigest, looksLikeSecret, randomSecret, sameDigest, seal, sha256, unseal } from './secrets.js';

const KEY = 'a key of more than thirty-two characters';

describe('randomSecret', () => {
  it('has 43 characters that need no escaping, and never comes twice', () => {
    const secrets = Array.from({ length: 1000 }, randomSecret);
    expect(new Set(secrets).size).toBe(1000);
    expect(secrets.every((secret) => /^[A-Za-z0-9_-]{43}$/.test(secret))).toBe(true);
    expect(secrets.every(looksLikeSecret)).toBe(true);
    expect(Buffer.from(secrets[0] ?? '', 'base64url')).toHaveLength(32);
  });
});

describe('looksLikeSecret', () => {
  const secret = 'A'.repeat(43);

  it.each([
    '',
    secret.slice(1),
    `${secret}A`,
    `${secret}\n`,
    `\n${secret}`,
    secret.replace('A', '='),
    secret.replace('A', 'é'),
  ])('refuses %j', (value) => {
    expect(looksLikeSecret(value)).toBe(false);
  });
});

describe('sha256', () => {
  it('is SHA-256 of the UTF-8 bytes', () => {
    expect(sha256('abc').toString('hex')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(sha256('é')).toEqual(sha256(Buffer.from([0xc3, 0xa9]).toString()));
  });
});

describe('keyedDigest', () => {
  it('is the same for the same value, key and purpose only', () => {
    const digest = keyedDigest('abc', KEY, 'a purpose');
    expect(digest).toHaveLength(32);
    expect(keyedDigest('abc', KEY, 'a purpose')).toEqual(digest);
    const others = [
      keyedDigest('abd', KEY, 'a purpose'),
      keyedDigest('abc', `${KEY}!`, 'a purpose'),
      keyedDigest('abc', KEY, 'another purpose'),
      sha256('abc'),
    ];
    expect(others.filter((other) => sameDigest(other, digest))).toEqual([]);
  });
});

describe('sameDigest', () => {
  it('compares', () => {
    expect(sameDigest(sha256('a'), sha256('a'))).toBe(true);
    expect(sameDigest(sha256('a'), sha256('b'))).toBe(false);
    expect(sameDigest(sha256('a'), Buffer.alloc(0))).toBe(false);
    expect(sameDigest(sha256('a'), sha256('a').subarray(1))).toBe(false);
  });
});

describe('seal and unseal', () => {
  const plain = Buffer.from('the private half');

  it('open what they closed', () => {
    expect(unseal(seal(plain, KEY, 'a purpose'), KEY, 'a purpose')).toEqual(plain);
    expect(unseal(seal(Buffer.alloc(0), KEY, 'a purpose'), KEY, 'a purpose')).toEqual(Buffer.alloc(0));
  });

  it('never make the same bytes twice, and never show the plain ones', () => {
    const [one, other] = [seal(plain, KEY, 'a purpose'), seal(plain, KEY, 'a purpose')];
    expect(one).not.toEqual(other);
    expect(one.subarray(0, 12)).not.toEqual(other.subarray(0, 12));
    expect(one.includes(plain)).toBe(false);
  });

  it('answer null for another key, another purpose, and any changed byte', () => {
    const sealed = seal(plain, KEY, 'a purpose');
    expect(unseal(sealed, `${KEY}!`, 'a purpose')).toBeNull();
    expect(unseal(sealed, KEY, 'another purpose')).toBeNull();
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(unseal(changed, KEY, 'a purpose'), `byte ${at}`).toBeNull();
    }
  });

  it.each([0, 11, 12, 27, 28])('answer null for the first %i bytes', (length) => {
    expect(unseal(seal(plain, KEY, 'a purpose').subarray(0, length), KEY, 'a purpose')).toBeNull();
  });
});
