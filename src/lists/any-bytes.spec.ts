import { describe, expect, it } from 'vitest';
import { type ListKind, ListRefused, type ListRow } from './list.js';
import { readList } from './read-list.js';

const KINDS: readonly ListKind[] = ['follow', 'block', 'mute'];
const REASONS: readonly ListRow['reason'][] = [
  'not_a_handle',
  'bad_encoding',
  'self',
  'duplicate',
  'host_not_allowed',
  null,
];

/** The parts that lists are made of, and those that break them. */
const PARTS = [
  'bob',
  'carol',
  '@',
  'x.example',
  '127.1',
  ',',
  ';',
  '\t',
  ' ',
  '\n',
  '\r\n',
  '\r',
  '"',
  '""',
  "'",
  'Account address',
  'true',
  'é',
  '漢',
  '😀',
  '=',
  'https://x.example/@bob',
  '[::1]',
  ':80',
];

/** Its rows; none when it is refused. */
async function rowsOf(bytes: Buffer, kind: ListKind): Promise<ListRow[]> {
  const ours = { domain: 'example.org', publicUrl: 'https://example.org', self: 'alice' };
  try {
    return (await readList({ bytes, fileName: null }, { ...ours, kind, maxRows: 20_000 })).rows;
  } catch (error) {
    if (error instanceof ListRefused) return [];
    throw error;
  }
}

/** Whole numbers below a limit, the same ones for the same seed. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

/** What is wrong with rows, whatever they were read from. */
function faultsOf(rows: readonly ListRow[], text: string): string[] {
  const faults = rows.flatMap(({ handle, username, host, reason }) => [
    REASONS.includes(reason) ? '' : 'reason',
    /^\P{Cc}{1,324}$/su.test(handle) && handle.isWellFormed() ? '' : 'handle',
    (username === null) === (reason === 'not_a_handle' || reason === 'bad_encoding') ? '' : 'username',
    username === null || handle === (host === null ? username : `${username}@${host}`) ? '' : 'form',
  ]);
  const lines = rows.map(({ line }) => line);
  if (lines.some((line, index) => line < (lines[index - 1] ?? 1))) faults.push('order');
  if ((lines.at(-1) ?? 0) > text.split(/\r\n|[\n\r]/).length) faults.push('last line');
  const wanted = rows.filter(({ reason }) => reason === null).map(({ handle }) => handle);
  if (new Set(wanted).size < wanted.length) faults.push('duplicate');
  return faults.filter(Boolean);
}

describe('readList, on anything', () => {
  it('throws nothing but refusals for bytes at random', async () => {
    for (let seed = 1; seed <= 400; seed++) {
      const next = dice(seed);
      const high = [256, 128, 64][seed % 3] ?? 256;
      const bytes = Buffer.from(Array.from({ length: next(600) }, () => (next(9) === 0 ? 10 : next(high))));
      const rows = await rowsOf(bytes, KINDS[seed % 3] ?? 'follow');
      expect([seed, faultsOf(rows, bytes.toString('latin1'))]).toEqual([seed, []]);
    }
  });

  it('makes sound rows of parts of lists at random, in every encoding', async () => {
    for (let seed = 1; seed <= 900; seed++) {
      const next = dice(seed);
      const text = Array.from({ length: next(80) }, () => PARTS[next(PARTS.length)]).join('');
      const utf16 = Buffer.from(`\ufeff${text}`, 'utf16le');
      const written = [Buffer.from(text), utf16, Buffer.from(utf16).swap16()];
      const [utf8 = [], ...others] = await Promise.all(
        written.map((bytes) => rowsOf(bytes, KINDS[seed % 3] ?? 'follow')),
      );
      expect([text, faultsOf(utf8, text)]).toEqual([text, []]);
      expect([text, ...others]).toEqual([text, utf8, utf8]);
    }
  });

  it('makes one row of every line that is not blank and has no quotes', async () => {
    for (let seed = 1; seed <= 500; seed++) {
      const next = dice(seed);
      const cells = PARTS.filter((part) => !/["\s\0]|Account/.test(part));
      const lines = Array.from({ length: next(30) + 1 }, () =>
        next(6) === 0
          ? ' '.repeat(next(3))
          : `bob${seed},${Array.from({ length: next(6) }, () => cells[next(cells.length)]).join('')}`,
      );
      // The first one keeps the list from being words.
      const rows = await rowsOf(Buffer.from(['bob,true', ...lines].join('\n')), 'follow');
      const expected = lines.flatMap((line, index) => (line.trim() === '' ? [] : [index + 2]));
      expect(rows.map(({ line }) => line)).toEqual([1, ...expected]);
    }
  });

  it('reads the same wherever its blocks end', async () => {
    const line = 'bob@x.example,true,"a ""b"" 漢字"\r\n"carol\r\ndave",1\r\n';
    for (let padding = 0; padding < 70; padding++) {
      const list = `Handle,Note\r\n${'x'.repeat(8192 - 70)}${'y'.repeat(padding)}\r\n${line.repeat(400)}`;
      const rows = await rowsOf(Buffer.from(list), 'block');
      expect(rows.map(({ line: at }) => at)).toEqual([
        2,
        ...Array.from({ length: 400 }, (_, i) => [3 + i * 3, 4 + i * 3]).flat(),
      ]);
    }
  });
});
