import { describe, expect, it } from 'vitest';
import type { ListKind, ListRow } from './list.js';
import { readList, type WantedList } from './read-list.js';

const WANTED = { domain: 'example.org', publicUrl: 'https://example.org', self: 'alice', maxRows: 20_000 };

async function read(list: string, wanted: Partial<WantedList> = {}): Promise<ListRow[]> {
  const { rows } = await readList(
    { bytes: Buffer.from(list), fileName: null },
    { ...WANTED, kind: 'follow', ...wanted },
  );
  return rows;
}

/** Each row as `line handle`, with what is known against it. */
async function short(list: string, wanted: Partial<WantedList> = {}): Promise<string[]> {
  const rows = await read(list, wanted);
  return rows.map(({ line, handle, reason }) => `${line} ${handle}${reason === null ? '' : ` ${reason}`}`);
}

async function optionsOf(list: string, kind: ListKind = 'follow'): Promise<ListRow['options'][]> {
  return (await read(list, { kind })).map(({ options }) => options);
}

const PLAIN = { reblogs: true, notify: false, languages: null };

describe('readList, row by row', () => {
  it.each<[string, string, string[]]>([
    [
      'a line break inside quotes',
      'Handle,x\n"bob\n@x.example",1\ncarol,"2\n3"\ndave,4',
      ['2 "bob @x.example",1 not_a_handle', '4 carol,"2 3" not_a_handle', '6 dave'],
    ],
    ['a quote that never closes', 'Handle,x\n"bob,1\ncarol,2\n', ['2 "bob,1 not_a_handle', '3 carol']],
    ['a quote out of place', 'Handle,x\n"bob"y,1\ncarol,"2"\n', ['2 "bob"y,1 not_a_handle', '3 carol']],
    [
      'formula guards',
      "Handle,x\n'@bob@x.example,1\n'=cmd(),2\n\"'+1\",3\n'bob,4",
      ['2 bob@x.example', '3 =cmd() not_a_handle', '4 +1 not_a_handle', "5 'bob not_a_handle"],
    ],
    ['no account in a row', 'Handle,x\n,1\n , \nbob,2', ['2 ,1 not_a_handle', '4 bob']],
    ['too few and too many cells', 'Handle,x\nbob\ncarol,1,2,3\n', ['2 bob', '3 carol']],
    [
      'duplicates, however they are spelt',
      'bob @Bob BOB@example.org https://example.org/users/bob b@X.example b@x.example.',
      ['1 bob', '1 bob duplicate', '1 bob duplicate', '1 bob duplicate', '1 b@x.example', '1 b@x.example duplicate'],
    ],
    ['the caller', 'alice Alice@Example.org alice@x.example', ['1 alice self', '1 alice self', '1 alice@x.example']],
    [
      'hosts that are not looked up',
      'a@127.0.0.1:80 a@[::1] a@169.254.169.254 a@0x7f.1 a@localhost a@x.local a@localhost',
      [
        '1 a@127.0.0.1:80 host_not_allowed',
        '1 a@[::1] host_not_allowed',
        '1 a@169.254.169.254 host_not_allowed',
        '1 a@127.0.0.1 host_not_allowed',
        '1 a@localhost host_not_allowed',
        '1 a@x.local host_not_allowed',
        '1 a@localhost duplicate',
      ],
    ],
    [
      'no handles',
      'bob@ =cmd() \x1b[31mred https://example.org/about',
      [
        '1 bob@ not_a_handle',
        '1 =cmd() not_a_handle',
        '1 \ufffd[31mred not_a_handle',
        '1 https://example.org/about not_a_handle',
      ],
    ],
  ])('knows %s', async (_, list, rows) => {
    expect(await short(list)).toEqual(rows);
  });

  it('knows a domain of ours that others may not have', async () => {
    const ours = { domain: 'localhost:3000', publicUrl: 'http://localhost:3000' };
    const list = 'bob@localhost:3000 alice@localhost:3000 bob@localhost:3001';
    expect(await short(list, ours)).toEqual(['1 bob', '1 alice self', '1 bob@localhost:3001 host_not_allowed']);
  });

  it('allows any host where an operator does', async () => {
    expect(await short('a@127.1:80 a@localhost', { allowPrivateHosts: true })).toEqual([
      '1 a@127.0.0.1:80',
      '1 a@localhost',
    ]);
  });

  it('cuts what is no handle, and never through a character', async () => {
    const [row] = await read(`x${'😀'.repeat(500)}`);
    expect(row).toMatchObject({ handle: `x${'😀'.repeat(159)}`, username: null, host: null, reason: 'not_a_handle' });
  });
});

describe('readList, options', () => {
  it.each([
    ['true', 'false'],
    ['TRUE', 'FALSE'],
    ['1', '0'],
    ['yes', 'no'],
    [' Yes ', '"no"'],
  ])('takes %s and %s', async (yes, no) => {
    const list = `Account address,Show boosts,Notify on new posts\nbob,${no},${yes}\n`;
    expect(await optionsOf(list)).toEqual([{ reblogs: false, notify: true, languages: null }]);
  });

  it('falls back where a cell is missing, empty or strange', async () => {
    const list =
      'Account address,Show boosts,Notify on new posts,Languages\nbob\ncarol,,,\ndave,maybe,2,"english!, ,"\n';
    expect(await optionsOf(list)).toEqual([PLAIN, PLAIN, PLAIN]);
    expect(await optionsOf('Account address,Hide notifications\nbob,\ncarol,perhaps', 'mute')).toEqual([
      { notifications: true },
      { notifications: true },
    ]);
  });

  it('goes by name with a header, in any order, and by place without', async () => {
    expect(await optionsOf('Languages,Reason,Account address,SHOW BOOSTS\n"de,zh-TW,de",no,bob,false\n')).toEqual([
      { reblogs: false, notify: false, languages: ['de', 'zh-TW'] },
    ]);
    expect(await optionsOf('bob,false,true,"de, fr",Because.\n')).toEqual([
      { reblogs: false, notify: true, languages: ['de', 'fr'] },
    ]);
    expect(await optionsOf('bob,false\n', 'mute')).toEqual([{ notifications: false }]);
    expect(await optionsOf('bob,false\n', 'block')).toEqual([{}]);
  });
});
