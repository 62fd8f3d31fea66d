import { vi } from 'vitest';
import { type Fault, SoftwareAuthenticator } from './authenticator.js';

/** What may be wrong with any answer. */
export const FAULTS: [string, Fault][] = [
  ['another origin', { origin: 'https://evil.example' }],
  ['our origin on another port', { origin: 'http://localhost:3001' }],
  ['our origin with a path', { origin: 'http://localhost:3000/' }],
  ['another relying party', { rpId: 'evil.example' }],
  ['a challenge of somebody’s own', { challenge: Buffer.alloc(54).toString('base64url') }],
  ['a challenge that is too short', { challenge: 'AAAA' }],
  ['no challenge', { challenge: '' }],
  ['nobody present', { isUserPresent: false }],
];

/** What may be wrong with one that signs. */
export const FORGED: [string, Fault][] = [
  ['a broken signature', { hasBrokenSignature: true }],
  ['the signature of another key', { key: new SoftwareAuthenticator().privateKey }],
  ['the type of a registration', { type: 'webauthn.create' }],
  ['a counter that stands still', { counter: 1 }],
  ['a counter that went back to nothing', { counter: 0 }],
];

/** What is no answer at all. */
export const GARBLED = ['', '{', 'null', '5', '[]', '{}', '{"id":1}', '"text"', '{"id":"a","rawId":"b"}'];

/** What our challenges are when they were made so many seconds ago; only this process takes itself back. */
export async function longAgo<Result>(seconds: number, work: () => Promise<Result>): Promise<Result> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - seconds * 1000 });
  try {
    return await work();
  } finally {
    vi.useRealTimers();
  }
}

/** A challenge whose end somebody else has put off by an hour. */
export function prolonged(challenge: string): string {
  const bytes = Buffer.from(challenge, 'base64url');
  bytes.writeUIntBE(bytes.readUIntBE(16, 6) + 3600, 16, 6);
  return bytes.toString('base64url');
}
