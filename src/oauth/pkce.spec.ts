import { describe, expect, it } from 'vitest';
import { challengeOf, pkceProblem } from './pkce.js';

const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

describe('challengeOf', () => {
  it('answers the example of RFC 7636 appendix B', () => {
    expect(challengeOf('dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk')).toBe(CHALLENGE);
  });

  it('answers null only for an absent verifier, so that a stray one matches no code', () => {
    expect(challengeOf(undefined)).toBeNull();
    expect(challengeOf('')).toBe('');
    expect(challengeOf('short')).toBe('');
    expect(challengeOf('é'.repeat(50))).toBe('');
  });
});

describe('pkceProblem', () => {
  it('accepts S256, and nothing at all for a confidential client', () => {
    expect(pkceProblem(CHALLENGE, 'S256', true)).toBeNull();
    expect(pkceProblem(undefined, undefined, false)).toBeNull();
  });

  it.each([
    ['plain', CHALLENGE, 'plain', false],
    ['no method', CHALLENGE, undefined, false],
    ['an empty challenge', '', 'S256', false],
    ['42 characters', 'a'.repeat(42), 'S256', false],
    ['129 characters', 'a'.repeat(129), 'S256', false],
    ['illegal characters', `${'a'.repeat(42)}!`, 'S256', false],
    ['a method without a challenge', undefined, 'S256', false],
    ['a public client without a challenge', undefined, undefined, true],
  ])('refuses %s', (_, challenge, method, isPublic) => {
    expect(pkceProblem(challenge, method, isPublic)).toBeTypeOf('string');
  });
});
