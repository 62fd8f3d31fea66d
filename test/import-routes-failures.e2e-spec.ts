import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { ask, createUser, registerClient } from './support/flows.js';
import { ended, holdWork, idIn, type Importer, importList, newImporter, work } from './support/imports.js';

const NOT_FOUND = 'This instance does not know this account.';
const NO_HANDLE = 'This is not the address of an account.';

let test: TestApp;
let alice: Importer;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await holdWork(test);
  alice = await newImporter(test, await registerClient(test, { scopes: 'read write follow' }));
});
afterAll(() => test.close());

const failuresOf = (id: string, method = 'GET') =>
  ask(test, method, `/api/v1/imports/${id}/failures.csv`, { authorization: `Bearer ${alice.token}` });

/** A list of which nothing is known but what reading tells: every other row has failed for the reason. */
async function failed(kind: string, list: string, reason = 'not_found'): Promise<string> {
  const { id } = await importList(test, alice, { kind, list });
  await test.dataSource.query(
    `update import_row set state = 'failed', reason = $2 where import_id = $1 and state = 'pending'`,
    [id, reason],
  );
  await test.dataSource.query(`update import set state = 'finished' where id = $1`, [id]);
  return id;
}

describe('GET /api/v1/imports/:id/failures.csv', () => {
  it.each([
    [
      'follow',
      'Account address,Show boosts,Notify on new posts,Languages\nbob,false,true,"de, en"\ncarol\ndave@far.example,yes,no,fr',
      [
        'Account address,Show boosts,Notify on new posts,Languages,Reason',
        `bob,false,true,"de, en",${NOT_FOUND}`,
        `carol,true,false,,${NOT_FOUND}`,
        'dave@far.example,true,false,fr,far.example does not know this account.',
      ],
    ],
    [
      'mute',
      'Account address,Hide notifications\nbob,false\ncarol,true',
      ['Account address,Hide notifications,Reason', `bob,false,${NOT_FOUND}`, `carol,true,${NOT_FOUND}`],
    ],
    ['block', 'bob carol', ['Account address,Reason', `bob,${NOT_FOUND}`, `carol,${NOT_FOUND}`]],
  ])('has Mastodon’s columns of a %s list, and the reason', async (kind, list, lines) => {
    const answer = await failuresOf(await failed(kind, list));
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: `${lines.join('\r\n')}\r\n` });
    expect(answer.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="failures.csv"',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
    });
  });

  it('names only what has failed, in the order of the list', async () => {
    const { id } = await importList(test, alice, { kind: 'block', list: 'one\ntwo\nthree\nfour\nfive\nsix' });
    await test.dataSource.query(
      `update import_row set state = (array['failed', 'applied', 'failed', 'cancelled', 'requested', 'skipped'])[position],
         reason = (array['host_timeout', null, 'internal', null, null, 'duplicate'])[position] where import_id = $1`,
      [id],
    );
    expect((await failuresOf(id)).text).toBe(
      'Account address,Reason\r\none,This instance took too long to answer.\r\nthree,Something went wrong on our side.\r\n',
    );
  });

  it('has only its header when nothing has failed', async () => {
    const { id } = await importList(test, alice, { kind: 'block', list: 'fine' });
    expect((await failuresOf(id)).text).toBe('Account address,Reason\r\n');
  });

  it('has every row of a long list', async () => {
    const names = Array.from({ length: 2500 }, (_, n) => `person${n}`);
    const { text } = await failuresOf(await failed('block', names.join('\n')));
    expect(text).toBe(`Account address,Reason\r\n${names.map((name) => `${name},${NOT_FOUND}\r\n`).join('')}`);
  });

  it.each([
    ['=cmd|" /C calc"!A0', `"'=cmd|"" /C calc""!A0"`, NO_HANDLE],
    ['+1', `'+1`, NO_HANDLE],
    // Names of people, too.
    ['-1', `'-1`, NOT_FOUND],
    ['-bob', `'-bob`, NOT_FOUND],
    ['@x y', `'@x y`, NO_HANDLE],
    ['@', `'@`, NO_HANDLE],
    ['="a, b"', `"'=""a, b"""`, NO_HANDLE],
    ['\u0001=1+1', '\ufffd=1+1', NO_HANDLE],
    ['plain "quoted" text', '"plain ""quoted"" text"', NO_HANDLE],
  ])('lets no spreadsheet run %j', async (handle, cell, reason) => {
    const id = await failed('block', `Account address\n"${handle.replaceAll('"', '""')}"\n`);
    expect((await failuresOf(id)).text).toBe(`Account address,Reason\r\n${cell},${reason}\r\n`);
  });

  it.each([
    ['\t=1', `'=1`],
    // A line break inside quotes: the whole record is shown, quotes included.
    ['\r=1', '""" =1"",y"'],
    ['\t\r', '""" "",y"'],
    ['=\t1\n2', '"""= 1 2"",y"'],
  ])('lets no cell begin with a tab or a line break (%j)', async (handle, cell) => {
    const id = await failed('block', `Account address,x\n"${handle}",y\nbob,z\n`);
    const lines = (await failuresOf(id)).text.split('\r\n').slice(1, -1);
    expect(lines).toEqual([`${cell},${NO_HANDLE}`, `bob,${NOT_FOUND}`]);
  });

  it.each([
    [
      'follow',
      'Account address,Show boosts,Notify on new posts,Languages\nlater,false,true,"de, en"\n-later-,no\n=cmd\n',
    ],
    ['mute', 'Account address,Hide notifications\nlater,false\n-later-,true\n=cmd\n'],
    ['block', 'Account address\nlater\n-later-\n=cmd\n'],
  ])('can be sent back as it is, with every option of a %s', async (kind, list) => {
    const { text } = await failuresOf(await failed(kind, list));
    const answer = await test.http
      .post('/api/v1/imports')
      .auth(alice.token, { type: 'bearer' })
      .field('kind', kind)
      .attach('list', Buffer.from(text), 'failures.csv');
    expect(answer.body).toMatchObject({
      dialect: 'mastodon_csv',
      warnings: [],
      counts: { rows: 3, pending: 2, failed: 1 },
    });
    const rowsOf = `select handle, username, host, options, reason from import_row where import_id = $1 order by position`;
    const before = await importList(test, alice, { kind, list });
    // The same list in every row and option.
    expect(await test.dataSource.query(rowsOf, [answer.body.id])).toEqual(
      await test.dataSource.query(rowsOf, [before.id]),
    );
    expect(before.id).toBe(answer.body.id);
  });

  it('mended by what was missing, works when it is sent back', async () => {
    const send = (list: string | Buffer) =>
      test.http
        .post('/api/pleroma/follow_import')
        .auth(alice.token, { type: 'bearer' })
        .attach('list', Buffer.from(list), 'a.csv');
    work(test);
    try {
      const first = idIn(await send('Account address,Show boosts\nlate_comer,false\nnever_there,true\n'));
      expect((await ended(test, alice.token, first)).counts).toMatchObject({ rows: 2, failed: 2 });
      const { text } = await failuresOf(first);
      await createUser(test, 'late_comer');
      const second = idIn(await send(text));
      expect((await ended(test, alice.token, second)).counts).toMatchObject({ rows: 2, applied: 1, failed: 1 });
    } finally {
      await holdWork(test);
    }
    const relations = await test.dataSource.query(
      `select u.username, r.reblogs from relationship r join "user" u on u.id = r.target_id where r.source_id = $1`,
      [alice.id],
    );
    expect(relations).toEqual([{ username: 'late_comer', reblogs: false }]);
  });

  it('answers HEAD with the headers only, and refuses other methods', async () => {
    const id = await failed('block', 'headless');
    const head = await failuresOf(id, 'HEAD');
    expect([head.status, head.text]).toEqual([200, '']);
    expect(head.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="failures.csv"',
    });
    const answer = await failuresOf(id, 'POST');
    expect([answer.status, answer.text, answer.headers['allow']]).toEqual([
      405,
      '{"error":"Method not allowed"}',
      'GET, HEAD',
    ]);
  });
});
