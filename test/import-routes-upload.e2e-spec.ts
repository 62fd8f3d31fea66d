import { readdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { asForm, FORM, MULTIPART, multipart, part } from './support/bodies.js';
import { ask, registerClient } from './support/flows.js';
import { holdWork, idIn, type Importer, newImporter, NO_TRACES, tracesIn } from './support/imports.js';

const MOST = 20_000_000;
const PATH = '/api/pleroma/follow_import';

let test: TestApp;
let alice: Importer;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await holdWork(test);
  alice = await newImporter(test, await registerClient(test, { scopes: 'read write follow' }));
});
afterAll(() => test.close());

const post = (type: string, body: string | Buffer) =>
  ask(test, 'POST', PATH, { authorization: `Bearer ${alice.token}`, 'content-type': type }, body);

describe('an upload that is broken off (security.md R97)', () => {
  const list = 'bob\n'.repeat(10_000);
  const file = multipart(part('list', list, '; filename="a.csv"'));
  it.each<[string, string, string | Buffer]>([
    ['in JSON', 'application/json', `{"list":"${'bob '.repeat(10_000)}`],
    ['in a form', FORM, asForm({ list }).slice(0, 20_000)],
    ['in the head of a part', MULTIPART, file.subarray(0, 30)],
    ['in a file', MULTIPART, file.subarray(0, 20_000)],
    ['before the last boundary', MULTIPART, file.subarray(0, -7)],
  ])('%s leaves nothing', async (_, type, body) => {
    for (const framing of [`Content-Length: ${body.length + 1000}\r\n\r\n`, 'Transfer-Encoding: chunked\r\n\r\n']) {
      test.logs.length = 0;
      const files = await readdir(tmpdir());
      const server: Server = test.app.getHttpServer();
      const { promise: begun, resolve: begin } = Promise.withResolvers<import('node:http').IncomingMessage>();
      server.once('request', begin);
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => {});
      const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${alice.token}\r\nContent-Type: ${type}\r\n${framing}`;
      socket.write(head);
      if (framing.startsWith('Transfer')) socket.write(`${body.length.toString(16)}\r\n`);
      socket.write(body);
      const request = await begun;
      // All of it has arrived, and more is to come.
      await expect
        .poll(() => request.socket.bytesRead, { interval: 5 })
        .toBeGreaterThanOrEqual(head.length + body.length);
      socket.resetAndDestroy();
      await expect.poll(() => request.socket.destroyed, { interval: 5 }).toBe(true);
      expect((await ask(test, 'GET', '/health/ready')).status).toBe(200);
      expect(await tracesIn(test)).toEqual(NO_TRACES);
      expect(test.logs.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
      expect((await readdir(tmpdir())).filter((name) => !files.includes(name))).toEqual([]);
    }
  });
});

describe('20 MB', () => {
  const ways: [string, (list: string) => { type: string; body: string | Buffer }][] = [
    ['a file', (list) => ({ type: MULTIPART, body: multipart(part('list', list, '; filename="a.csv"')) })],
    ['a text part', (list) => ({ type: MULTIPART, body: multipart(part('list', list)) })],
    ['JSON', (list) => ({ type: 'application/json', body: JSON.stringify({ list }) })],
    ['a form', (list) => ({ type: FORM, body: asForm({ list }) })],
  ];
  it.each(ways)('as %s are a list, and a byte more is none', { timeout: 60_000 }, async (name, bodyOf) => {
    const person = `of_${name.replaceAll(' ', '_').toLowerCase()}`;
    const { type, body } = bodyOf(person.padEnd(MOST));
    const accepted = await post(type, body);
    expect([accepted.status, accepted.text]).toEqual([200, '"job started"']);
    const rows = await test.dataSource.query('select handle from import_row where import_id = $1', [idIn(accepted)]);
    expect(rows).toEqual([{ handle: person }]);
    const before = await tracesIn(test);
    const more = bodyOf(person.padEnd(MOST + 1));
    const refused = await post(more.type, more.body);
    expect([refused.status, refused.text]).toEqual([413, '{"error":"The list is larger than 20 MB."}']);
    expect(await tracesIn(test)).toEqual(before);
  });
});

describe('20,000 rows', () => {
  it('are a list, and a row more is none', { timeout: 60_000 }, async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => `row${n}`);
    const send = (lines: string[]) => post('application/json', JSON.stringify({ list: lines.join('\n') }));
    const accepted = await send(['Account address', '', ...rows, '']);
    expect(accepted.status).toBe(200);
    const kept = 'select count(*)::int as count from import_row where import_id = $1';
    expect(await test.dataSource.query(kept, [idIn(accepted)])).toEqual([{ count: 20_000 }]);
    const before = await tracesIn(test);
    const refused = await send([...rows, 'another']);
    expect([refused.status, refused.text]).toEqual([
      422,
      '{"error":"The list has more than 20000 rows.","identifier":"too_many_rows"}',
    ]);
    expect(await tracesIn(test)).toEqual(before);
  });
});

describe('the name of a file', () => {
  let lists = 0;
  it.each<[string, string, string | null]>([
    ['is kept', 'following_accounts.csv', 'following_accounts.csv'],
    ['is kept in other letters', 'подписки ü 列表 🐘.csv', 'подписки ü 列表 🐘.csv'],
    ['is never a path', '../../etc/x%00.csv', 'x%00.csv'],
    ['is never a path of Windows', 'C:\\\\Users\\\\bob\\\\friends.csv', 'friends.csv'],
    ['is never a path without an end', '../../', null],
    ['has no control characters', 'a\0b\tc\x1b[31m\x7f\x85.csv', 'a b c [31m  .csv'],
    ['is cut', `${'n'.repeat(300)}.csv`, 'n'.repeat(200)],
    ['is cut between characters', `${'n'.repeat(199)}🐘.csv`, 'n'.repeat(199)],
    ['is not taken for markup', '<img src=x onerror=alert(1)>.csv', '<img src=x onerror=alert(1)>.csv'],
    ['may go from right to left', 'קובץ\u202Evsc.exe', 'קובץ\u202Evsc.exe'],
    ['may be nothing', '', null],
    ['may be blank', ' \t ', null],
  ])('%s', async (_, name, expected) => {
    const list = `person${++lists}`;
    const answer = await post(
      MULTIPART,
      multipart(part('list', list, `; filename="${name}"\r\nContent-Type: text/csv`)),
    );
    expect([answer.status, answer.text]).toEqual([200, '"job started"']);
    const shown = await test.http.get(`/api/v1/imports/${idIn(answer)}`).auth(alice.token, { type: 'bearer' });
    expect(shown.body.file_name).toBe(expected);
  });

  it('is not read from other fields', async () => {
    const answer = await post('application/json', JSON.stringify({ list: 'somebody', fileName: 'x', file_name: 'y' }));
    const shown = await test.http.get(`/api/v1/imports/${idIn(answer)}`).auth(alice.token, { type: 'bearer' });
    expect(shown.body.file_name).toBeNull();
  });

  it('is a hint: of another kind it is warned of, and the list is kept all the same', async () => {
    const answer = await post(MULTIPART, multipart(part('list', 'blocked', '; filename="blocked_accounts.csv"')));
    expect(answer.status).toBe(200);
    const shown = await test.http.get(`/api/v1/imports/${idIn(answer)}`).auth(alice.token, { type: 'bearer' });
    expect(shown.body.warnings).toEqual([{ code: 'wrong_kind', message: 'The file name looks like a block list.' }]);
  });
});
