import { describe, expect, it } from 'vitest';
import { type PasswordContext, passwordProblem } from './password-rules.js';

const context: PasswordContext = {
  username: 'alice_in_chains',
  email: 'alice@example.org',
  instanceTitle: 'The Gate House',
  minLength: 8,
};
const errorOf = (password: string, more: Partial<PasswordContext> = {}) =>
  passwordProblem(password, { ...context, ...more })?.error ?? null;

describe('passwordProblem', () => {
  it.each([
    ['exactly the least length', 'xkqzvjwp'],
    ['one kind of character only', 'zzxxccvvbbnn'],
    ['spaces at both ends', '  xkqzvjwp  '],
    ['control characters', 'xkq\tzv\njwp'],
    ['any script', 'пароль-長い-🌊'],
    ['64 characters', 'xkqz vjw'.repeat(8)],
    ['1,024 bytes', 'xkqzvjwp'.repeat(128)],
    ['the user name within', 'alice_in_chains!'],
  ])('takes %s', (_, password) => {
    expect(errorOf(password)).toBeNull();
  });

  it('refuses none', () => {
    expect(passwordProblem('', context)).toEqual({
      field: 'password',
      error: 'ERR_BLANK',
      description: "can't be blank",
    });
  });

  it('counts characters as people do', () => {
    expect(passwordProblem('xkqzvjw', context)).toEqual({
      field: 'password',
      error: 'ERR_TOO_SHORT',
      description: 'is too short (minimum is 8 characters)',
    });
    // Seven characters in fourteen UTF-16 units.
    expect(errorOf('🌊'.repeat(7))).toBe('ERR_TOO_SHORT');
    expect(errorOf('🌊'.repeat(8))).toBeNull();
  });

  it('follows the operator’s least length', () => {
    expect(errorOf('xkqzvjwp', { minLength: 15 })).toBe('ERR_TOO_SHORT');
  });

  it('counts the most in bytes', () => {
    expect(errorOf(`${'xkqzvjwp'.repeat(128)}x`)).toBe('ERR_TOO_LONG');
    expect(errorOf('é'.repeat(512))).toBeNull();
    expect(errorOf('é'.repeat(513))).toBe('ERR_TOO_LONG');
  });

  it.each([
    'alice_in_chains',
    'ALICE_in_chains',
    'alice@example.org',
    'Alice@Example.Org',
    'The Gate House',
    'the gate house',
  ])('refuses %j, which anybody would guess', (password) => {
    expect(errorOf(password)).toBe('ERR_INVALID');
  });

  it('needs no address to compare with', () => {
    expect(errorOf('alice@example.org', { email: null })).toBeNull();
  });
});
