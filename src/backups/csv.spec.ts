import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { csvLine } from './csv.js';

describe('csvLine', () => {
  it('writes plain cells as they are, and an empty one as nothing', () => {
    expect(csvLine(['bob@example.org', 'true', 'false', ''])).toBe('bob@example.org,true,false,\r\n');
    expect(csvLine(['Account address'])).toBe('Account address\r\n');
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\tx', '\rx', '=HYPERLINK("https://evil.example","x")'])(
    'shows a spreadsheet %j as text',
    (cell) => {
      expect(parse(csvLine([cell, 'x']), { relax_quotes: false })).toEqual([[`'${cell}`, 'x']]);
    },
  );

  it.each(['a,b', 'say "hi"', 'two\nlines', 'two\r\nlines', '"', ',', 'a=1', 'ÿ 漢'])('keeps %j whole', (cell) => {
    expect(parse(csvLine(['first', cell, 'last']))).toEqual([['first', cell, 'last']]);
  });
});
