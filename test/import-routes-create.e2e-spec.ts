import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { asForm, FORM, MULTIPART, multipart, part } from './support/bodies.js';
import { ask, clientToken, registerClient, type TestClient } from './support/flows.js';
import { holdWork, idIn, type Importer, newImporter, tracesIn } from './support/imports.js';
import { grantScope } from './support/routes.js';

const PATH = '/api/v1/imports';
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let test: TestApp;
let client: TestClient;
let alice: Importer;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await holdWork(test);
  client = await registerClient(test, { scopes: 'read write follow' });
  alice = await newImporter(test, client);
});
afterAll(() => test.close());
afterEach(() => grantScope(test, alice.sessionId, 'read write follow'));

let lists = 0;
const newList = () => `person${++lists}`;
const post = (fields: Record<string, unknown>, token = alice.token) =>
  test.http.post(PATH).auth(token, { type: 'bearer' }).send(fields);

/** What a refused list is answered with; it leaves nothing. */
async function refused(request: ReturnType<typeof post>): Promise<{ status: number; text: string }> {
  const before = await tracesIn(test);
  const { status, text, headers } = await request;
  expect(await tracesIn(test)).toEqual(before);
  expect(headers).not.toHaveProperty('location');
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  return { status, text };
}

describe('POST /api/v1/imports', () => {
  const ways: [string, (fields: Record<string, string>) => [string, string | Buffer], string | null][] = [
    ['JSON', (fields) => ['application/json', JSON.stringify(fields)], null],
    ['a form', (fields) => [FORM, asForm(fields)], null],
    [
      'a file',
      ({ list = '', ...fields }) => [
        MULTIPART,
        multipart(
          part('list', list, '; filename="following_accounts.csv"'),
          ...Object.entries(fields).map(([name, value]) => part(name, value)),
        ),
      ],
      'following_accounts.csv',
    ],
  ];
  it.each(ways)('takes a list as %s, and answers the whole import', async (_, bodyOf, fileName) => {
    const person = newList();
    const list = `Account address,Show boosts\n${person},false\n${person}@far.example,true\n${person},true\nno handle,true\n`;
    const [type, body] = bodyOf({ kind: 'follow', list });
    const headers = { authorization: `Bearer ${alice.token}`, 'content-type': type };
    const answer = await ask(test, 'POST', PATH, headers, body);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(JSON.parse(answer.text)).toEqual({
      id: idIn(answer),
      kind: 'follow',
      mode: 'merge',
      dry_run: false,
      state: 'queued',
      file_name: fileName,
      dialect: 'mastodon_csv',
      encoding: 'utf-8',
      warnings: [],
      counts: {
        rows: 4,
        pending: 2,
        planned: 0,
        applied: 0,
        requested: 0,
        unchanged: 0,
        skipped: 1,
        failed: 1,
        removed: 0,
        undone: 0,
        cancelled: 0,
      },
      progress: 0.5,
      created_at: expect.stringMatching(ISO),
      started_at: null,
      finished_at: null,
      undo_until: null,
    });
  });

  const spellings = [
    ...['follow', 'follows', 'following', 'followings', 'Follow', ' FOLLOWING '].map((word) => [word, 'follow']),
    ...['block', 'blocks', 'blocking', 'blockings', 'BLOCK'].map((word) => [word, 'block']),
    ...['mute', 'mutes', 'muting', 'mutings', 'mUtEs'].map((word) => [word, 'mute']),
  ];
  it.each(spellings)('reads the kind %j as %s', async (word, kind) => {
    const { status, body } = await post({ kind: word, list: newList() });
    expect([status, body.kind]).toEqual([200, kind]);
  });

  it.each(['', 'followed', 'friends', 'constructor', '__proto__', 'follow,block', 'blok'])(
    'refuses the kind %j',
    async (kind) => {
      expect(await refused(post({ kind, list: newList() }))).toEqual({
        status: 422,
        text: '{"error":"kind must be follow, block or mute."}',
      });
    },
  );

  it.each(['', 'Merge', 'replace', 'merge,overwrite'])('refuses the mode %j', async (mode) => {
    expect(await refused(post({ kind: 'follow', mode, list: newList() }))).toEqual({
      status: 422,
      text: '{"error":"mode must be merge or overwrite."}',
    });
  });

  it.each<[Record<string, unknown>, Record<string, unknown>]>([
    [{}, { mode: 'merge', dry_run: false }],
    [{ mode: 'merge' }, { mode: 'merge', dry_run: false }],
    [{ mode: 'overwrite' }, { mode: 'overwrite', dry_run: true }],
    [{ dry_run: true }, { mode: 'merge', dry_run: true }],
    [
      { mode: 'merge', dry_run: 'on' },
      { mode: 'merge', dry_run: true },
    ],
    [
      { mode: 'overwrite', dry_run: false },
      { mode: 'overwrite', dry_run: false },
    ],
    [
      { mode: 'overwrite', dry_run: '0' },
      { mode: 'overwrite', dry_run: false },
    ],
    [
      { mode: 'overwrite', dry_run: 1 },
      { mode: 'overwrite', dry_run: true },
    ],
  ])('understands %j as %j', async (fields, expected) => {
    const { status, body } = await post({ kind: 'mute', list: newList(), ...fields });
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...expected, state: 'queued' });
  });

  it.each<[Record<string, unknown>, string[]]>([
    [{ kind: undefined }, ['Missing field: kind']],
    [{ kind: undefined, list: undefined }, ['Missing field: kind', 'Missing field: list']],
    [{ kind: ['follow'] }, ['kind - Invalid string']],
    [{ kind: null }, ['kind - Invalid string']],
    [{ kind: 7, list: 7 }, ['kind - Invalid string', 'list - Invalid string']],
    [{ mode: ['merge'] }, ['mode - Invalid string']],
    [{ mode: null }, ['mode - Invalid string']],
    [{ dry_run: 'maybe' }, ['dry_run - Invalid value']],
    [{ dry_run: null }, ['dry_run - Invalid value']],
    [{ dry_run: [true] }, ['dry_run - Invalid value']],
    [{ kind: 'fol\u0007low' }, ['kind - Invalid value']],
  ])('refuses the fields %j', async (fields, messages) => {
    const errors = messages.map((message) => {
      const [, field] = /(list|kind|mode|dry_run)/.exec(message) ?? [];
      return { title: 'Invalid value', source: { pointer: `/${field}` }, message };
    });
    expect(await refused(post({ kind: 'follow', list: newList(), ...fields }))).toEqual({
      status: 400,
      text: JSON.stringify({ error: messages.map((message) => `${message}.`).join(' '), errors }),
    });
  });

  const kinds = ['follow', 'block', 'mute'];
  it.each(kinds)('asks for the scopes of its kind: %s', async (kind) => {
    for (const scope of ['follow', `write:${kind}s`, 'write']) {
      await grantScope(test, alice.sessionId, scope);
      expect((await post({ kind, list: newList() })).status).toBe(200);
    }
    for (const other of kinds.filter((one) => one !== kind)) {
      await grantScope(test, alice.sessionId, `read write:${other}s`);
      const request = post({ kind, list: newList() });
      expect(await refused(request)).toEqual({
        status: 403,
        text: `{"error":"Insufficient permissions: follow | write:${kind}s."}`,
      });
      expect((await request).headers['www-authenticate']).toBe(
        `Bearer error="insufficient_scope", scope="follow write:${kind}s"`,
      );
    }
  });

  it('is not for who may change nothing of the kind, for clients, or for nobody', async () => {
    await grantScope(test, alice.sessionId, 'read push write:accounts');
    expect(await refused(post({}))).toEqual({
      status: 403,
      text: '{"error":"Insufficient permissions: follow | write:follows | write:blocks | write:mutes."}',
    });
    expect(await refused(post({}, await clientToken(test, client, 'write follow')))).toEqual({
      status: 403,
      text: '{"error":"This method requires an authenticated user"}',
    });
    const nobody = test.http.post(PATH).send({ kind: 'follow', list: newList() });
    expect(await refused(nobody)).toEqual({ status: 401, text: '{"error":"The access token is invalid"}' });
  });

  it.each(['PUT', 'PATCH', 'DELETE'])('is not for %s', async (method) => {
    const answer = await ask(test, method, PATH, { authorization: `Bearer ${alice.token}` });
    expect([answer.status, answer.text]).toEqual([405, '{"error":"Method not allowed"}']);
    expect(answer.headers['allow']).toBe('GET, HEAD, POST');
  });

  it('is open to scripts of any site, which may read where the import is', async () => {
    const origin = { origin: 'https://frontend.example' };
    const before = await ask(test, 'OPTIONS', PATH, { ...origin, 'access-control-request-method': 'POST' });
    expect([before.status, before.headers['access-control-allow-origin']]).toEqual([204, '*']);
    const answer = await post({ kind: 'follow', list: newList() }).set(origin);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers['access-control-expose-headers']).toContain('Location');
  });
});
