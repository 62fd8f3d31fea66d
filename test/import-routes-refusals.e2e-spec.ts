import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { asForm, FORM, MULTIPART, multipart, part } from './support/bodies.js';
import { ask, registerClient } from './support/flows.js';
import { holdWork, type Importer, newImporter, NO_TRACES, tracesIn } from './support/imports.js';

/** As low as an operator may set it. */
const MOST_BYTES = 1000;
const MOST_ROWS = 5;

let test: TestApp;
let alice: Importer;
beforeAll(async () => {
  test = await startApp((config) => Object.assign(config.imports, { max_bytes: MOST_BYTES, max_rows: MOST_ROWS }));
  await test.listen();
  await holdWork(test);
  alice = await newImporter(test, await registerClient(test, { scopes: 'read write follow' }));
});
afterAll(() => test.close());

const ROUTES: [path: string, fields: Record<string, string>][] = [
  ['/api/pleroma/follow_import', {}],
  ['/api/v1/pleroma/blocks_import', {}],
  ['/api/pleroma/mutes_import', {}],
  ['/api/v1/imports', { kind: 'follow' }],
];

const fieldError = (sentence: string) => ({
  error: `${sentence}.`,
  errors: [{ title: 'Invalid value', source: { pointer: '/list' }, message: sentence }],
});
const MISSING = fieldError('Missing field: list');
const NO_STRING = fieldError('list - Invalid string');
const EMPTY = { error: 'The list contains no accounts.', identifier: 'empty' };
const NOT_TEXT = { error: 'The list is not a text or CSV file.', identifier: 'not_text' };
const TOO_LARGE = { error: 'The list is larger than 0.001 MB.' };
const TOO_MANY = { error: 'The list has more than 5 rows.', identifier: 'too_many_rows' };
const MALFORMED = { error: 'Malformed request body' };
const TWICE = { error: 'A parameter is given more than once' };

describe.each(ROUTES)('POST %s', (path, fields) => {
  const send = async (type: string | null, body: string | Buffer, headers: Record<string, string> = {}) => {
    const {
      status,
      headers: answered,
      text,
    } = await ask(
      test,
      'POST',
      path,
      { authorization: `Bearer ${alice.token}`, ...(type !== null && { 'content-type': type }), ...headers },
      body,
    );
    expect(answered['content-type']).toBe('application/json; charset=utf-8');
    expect(answered).not.toHaveProperty('location');
    expect(await tracesIn(test)).toEqual(NO_TRACES);
    return { status, text };
  };
  const refused = (status: number, body: object) => ({ status, text: JSON.stringify(body) });
  const json = (list: unknown) => send('application/json', JSON.stringify({ ...fields, list }));
  const form = (list: string) => send(FORM, asForm({ ...fields, list }));
  const others = Object.entries(fields).map(([name, value]) => part(name, value));
  const parts = (...more: Buffer[]) => send(MULTIPART, multipart(...others, ...more));
  const file = (list: string | Buffer, name = 'list.csv') => parts(part('list', list, `; filename="${name}"`));
  /** Each way that a list of these characters can come. */
  const everyWay = (list: string) => Promise.all([json(list), form(list), parts(part('list', list)), file(list)]);

  it('refuses a body without a list', async () => {
    const expected = refused(400, MISSING);
    expect(await json(undefined)).toEqual(expected);
    expect(await send(FORM, asForm({ ...fields, lists: 'bob' }))).toEqual(expected);
    expect(await parts(part('file', 'bob', '; filename="a"'))).toEqual(expected);
    if (Object.keys(fields).length > 0) return;
    expect(await send(null, '')).toEqual(expected);
    expect(await send(MULTIPART, multipart())).toEqual(expected);
  });

  it('does not read a list from the query', async () => {
    const answer = await ask(
      test,
      'POST',
      `${path}?list=bob`,
      { authorization: `Bearer ${alice.token}`, 'content-type': 'application/json' },
      JSON.stringify(fields),
    );
    expect({ status: answer.status, text: answer.text }).toEqual(refused(400, MISSING));
    expect(await tracesIn(test)).toEqual(NO_TRACES);
  });

  it.each([[['bob']], [[]], [{ bob: true }], [{ bytes: 'bob', fileName: 'x' }], [7], [true], [null]])(
    'refuses %j as a list',
    async (list) => expect(await json(list)).toEqual(refused(400, NO_STRING)),
  );

  it('refuses a list of lists in a form', async () => {
    expect(await send(FORM, `${asForm(fields)}&list[]=bob&list[]=carol`)).toEqual(refused(400, NO_STRING));
    expect(await parts(part('list[]', 'bob', '; filename="a"'))).toEqual(refused(400, NO_STRING));
  });

  it.each([
    ['nothing', ''],
    ['blanks', ' \r\n\t\n'],
    ['a header', 'Account address,Show boosts,Notify on new posts,Languages\n'],
    ['a header and blanks', '\ufeffaccount ADDRESS\r\n\r\n  \r\n'],
  ])('refuses %s as empty', async (_, list) => {
    const expected = refused(422, EMPTY);
    expect(await everyWay(list)).toEqual([expected, expected, expected, expected]);
  });

  it('refuses what is not text, whatever it is called', async () => {
    const expected = refused(422, NOT_TEXT);
    for (const bytes of [
      gzipSync('bob\ncarol\n'),
      Buffer.from('PK\x03\x04bob\n', 'latin1'),
      Buffer.from('%PDF-1.7\nbob\n'),
      Buffer.from('\x89PNG\r\n\x1a\nbob', 'latin1'),
      Buffer.alloc(500),
      Buffer.from('\x01\x02\x03bob\x04\x05\n', 'latin1'),
    ]) {
      expect(await file(bytes, 'following_accounts.csv')).toEqual(expected);
    }
    expect(await json('%PDF-1.7')).toEqual(expected);
    expect(await form('\0\u0001\u0002')).toEqual(expected);
  });

  it('refuses a text part that is no UTF-8', async () => {
    expect(await parts(part('list', Buffer.from('bob\xff', 'latin1')))).toEqual(refused(400, MALFORMED));
  });

  it('refuses a byte too much, however it is sent', async () => {
    const list = 'bob'.padEnd(MOST_BYTES + 1);
    const expected = refused(413, TOO_LARGE);
    expect(await everyWay(list)).toEqual([expected, expected, expected, expected]);
    // In characters it would fit.
    expect(await json('ä'.repeat(MOST_BYTES / 2 + 1))).toEqual(expected);
  });

  it('refuses a body that is far too large before it is read', async () => {
    const list = 'bob\n'.repeat(100_000);
    const expected = refused(413, TOO_LARGE);
    expect(await everyWay(list)).toEqual([expected, expected, expected, expected]);
    const chunked = { 'transfer-encoding': 'chunked' };
    expect(await send('application/json', JSON.stringify({ ...fields, list }), chunked)).toEqual(expected);
    expect(await send(MULTIPART, multipart(...others, part('list', list, '; filename="a"')), chunked)).toEqual(
      expected,
    );
    expect(await send(MULTIPART, multipart(...others, part('list', 'bob'), part('x', list)))).toEqual(expected);
    expect(await send(MULTIPART, Buffer.concat([Buffer.from(`${list}\r\n`), multipart(part('list', 'bob'))]))).toEqual(
      expected,
    );
  });

  it('refuses a row too much', async () => {
    const expected = refused(422, TOO_MANY);
    expect(await everyWay('a\nb\nc\nd\ne\nf')).toEqual([expected, expected, expected, expected]);
    expect(await json('Account address\n\na\nb\n\nc\nd\ne\nf\n')).toEqual(expected);
  });

  it('refuses two lists', async () => {
    const expected = refused(400, TWICE);
    expect(await parts(part('list', 'bob'), part('list', 'carol'))).toEqual(expected);
    expect(await parts(part('list', 'bob'), part('list', 'carol', '; filename="a"'))).toEqual(expected);
    expect(await parts(part('list', 'bob', '; filename="a"'), part('list', 'carol', '; filename="b"'))).toEqual(
      expected,
    );
    expect(await send(FORM, `${asForm(fields)}&list=bob&list=carol`)).toEqual(expected);
  });

  it('refuses more than 32 parts, and a second file', async () => {
    const expected = refused(400, MALFORMED);
    const fill = (count: number) => Array.from({ length: count - others.length }, (_, n) => part(`f${n}`, 'x'));
    expect(await parts(part('list', 'bob'), ...fill(32))).toEqual(expected);
    expect(await parts(part('list', 'bob'), ...fill(10_000 / 50))).toEqual(expected);
    expect(await parts(part('list', 'bob', '; filename="a"'), part('more', 'carol', '; filename="b"'))).toEqual(
      expected,
    );
  });

  it('refuses what cannot be read at all', async () => {
    const text = multipart(...others, part('list', 'bob\ncarol'));
    expect(await send(MULTIPART, text.subarray(0, -8))).toEqual(refused(400, MALFORMED));
    expect(await send('multipart/form-data', text)).toEqual(refused(400, MALFORMED));
    expect(await send('application/json', '{"list":"bob"')).toEqual(refused(400, MALFORMED));
    expect(await send('application/json', '["bob"]')).toEqual(refused(400, MALFORMED));
    expect(await send(FORM, 'list=%zz')).toEqual(refused(400, MALFORMED));
    const unsupported = refused(415, { error: 'Unsupported content type' });
    expect(await send('text/csv', 'bob')).toEqual(unsupported);
    expect(await send('application/octet-stream', 'bob')).toEqual(unsupported);
    expect(await send(null, 'bob')).toEqual(unsupported);
  });
});
