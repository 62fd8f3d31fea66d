import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { recognise } from './recognise.js';

const NOT_TEXT = { identifier: 'not_text', message: 'The list is not a text or CSV file.' };

describe('recognise', () => {
  it.each<[string, Buffer]>([
    ['zip', Buffer.from('PK\x03\x04\x14\0\0\0\x08\0')],
    ['an empty zip', Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`)],
    ['gzip', gzipSync('bob@example.org')],
    ['zstd', zstdCompressSync('bob@example.org')],
    ['PDF', Buffer.from('%PDF-1.7\nbob@example.org\n')],
    ['PNG', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['JPEG', Buffer.from('ffd8ffe000104a46494600', 'hex')],
    ['GIF', Buffer.from('47494638396101000100800000', 'hex')],
    ['wide GIF', Buffer.from('GIF89aa\x01b\x01\xf7\0\0', 'latin1')],
    ['beginning of a GIF', Buffer.from('GIF87a')],
    ['WebP', Buffer.from('RIFF\x24\0\0\0WEBPVP8 ')],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic')],
    ['7z', Buffer.from('377abcaf271c0004', 'hex')],
    ['xz', Buffer.from('fd377a585a000004', 'hex')],
    ['bzip2', Buffer.from('BZh91AY&SY')],
    ['rar', Buffer.from('Rar!\x1a\x07\x01\0')],
    ['tar', Buffer.from(`${'a'.repeat(100)}${'0'.repeat(157)}ustar  `)],
    ['xls', Buffer.from('d0cf11e0a1b11ae1', 'hex')],
    ['SQLite', Buffer.from('SQLite format 3\0')],
    ['ELF', Buffer.from('\x7fELF\x02\x01\x01')],
    ['zeros', Buffer.alloc(1000)],
    ['mostly control characters', Buffer.from('\x01\x02\x03a\x04\x05')],
    ['control characters in UTF-16', Buffer.from('\ufeff\x01\x02\x03a', 'utf16le')],
    ['noise', noise(100_000)],
  ])('refuses %s', (_, bytes) => {
    expect(() => recognise(bytes)).toThrow(expect.objectContaining(NOT_TEXT));
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('a')],
    ['a handle like a GIF', Buffer.from('GIF89a@example.org')],
    ['a handle like a zip', Buffer.from('PK@example.org')],
    ['a handle like an archive', Buffer.from('BZh9@example.org\nustar@example.org\nMZ@example.org')],
    ['a stray NUL', Buffer.from('bob\0@example.org\n')],
    ['windows-1251', Buffer.from('bob@example.org,\xcf\xf0\xe8\xe2\xe5\xf2\n', 'latin1')],
    ['only what does not decode', Buffer.from('\xe9\xe8\n', 'latin1')],
    ['form feeds and NELs', Buffer.from('bob\f\v\t\r\n')],
  ])('takes %s for text', (_, bytes) => {
    expect(recognise(bytes)).toMatchObject({ encoding: 'utf-8', start: 0 });
  });

  it.each<[string, Buffer, object]>([
    ['a UTF-8 mark', Buffer.from('\ufeffbob'), { encoding: 'utf-8', start: 3, head: 'bob' }],
    ['a UTF-16LE mark', Buffer.from('\ufeffbob', 'utf16le'), { encoding: 'utf-16le', start: 2, head: 'bob' }],
    ['a UTF-16BE mark', Buffer.from('\ufeffbob', 'utf16le').swap16(), { encoding: 'utf-16be', start: 2, head: 'bob' }],
    [
      'UTF-16LE',
      Buffer.from('bob@example.org', 'utf16le'),
      { encoding: 'utf-16le', start: 0, head: 'bob@example.org' },
    ],
    [
      'UTF-16BE',
      Buffer.from('bob@b\u00fccher', 'utf16le').swap16(),
      { encoding: 'utf-16be', start: 0, head: 'bob@bücher' },
    ],
    ['a mark alone', Buffer.from('\ufeff'), { encoding: 'utf-8', start: 3, head: '' }],
  ])('knows %s', (_, bytes, expected) => {
    expect(recognise(bytes)).toEqual(expected);
  });
});

/** Bytes without any pattern, always the same. */
function noise(length: number): Buffer {
  let state = 1;
  return Buffer.from(Array.from({ length }, () => (state = (state * 48_271) % 2_147_483_647) & 255));
}
