import { describe, expect, it } from 'vitest';
import type { ListKind } from './list.js';
import { readList } from './read-list.js';

function read(
  list: string | Buffer,
  { maxRows = 3, kind = 'follow' as ListKind, fileName = null as string | null } = {},
) {
  const ours = { domain: 'example.org', publicUrl: 'https://example.org', self: 'alice' };
  return readList({ bytes: Buffer.from(list), fileName }, { ...ours, kind, maxRows });
}

describe('readList, refusals', () => {
  it.each([
    ['nothing', ''],
    ['blanks', ' \n\t\r\n\r'],
    ['a byte order mark', '\ufeff'],
    ['a header', 'Account address\n'],
    ['a header and blanks', '"Account address","Show boosts"\r\n\r\n,\r\n'],
    ['another header', 'handle;name\n'],
    ['many blank lines', '\n'.repeat(100_000)],
  ])('refuses %s as empty', async (_, list) => {
    await expect(read(list)).rejects.toMatchObject({
      name: 'ListRefused',
      identifier: 'empty',
      message: 'The list contains no accounts.',
    });
  });

  it.each<[string, Buffer]>([
    ['an image', Buffer.from('89504e470d0a1a0a', 'hex')],
    ['one line of 20 MB', Buffer.alloc(20_000_000, 'a')],
    ['one line of 20 MB of cells', Buffer.alloc(20_000_000, 'ab,')],
    ['one line of 20 MB behind others', Buffer.concat([Buffer.from('bob\ncarol\n'), Buffer.alloc(20_000_000, 'a')])],
    ['one line of 20 MB of UTF-16', Buffer.alloc(20_000_000, 'a\0')],
  ])('refuses %s as no text', async (_, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({
      identifier: 'not_text',
      message: 'The list is not a text or CSV file.',
    });
  });

  it.each([
    ['lines', 'a\nb\nc\nd\n'],
    ['words', 'a b c d'],
    ['records', 'Handle,x\na,1\nb,1\nc,1\nd,1\n'],
    ['duplicates', 'a a a a'],
    ['what is no handle', '! ! ! !'],
    ['20 MB of words in one line', 'abc@x.example '.repeat(1_400_000)],
  ])('refuses too many rows of %s', async (_, list) => {
    await expect(read(list)).rejects.toMatchObject({
      identifier: 'too_many_rows',
      message: 'The list has more than 3 rows.',
    });
  });

  it('counts neither header nor blank lines', async () => {
    const { rows } = await read('\n\nHandle,x\n\na,1\n,\nb,1\n\n\nc,1\n\n');
    expect(rows.map(({ line }) => line)).toEqual([5, 7, 10]);
  });
});

describe('readList, warnings', () => {
  const FOLLOWS = 'Account address,Show boosts,Notify on new posts,Languages\nbob,true,false,\n';
  const MUTES = 'Account address,Hide notifications\nbob,true\n';

  it.each<[ListKind, string, string | null, string | null]>([
    ['follow', FOLLOWS, 'following_accounts.csv', null],
    ['mute', MUTES, 'muted_accounts.csv', null],
    ['block', 'bob\n', 'blocked_accounts.csv', null],
    ['block', 'bob\n', null, null],
    ['follow', 'bob\n', 'people.txt', null],
    ['follow', 'bob\n', 'blockchain.csv', null],
    ['follow', 'bob\n', 'friends.csv', null],
    ['mute', 'Account address\nbob\n', 'mutes.csv', null],
    ['mute', FOLLOWS, 'mutes.csv', 'The columns look like a follow list.'],
    ['block', FOLLOWS, null, 'The columns look like a follow list.'],
    ['follow', MUTES, 'following_accounts.csv', 'The columns look like a mute list.'],
    ['block', MUTES, null, 'The columns look like a mute list.'],
    ['follow', 'bob\n', 'blocked_accounts (1).csv', 'The file name looks like a block list.'],
    ['block', 'bob\n', 'C:\\fakepath\\Muted_Accounts.CSV', 'The file name looks like a mute list.'],
    ['mute', 'bob\n', '../following-2026-01-02.csv', 'The file name looks like a follow list.'],
    ['block', 'bob\n', 'blocked_domains.csv', 'The file name looks like a list of blocked servers.'],
    ['follow', 'bob\n', 'bookmarks.csv', 'The file name looks like a list of bookmarks.'],
  ])('knows for a %s list %j in %j', async (kind, list, fileName, message) => {
    const { facts, rows } = await read(list, { kind, fileName });
    expect(facts.warnings).toEqual(message === null ? [] : [{ code: 'wrong_kind', message }]);
    expect(rows).toMatchObject([{ handle: 'bob', reason: null }]);
  });
});

describe('readList, on what we write', () => {
  it('reads a list of failures again as it was', async () => {
    const first = await read('bob@x.example,false,true,"en, fr"\n=cmd(),true\n@,,,\n');
    const again = await read(
      `Account address,Show boosts,Notify on new posts,Languages,Reason\r
bob@x.example,false,true,"en, fr","x.example, which we asked, does not know ""bob""."\r
'=cmd(),true,false,,\r
'@,true,false,,This is no handle.\r
`,
    );
    expect(again.rows).toEqual(first.rows.map((row) => ({ ...row, line: row.line + 1 })));
  });
});

describe('readList, beside others', () => {
  it('lets the event loop turn', async () => {
    const list = Array.from({ length: 60_000 }, (_, i) => `person${i}@server${i}.example,true\n`).join('');
    let turns = 0;
    let isReading = true;
    const turn = (): void => {
      turns++;
      if (isReading) setImmediate(turn);
    };
    setImmediate(turn);
    expect((await read(list, { maxRows: 60_000 })).rows).toHaveLength(60_000);
    isReading = false;
    expect(turns).toBeGreaterThan(3);
  });
});
