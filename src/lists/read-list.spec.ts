import { describe, expect, it } from 'vitest';
import { readList, type WantedList } from './read-list.js';

const WANTED: WantedList = {
  kind: 'follow',
  domain: 'example.org',
  publicUrl: 'https://example.org',
  self: 'alice',
  maxRows: 20_000,
};

async function read(list: string | Buffer, wanted: Partial<WantedList> = {}, fileName: string | null = null) {
  return readList({ bytes: Buffer.from(list), fileName }, { ...WANTED, ...wanted });
}

/** Each row as `line handle`, with what is known against it. */
async function short(list: string | Buffer, wanted: Partial<WantedList> = {}): Promise<string[]> {
  const { rows } = await read(list, wanted);
  return rows.map(({ line, handle, reason }) => `${line} ${handle}${reason === null ? '' : ` ${reason}`}`);
}

const PLAIN = { reblogs: true, notify: false, languages: null };

const FOLLOWING = `Account address,Show boosts,Notify on new posts,Languages
Gargron@mastodon.social,true,false,
bob@example.org,false,true,"en, fr"
`;

describe('readList, by dialect', () => {
  it("reads Mastodon's list of follows", async () => {
    expect(await read(FOLLOWING, {}, 'following_accounts.csv')).toEqual({
      facts: { dialect: 'mastodon_csv', encoding: 'utf-8', warnings: [] },
      rows: [
        {
          line: 2,
          handle: 'gargron@mastodon.social',
          username: 'gargron',
          host: 'mastodon.social',
          options: PLAIN,
          reason: null,
        },
        {
          line: 3,
          handle: 'bob',
          username: 'bob',
          host: null,
          options: { reblogs: false, notify: true, languages: ['en', 'fr'] },
          reason: null,
        },
      ],
    });
  });

  it("reads Mastodon's list of mutes", async () => {
    const list = 'Account address,Hide notifications\nbob@remote.example,false\ncarol,true\n';
    const { facts, rows } = await read(list, { kind: 'mute' }, 'muted_accounts.csv');
    expect(facts).toEqual({ dialect: 'mastodon_csv', encoding: 'utf-8', warnings: [] });
    expect(rows.map(({ handle, options }) => [handle, options])).toEqual([
      ['bob@remote.example', { notifications: false }],
      ['carol', { notifications: true }],
    ]);
  });

  it("reads Mastodon's list of blocks, which has no header", async () => {
    const { facts, rows } = await read(
      'bob@remote.example\ncarol@example.org\n',
      { kind: 'block' },
      'blocked_accounts.csv',
    );
    expect(facts).toEqual({ dialect: 'words', encoding: 'utf-8', warnings: [] });
    expect(rows.map(({ handle, options }) => [handle, options])).toEqual([
      ['bob@remote.example', {}],
      ['carol', {}],
    ]);
  });

  it.each<[string, string, string, string[]]>([
    [
      'the seed: words between white space',
      'a@x.example b@y.example\nc',
      'words',
      ['1 a@x.example', '1 b@y.example', '2 c'],
    ],
    [
      'Pleroma-FE: an address a line',
      'bob@remote.example\ncarol@example.org',
      'words',
      ['1 bob@remote.example', '2 carol'],
    ],
    [
      'Misskey: an account a line, `@` before it',
      '@bob@remote.example\n@carol\n',
      'words',
      ['1 bob@remote.example', '2 carol'],
    ],
    [
      'Soapbox: address and boosts',
      'Account address,Show boosts\nbob@remote.example,true',
      'mastodon_csv',
      ['2 bob@remote.example'],
    ],
    ['older Mastodon: no header', 'bob@remote.example,true\ncarol,false\n', 'csv', ['1 bob@remote.example', '2 carol']],
    [
      'all cells quoted',
      '"Account address","Show boosts"\r\n"bob@remote.example","true"\r\n',
      'mastodon_csv',
      ['2 bob@remote.example'],
    ],
    ['one quoted cell a line', '"bob@remote.example"\n"carol"\n', 'csv', ['1 bob@remote.example', '2 carol']],
    ['a header alone in its line', 'ACCOUNT ADDRESS\nbob@remote.example\n', 'mastodon_csv', ['2 bob@remote.example']],
    ['a spreadsheet: semicolons', 'Handle;Name\nbob@remote.example;Bob, or so\n', 'csv', ['2 bob@remote.example']],
    ['a spreadsheet: tabs', 'acct\tname\nbob@remote.example\tBob; or so\n', 'csv', ['2 bob@remote.example']],
    ['a spreadsheet: empty lines at the end', 'Account,x\nbob,1\n,\n,\n', 'csv', ['2 bob']],
    ['the account in a later column', 'List name,Account address\nfriends,bob\n', 'mastodon_csv', ['2 bob']],
    [
      'accounts between commas',
      'a@x.example, b@y.example,c@z.example',
      'words',
      ['1 a@x.example', '1 b@y.example', '1 c@z.example'],
    ],
    [
      'accounts between tabs',
      'a@x.example\tb@y.example\nc@z.example',
      'words',
      ['1 a@x.example', '1 b@y.example', '2 c@z.example'],
    ],
    ['quoted accounts between commas', '"a@x.example","b@y.example"', 'words', ['1 a@x.example', '1 b@y.example']],
    ['somebody called account', 'account\naddress\n', 'words', ['1 account', '2 address']],
  ])('reads %s', async (_, list, dialect, rows) => {
    expect((await read(list)).facts.dialect).toBe(dialect);
    expect(await short(list)).toEqual(rows);
  });

  it('goes by the separator of the header, and else by the commonest one outside quotes', async () => {
    expect(await short('Account address;x\nbob;1,2,3,4\n')).toEqual(['2 bob']);
    expect(await short('bob;"1,2,3,4"\ncarol;5\n')).toEqual(['1 bob', '2 carol']);
    expect(await short('Account address\nbob;true\n')).toEqual(['2 bob']);
  });
});

describe('readList, by encoding and line end', () => {
  it.each<[string, (text: string) => Buffer, string]>([
    ['UTF-8', (text) => Buffer.from(text), 'utf-8'],
    ['UTF-8 with a mark', (text) => Buffer.from(`\ufeff${text}`), 'utf-8'],
    ['UTF-16LE', (text) => Buffer.from(text, 'utf16le'), 'utf-16le'],
    ['UTF-16LE with a mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le'), 'utf-16le'],
    ['UTF-16BE', (text) => Buffer.from(text, 'utf16le').swap16(), 'utf-16be'],
    ['UTF-16BE with a mark', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(), 'utf-16be'],
  ])('reads %s', async (_, encode, encoding) => {
    for (const end of ['\n', '\r\n', '\r']) {
      const lines = [
        '"Account address",Languages',
        '',
        'bob@bücher.example,en',
        '   ',
        'x'.repeat(20_000),
        '😀',
        'carol,',
      ];
      const bytes = encode(lines.join(end));
      expect((await read(bytes)).facts).toMatchObject({ dialect: 'mastodon_csv', encoding });
      expect(await short(bytes)).toEqual([
        '3 bob@xn--bcher-kva.example',
        `5 ${'x'.repeat(320)} not_a_handle`,
        '6 😀 not_a_handle',
        '7 carol',
      ]);
    }
  });

  it('fails alone a row that does not decode or holds NUL', async () => {
    const latin = Buffer.from('Account address,x\nbob,1\nb\xe9a@x.example,1\ncarol,\xe9\nd\0d,1\ndave,1\n', 'latin1');
    expect(await short(latin)).toEqual([
      '2 bob',
      '3 b\ufffda@x.example bad_encoding',
      '4 carol bad_encoding',
      '5 d\ufffdd bad_encoding',
      '6 dave',
    ]);
    expect(await short(Buffer.from('\ufeffbob\nc\ud800d\ncarol', 'utf16le'))).toEqual([
      '1 bob',
      '2 c\ufffdd bad_encoding',
      '3 carol',
    ]);
    expect(await short(Buffer.from('\ufeffbob\ncarol', 'utf16le').subarray(0, -1))).toEqual([
      '1 bob',
      '2 caro\ufffd bad_encoding',
    ]);
  });

  it('fails alone a word that does not decode', async () => {
    expect(await short(Buffer.from('bob b\xe9b \0 carol', 'latin1'))).toEqual([
      '1 bob',
      '1 b\ufffdb bad_encoding',
      '1 \ufffd bad_encoding',
      '1 carol',
    ]);
  });

  it('finds a header that does not decode', async () => {
    expect(await short(Buffer.from('Account address,Pr\xe9nom\nbob,x', 'latin1'))).toEqual(['2 bob']);
  });
});
