import { describe, expect, it } from 'vitest';
import { plainFacts, plainWords, unlinkable } from './plain-words.js';

describe('plainWords', () => {
  it.each([
    ['line breaks of every kind', 'a\r\nb\u2028c\u2029d\u0085e\tf', 'a b c d e f'],
    ['what turns the direction of reading', 'a\u202Eb\u2066c\u200Fd\u061Ce', 'abcde'],
    ['what cannot be seen', 'a\u200Bb\u00ADc\u2060d\u{E0041}e', 'abcde'],
    ['control characters', 'a\u0000b\u001B[31mc\u007Fd', 'a b [31mc d'],
    ['halves of characters', 'a\uD800b\uDC00c', 'abc'],
    ['blanks around', '  a   b  ', 'a b'],
  ])('takes out %s', (_, text, plain) => {
    expect(plainWords(text, 100)).toBe(plain);
  });

  it('leaves what people write', () => {
    const text = 'Ärger & Söhne <3 “naïve” 日本語 עברית 🐦';
    expect(plainWords(text, 100)).toBe(text);
  });

  it('cuts between characters, never within one', () => {
    expect(plainWords('🐦🐦🐦🐦', 4)).toBe('🐦🐦🐦🐦');
    expect(plainWords('🐦🐦🐦🐦🐦', 4)).toBe('🐦🐦🐦…');
  });
});

describe('unlinkable', () => {
  it('reads the same, and is no address any more', () => {
    const text = unlinkable('see https://evil.example/a.b and me@evil.example, v1.2.', 100);
    expect(text.replaceAll('\u200c', '')).toBe('see https://evil.example/a.b and me@evil.example, v1.2.');
    expect(text).not.toMatch(/https:|evil\.example|me@/);
  });
});

describe('plainFacts', () => {
  it('keeps what is not known unknown', () => {
    expect(plainFacts({ username: 'alice', ip: null })).toEqual({ username: 'alice', ip: null });
  });
});
