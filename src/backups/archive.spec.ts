import { describe, expect, it } from 'vitest';
import { jsonArray, packFiles } from './archive.js';

async function* pagesOf(...pages: object[][]): AsyncGenerator<object[]> {
  yield* pages;
}

async function textOf(parts: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part;
  return text;
}

describe('jsonArray', () => {
  it.each([
    ['no page', [], '[]\n'],
    ['empty pages', [[], []], '[]\n'],
    ['one row', [[{ a: 1 }]], '[\n{"a":1}\n]\n'],
    ['pages', [[{ a: 1 }, { a: '"\n' }], [], [{ a: null }]], '[\n{"a":1},\n{"a":"\\"\\n"},\n{"a":null}\n]\n'],
  ])('writes %s as one array', async (_, pages, text) => {
    expect(await textOf(jsonArray(pagesOf(...pages)))).toBe(text);
  });
});

describe('packFiles', () => {
  it('reads one file after the other, each when its turn comes', async () => {
    const order: string[] = [];
    const file = (name: string) => ({
      name,
      async *text() {
        order.push(`${name} begins`);
        await new Promise(setImmediate);
        yield name.repeat(1000);
        order.push(`${name} ends`);
      },
    });
    const archive = await packFiles([file('a'), file('b'), { name: 'empty', text: () => [] }]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
    expect(archive.subarray(0, 4).toString('latin1')).toBe('PK\x03\x04');
  });

  it('fails with the fault of a file', async () => {
    const fault = new Error('The database is away');
    const broken = {
      name: 'b',
      // oxlint-disable-next-line require-yield -- it fails before it has anything
      async *text(): AsyncGenerator<string> {
        throw fault;
      },
    };
    await expect(packFiles([{ name: 'a', text: () => ['x'] }, broken])).rejects.toBe(fault);
  });
});
