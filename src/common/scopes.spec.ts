import { describe, expect, it } from 'vitest';
import {
  covers,
  coversAny,
  describeScope,
  grantable,
  isKnownScope,
  isScopeWord,
  KNOWN_SCOPES,
  readScope,
} from './scopes.js';

describe('KNOWN_SCOPES', () => {
  it('holds the 35 words of contract.md §0.5, each once', () => {
    expect(KNOWN_SCOPES).toHaveLength(35);
    expect(new Set(KNOWN_SCOPES).size).toBe(35);
    expect(KNOWN_SCOPES.filter((word) => !word.includes(':'))).toEqual([
      'read',
      'write',
      'follow',
      'push',
      'profile',
      'admin',
    ]);
  });

  it('differs between reading and writing where the API does', () => {
    const only = (verb: string, other: string) =>
      KNOWN_SCOPES.filter((word) => word.startsWith(`${verb}:`) && !isKnownScope(word.replace(verb, other)));
    expect(only('read', 'write')).toEqual(['read:backups', 'read:search']);
    expect(only('write', 'read')).toEqual(['write:conversations', 'write:media', 'write:reports']);
  });
});

describe('covers', () => {
  it.each([
    ['read', 'read'],
    ['read', 'read:accounts'],
    ['read', 'read:anything'],
    ['admin', 'admin:read'],
    ['read:accounts', 'read:accounts'],
    ['follow', 'read:follows'],
    ['follow', 'write:follows'],
    ['follow', 'read:blocks'],
    ['follow', 'write:blocks'],
    ['follow', 'read:mutes'],
    ['follow', 'write:mutes'],
  ])('lets %s do %s', (granted, wanted) => {
    expect(covers([granted], wanted)).toBe(true);
  });

  it.each([
    ['read:accounts', 'read'],
    ['write:blocks', 'write'],
    ['write', 'read'],
    ['write', 'follow'],
    ['read', 'follow'],
    ['follow', 'read'],
    ['follow', 'read:accounts'],
    ['follow', 'follows'],
    ['rea', 'read'],
    ['read', 'rea'],
    ['read', 'readable'],
    ['read:account', 'read:accounts'],
    ['READ', 'read'],
    ['read', 'READ'],
    ['read', 'read '],
    ['profile', 'read:accounts'],
    ['', 'read'],
  ])('does not let %j do %j', (granted, wanted) => {
    expect(covers([granted], wanted)).toBe(false);
  });

  it('looks at every granted word', () => {
    expect(covers(['push', 'read:lists', 'write'], 'write:media')).toBe(true);
    expect(covers([], 'read')).toBe(false);
  });
});

describe('coversAny', () => {
  it('needs one of the alternatives', () => {
    expect(coversAny(['read:accounts'], ['profile', 'read:accounts'])).toBe(true);
    expect(coversAny(['read:lists'], ['profile', 'read:accounts'])).toBe(false);
    expect(coversAny(['read'], [])).toBe(false);
  });
});

describe('readScope', () => {
  it('splits at exactly one space and drops repetitions', () => {
    expect(readScope('read write read')).toEqual(['read', 'write']);
  });

  it.each(['', ' ', 'read ', ' read', 'read  write'])('refuses the empty item in %j', (scope) => {
    expect(readScope(scope)).toBeNull();
  });

  it.each(['read,write', 'read\twrite', 'read\nwrite', 'read\u00a0write'])('takes %j for one word', (scope) => {
    expect(readScope(scope)).toEqual([scope]);
  });
});

describe('grantable', () => {
  it('leaves out what is unknown, and what is for staff', () => {
    const words = ['read', 'admin', 'admin:read', 'read:nonsense', 'administer', 'write:media'];
    expect(grantable(words, false)).toEqual(['read', 'write:media']);
    expect(grantable(words, true)).toEqual(['read', 'admin', 'admin:read', 'write:media']);
  });
});

describe('isScopeWord', () => {
  it.each(['read', 'read:x', 'a.b-c_d:e', 'x'.repeat(100)])('takes %j', (word) => {
    expect(isScopeWord(word)).toBe(true);
  });

  it.each(['', 'read write', 'réad', 'a"b', 'a\\b', 'a\n', 'x'.repeat(101)])('refuses %j', (word) => {
    expect(isScopeWord(word)).toBe(false);
  });
});

describe('describeScope', () => {
  it('has words of its own for every scope', () => {
    const sentences = KNOWN_SCOPES.map(describeScope);
    expect(new Set(sentences).size).toBeGreaterThanOrEqual(KNOWN_SCOPES.length - 1);
    expect(sentences.every((sentence) => /^[A-Z][a-z, ]+$/.test(sentence))).toBe(true);
    expect(describeScope('write:security')).toBe('Change your security');
  });
});
