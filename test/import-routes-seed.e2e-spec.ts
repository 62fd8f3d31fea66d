import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PREFIXES } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { asForm, FORM, MULTIPART, multipart, part } from './support/bodies.js';
import { ask, clientToken, registerClient, type TestClient } from './support/flows.js';
import { holdWork, idIn, type Importer, LOCATION, newImporter, tracesIn } from './support/imports.js';
import { grantScope } from './support/routes.js';

const ROUTES = [
  ['follow_import', 'follow', { reblogs: true, notify: false, languages: null }],
  ['blocks_import', 'block', {}],
  ['mutes_import', 'mute', { notifications: true }],
] as const;
const CASES = PREFIXES.flatMap((prefix) =>
  ROUTES.map(([path, kind, options]) => ({ path: `${prefix}/${path}`, kind, options })),
);

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

let lists = 0;
/** A list like no other. */
const newList = () => `bob\nperson${++lists}@far.example`;

const BODIES: Record<string, (list: string) => { type: string; body: string | Buffer; fileName: string | null }> = {
  JSON: (list) => ({ type: 'application/json', body: JSON.stringify({ list }), fileName: null }),
  'a form': (list) => ({ type: FORM, body: asForm({ list }), fileName: null }),
  'a multipart text': (list) => ({ type: MULTIPART, body: multipart(part('list', list)), fileName: null }),
  'a multipart file': (list) => ({
    type: MULTIPART,
    body: multipart(part('list', list, '; filename="friends.csv"\r\nContent-Type: text/csv')),
    fileName: 'friends.csv',
  }),
  'a file of another type': (list) => ({
    type: MULTIPART,
    body: multipart(part('list', list, '; filename="photo.png"\r\nContent-Type: image/png')),
    fileName: 'photo.png',
  }),
  'a file without a name': (list) => ({
    type: MULTIPART,
    body: multipart(part('list', list, '\r\nContent-Type: application/octet-stream')),
    fileName: null,
  }),
};

describe.each(CASES)('POST $path', ({ path, kind, options }) => {
  const post = (type: string, body: string | Buffer, token: string | null = alice.token) =>
    ask(
      test,
      'POST',
      path,
      { 'content-type': type, ...(token !== null && { authorization: `Bearer ${token}` }) },
      body,
    );
  const send = (token: string | null, list = newList()) => post('application/json', JSON.stringify({ list }), token);

  it.each(Object.keys(BODIES))('keeps a list that comes as %s, and says so with a JSON string', async (name) => {
    const list = newList();
    const { type, body, fileName } = BODIES[name]!(list);
    const before = await tracesIn(test);
    const answer = await post(type, body);
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: '"job started"' });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': '13',
      'cache-control': 'no-store',
      location: expect.stringMatching(LOCATION),
      'access-control-allow-origin': '*',
    });
    const id = idIn(answer);
    expect(await test.dataSource.query('select * from import where id = $1', [id])).toMatchObject([
      {
        user_id: alice.id,
        kind,
        mode: 'merge',
        dry_run: false,
        state: 'queued',
        file_name: fileName,
        dialect: 'words',
      },
    ]);
    const rows = await test.dataSource.query(
      'select position, line, handle, username, host, options, state, reason from import_row where import_id = $1 order by position',
      [id],
    );
    const [local = '', remote = ''] = list.split('\n');
    const common = { options, state: 'pending', reason: null };
    expect(rows).toEqual([
      { position: 1, line: 1, handle: local, username: local, host: null, ...common },
      { position: 2, line: 2, handle: remote, username: remote.split('@')[0], host: 'far.example', ...common },
    ]);
    expect(
      await test.dataSource.query(`select lane, payload from job where kind = 'import' and key = $1`, [id]),
    ).toEqual([{ lane: alice.id, payload: { importId: id, userId: alice.id, after: 0 } }]);
    const { imports = 0, rows: rowCount = 0, jobs = 0, events = 0 } = before;
    expect(await tracesIn(test)).toEqual({
      imports: imports + 1,
      rows: rowCount + 2,
      jobs: jobs + 1,
      events: events + 1,
    });
  });

  it.each(['follow', `write:${kind}s`, 'write', `read push write:${kind}s`])('takes a token for %s', async (scope) => {
    await grantScope(test, alice.sessionId, scope);
    expect((await send(alice.token)).status).toBe(200);
  });

  const others = ROUTES.filter(([, other]) => other !== kind).map(([, other]) => `write:${other}s`);
  it.each(['read', `read:${kind}s`, 'push', 'write:accounts', others.join(' ')])(
    'refuses a token for %s only, and keeps nothing',
    async (scope) => {
      await grantScope(test, alice.sessionId, scope);
      const before = await tracesIn(test);
      const answer = await send(alice.token);
      expect({ status: answer.status, text: answer.text }).toEqual({
        status: 403,
        text: `{"error":"Insufficient permissions: follow | write:${kind}s."}`,
      });
      expect(answer.headers['www-authenticate']).toBe(
        `Bearer error="insufficient_scope", scope="follow write:${kind}s"`,
      );
      expect(await tracesIn(test)).toEqual(before);
    },
  );

  it('refuses who is not recognised, and clients without a person', async () => {
    const before = await tracesIn(test);
    const none = await send(null);
    expect([none.status, none.text]).toEqual([401, '{"error":"The access token is invalid"}']);
    expect(none.headers['www-authenticate']).toBe('Bearer realm="Gatehouse"');
    const unknown = await send('x'.repeat(43));
    expect([unknown.status, unknown.text]).toEqual([401, '{"error":"The access token is invalid"}']);
    expect(unknown.headers['www-authenticate']).toBe(
      'Bearer realm="Gatehouse", error="invalid_token", error_description="The access token is invalid"',
    );
    const app = await send(await clientToken(test, client, 'write follow'));
    expect([app.status, app.text]).toEqual([403, '{"error":"This method requires an authenticated user"}']);
    expect(await tracesIn(test)).toEqual(before);
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('is not for %s', async (method) => {
    const answer = await ask(test, method, path, { authorization: `Bearer ${alice.token}` });
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
    expect(answer.text).toBe(method === 'HEAD' ? '' : '{"error":"Method not allowed"}');
  });
});
