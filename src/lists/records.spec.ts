import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { Line } from './lines.js';
import { type ListRecord, readCells, readRecords } from './records.js';

/** The records of lines that arrive so many at a time. */
async function recordsOf(texts: readonly string[], atOnce = texts.length): Promise<ListRecord[]> {
  async function* blocks(): AsyncGenerator<Line[]> {
    const lines = texts.map((text, index) => ({ number: index + 1, text, isBroken: text.includes('\ufffd') }));
    for (let at = 0; at < lines.length; at += atOnce) yield lines.slice(at, at + atOnce);
  }
  const records: ListRecord[] = [];
  for await (const some of readRecords(blocks(), ',')) records.push(...some);
  return records;
}

describe('readCells', () => {
  it.each([
    'a',
    'a,b',
    ',',
    'a,',
    ',a',
    '""',
    '"a"',
    '"a",b',
    'a,"b, c",d',
    '"say ""hi""",x',
    '"""",""""""',
    '"a",',
    ',"",',
    'ÿ,"漢,字"',
  ])('reads %j as csv-parse does', (line) => {
    expect(readCells(line, ',')).toEqual(parse(line)[0]);
  });

  it('reads at random what csv-parse reads, and nothing where it fails', () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const line = randomText(seed, ['a', ',', '"', '""', 'b', '",', ',"']);
      const cells = readCells(line, ',');
      expect([line, typeof cells === 'string' ? null : cells]).toEqual([line, parsed(line)]);
    }
  });

  it('takes other separators, and spaces around quotes', () => {
    expect(readCells('a;"b;c";d,e', ';')).toEqual(['a', 'b;c', 'd,e']);
    expect(readCells('a\t"b\tc"', '\t')).toEqual(['a', 'b\tc']);
    expect(readCells('a, "b, c" ,d', ',')).toEqual(['a', 'b, c', 'd']);
  });

  it('says when quotes do not close, or close too early', () => {
    expect(readCells('a,"b', ',')).toBe('open');
    expect(readCells('a,"b""', ',')).toBe('open');
    expect(readCells('"a"b,c', ',')).toBeNull();
    expect(readCells('b",c', ',', true)).toEqual(['b', 'c']);
    expect(readCells('b"c', ',', true)).toBeNull();
    expect(readCells('b","c', ',', true)).toBe('open');
  });
});

/** Quotes inside a cell that has none around it are taken as they are, which strict csv-parse refuses. */
function parsed(line: string): string[] | null {
  if (line === '') return [''];
  try {
    return parse(line)[0] as string[];
  } catch (error) {
    if ((error as { code?: string }).code !== 'INVALID_OPENING_QUOTE') return null;
    const cells = readCells(line, ',');
    return typeof cells === 'string' ? null : cells;
  }
}

/** The same text for the same seed. */
function randomText(seed: number, parts: readonly string[]): string {
  let state = seed;
  const next = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  return Array.from({ length: next(9) }, () => parts[next(parts.length)]).join('');
}

describe('readRecords', () => {
  it.each<[string, string[], [line: number, cells: string[] | null][]]>([
    [
      'lines',
      ['a,b', 'c'],
      [
        [1, ['a', 'b']],
        [2, ['c']],
      ],
    ],
    [
      'a line break inside quotes',
      ['a', '"b', 'c",d', 'e'],
      [
        [1, ['a']],
        [2, null],
        [4, ['e']],
      ],
    ],
    [
      'several of them',
      ['"b', 'c', 'd","', 'e",f', 'g'],
      [
        [1, null],
        [5, ['g']],
      ],
    ],
    [
      'a quote that never closes',
      ['a', '"b', 'c', 'd'],
      [
        [1, ['a']],
        [2, null],
        [3, ['c']],
        [4, ['d']],
      ],
    ],
    [
      'a quote on the last line',
      ['a', '"b'],
      [
        [1, ['a']],
        [2, null],
      ],
    ],
    [
      'a quote that closes out of place',
      ['"b', 'c"d', 'e'],
      [
        [1, null],
        [2, ['c"d']],
        [3, ['e']],
      ],
    ],
    [
      'a line that does not decode inside quotes',
      ['"b', 'c\ufffd', 'd"'],
      [
        [1, null],
        [2, ['c\ufffd']],
        [3, ['d"']],
      ],
    ],
  ])('reads %s', async (_, texts, expected) => {
    for (const atOnce of [1, 2, 3, 100]) {
      const records = await recordsOf(texts, atOnce);
      expect(records.map(({ line, cells }) => [line, cells])).toEqual(expected);
    }
  });

  it('keeps what a broken record says', async () => {
    expect((await recordsOf(['"b', 'c",d'])).map(({ text }) => text)).toEqual(['"b\nc",d']);
  });

  it('gives a forgotten quote up after 32 lines, or 8 KiB', async () => {
    for (const [text, many] of [
      ['c', 40],
      ['c'.repeat(3000), 4],
    ] as const) {
      const lines = ['"b', ...Array<string>(many).fill(text), 'd"'];
      for (const atOnce of [1, 7, 100]) {
        const records = await recordsOf(lines, atOnce);
        expect(records).toHaveLength(many + 2);
        expect(records[1]?.cells).toEqual([text]);
      }
    }
  });
});
