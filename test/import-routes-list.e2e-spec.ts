import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { ask, clientToken, registerClient, type TestClient } from './support/flows.js';
import { holdWork, type Importer, type ImportJson, importList, newImporter } from './support/imports.js';
import { grantScope } from './support/routes.js';

const PATH = '/api/v1/imports';
const NO_COUNTS = {
  rows: 0,
  pending: 0,
  planned: 0,
  applied: 0,
  requested: 0,
  unchanged: 0,
  skipped: 0,
  failed: 0,
  removed: 0,
  undone: 0,
  cancelled: 0,
};
const NOT_FOUND = { status: 404, text: '{"error":"Record not found"}' };

let test: TestApp;
let client: TestClient;
let alice: Importer;
let bob: Importer;
/** Alice's, newest first. */
const lists: ImportJson[] = [];
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await holdWork(test);
  client = await registerClient(test, { scopes: 'read write follow' });
  alice = await newImporter(test, client);
  bob = await newImporter(test, client);
  for (let n = 0; n < 45; n++) {
    const kind = ['follow', 'block', 'mute'][n % 3];
    lists.unshift(await importList(test, alice, { kind, list: `one${n}\ntwo${n}` }));
  }
  await importList(test, bob, { list: 'somebody' });
});
afterAll(() => test.close());
afterEach(() => grantScope(test, alice.sessionId, 'read write follow'));

const get = async (path: string, token = alice.token) => {
  const { status, text, headers } = await ask(test, 'GET', path, { authorization: `Bearer ${token}` });
  return { status, text, headers, body: JSON.parse(text) };
};
const outcome = async (path: string, token = alice.token) => {
  const { status, text } = await get(path, token);
  return { status, text };
};

describe('GET /api/v1/imports', () => {
  it('lists the caller’s own, newest first, 20 at a time unless asked otherwise', async () => {
    const { status, body, headers } = await get(PATH);
    expect([status, body]).toEqual([200, lists.slice(0, 20)]);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      link: `<${PUB}${PATH}?limit=20&max_id=${lists[19]?.id}>; rel="next"`,
    });
    expect((await get(PATH, bob.token)).body).toHaveLength(1);
  });

  it.each([
    ['limit=1', 1],
    ['limit=40', 40],
    ['limit=41', 40],
    ['limit=999999', 40],
    ['limit=0', 1],
    ['limit=-5', 1],
  ])('answers %s with %i', async (query, count) => {
    const { status, body } = await get(`${PATH}?${query}`);
    expect([status, body]).toEqual([200, lists.slice(0, count)]);
  });

  it('leads through all of them by its links', async () => {
    const seen: ImportJson[] = [];
    let pages = 0;
    for (let path: string | undefined = `${PATH}?limit=10`; path !== undefined; pages++) {
      const { body, headers } = await get(path);
      seen.push(...body);
      path = /^<http:\/\/localhost:3000([^>]+)>; rel="next"$/.exec(headers['link'] ?? '')?.[1];
    }
    expect(pages).toBe(5);
    expect(seen).toEqual(lists);
  });

  it('has no link where nothing follows', async () => {
    const { body, headers } = await get(`${PATH}?limit=5&max_id=${lists[39]?.id}`);
    expect(body).toEqual(lists.slice(40));
    expect(headers).not.toHaveProperty('link');
  });

  it.each([
    'nothing',
    '1',
    '%20',
    uuidv4()
      .replace(/^./, '0')
      .replace(/^......../, '00000000'),
  ])('answers with nothing below max_id=%s', async (id) => {
    expect(await get(`${PATH}?max_id=${id}`)).toMatchObject({ status: 200, text: '[]' });
  });

  it('takes an id that is nobody’s for a place in time', async () => {
    expect((await get(`${PATH}?limit=2&max_id=${uuidv7()}`)).body).toEqual(lists.slice(0, 2));
  });

  it.each(['limit=x', 'limit=1.5', 'limit='])('refuses %s', async (query) => {
    expect(await outcome(`${PATH}?${query}`)).toEqual({
      status: 400,
      text: '{"error":"limit - Invalid value.","errors":[{"title":"Invalid value","source":{"pointer":"/limit"},"message":"limit - Invalid value"}]}',
    });
  });

  it.each([
    ['follow', ['follow', 'block', 'mute']],
    ['read', ['follow', 'block', 'mute']],
    ['write', ['follow', 'block', 'mute']],
    ['read:follows', ['follow']],
    ['write:blocks', ['block']],
    ['read:mutes write:mutes profile', ['mute']],
    ['read:follows write:mutes', ['follow', 'mute']],
  ])('shows a token for %s only what it may read', async (scope, kinds) => {
    await grantScope(test, alice.sessionId, scope);
    const { status, body } = await get(`${PATH}?limit=40`);
    const expected = lists.filter(({ kind }) => kinds.includes(String(kind))).slice(0, 40);
    expect([status, body]).toEqual([200, expected]);
  });

  it.each(['push', 'read:accounts write:accounts', 'profile'])('shows a token for %s nothing', async (scope) => {
    await grantScope(test, alice.sessionId, scope);
    const all = 'follow | read:follows | write:follows | read:blocks | write:blocks | read:mutes | write:mutes';
    const { status, text, headers } = await get(PATH);
    expect({ status, text }).toEqual({ status: 403, text: `{"error":"Insufficient permissions: ${all}."}` });
    expect(headers['www-authenticate']).toBe(`Bearer error="insufficient_scope", scope="${all.replaceAll(' |', '')}"`);
  });

  it('is not for clients', async () => {
    expect(await outcome(PATH, await clientToken(test, client, 'read follow'))).toEqual({
      status: 403,
      text: '{"error":"This method requires an authenticated user"}',
    });
  });
});

describe('GET /api/v1/imports/:id', () => {
  it('answers the whole import', async () => {
    const [{ id, created_at }] = lists as [ImportJson];
    expect(lists[0]).toEqual({
      id,
      kind: 'mute',
      mode: 'merge',
      dry_run: false,
      state: 'queued',
      file_name: null,
      dialect: 'words',
      encoding: 'utf-8',
      warnings: [],
      counts: { ...NO_COUNTS, rows: 2, pending: 2 },
      progress: 0,
      created_at,
      started_at: null,
      finished_at: null,
      undo_until: null,
    });
    expect(await get(`${PATH}/${id}`)).toMatchObject({ status: 200, body: lists[0] });
  });

  it('counts each state, and tells times and progress', async () => {
    const { id } = await importList(test, bob, { list: Array.from({ length: 150 }, (_, n) => `row${n}`).join(' ') });
    const states = Object.keys(NO_COUNTS).slice(1);
    await test.dataSource.query(
      `update import_row set state = s.state from unnest($2::text[]) with ordinality as s (state, n)
       where import_id = $1 and position > s.n * (s.n - 1) / 2 and position <= s.n * (s.n + 1) / 2`,
      [id, states],
    );
    await test.dataSource.query(
      `update import set state = 'running', started_at = '2026-01-02T03:04:05.678Z', finished_at = '2026-01-02T03:05:00Z',
         undo_until = '2026-02-01T03:05:00Z' where id = $1`,
      [id],
    );
    const counts = Object.fromEntries(states.map((state, n) => [state, n + 1]));
    const { body } = await get(`${PATH}/${id}`, bob.token);
    expect(body).toMatchObject({
      state: 'running',
      counts: { rows: 150, ...counts, pending: 1 + 150 - 55 },
      // Neither what is pending nor what is only planned is done: 52 of 150.
      progress: 0.34,
      started_at: '2026-01-02T03:04:05.678Z',
      finished_at: '2026-01-02T03:05:00.000Z',
      undo_until: '2026-02-01T03:05:00.000Z',
    });
    await test.dataSource.query('update import set dry_run = true where id = $1', [id]);
    expect((await get(`${PATH}/${id}`, bob.token)).body).toMatchObject({ dry_run: true, progress: 0.36 });
    await test.dataSource.query(`update import set state = 'cancelled' where id = $1`, [id]);
    expect((await get(`${PATH}/${id}`, bob.token)).body).toMatchObject({ state: 'cancelled', progress: 1 });
  });

  const paths = ['', '/rows', '/failures.csv', '/events'];
  it.each(paths)('is nobody else’s, and not what is no id: :id%s', async (path) => {
    const own = lists[0]?.id ?? '';
    expect(await outcome(`${PATH}/${own}${path}`, bob.token)).toEqual(NOT_FOUND);
    for (const id of [uuidv7(), 'x', '1', '%00', `${own}0`, own.slice(1), `${own}%00`, 'x'.repeat(1000)]) {
      expect({ id, ...(await outcome(`${PATH}/${id}${path}`)) }).toEqual({ id, ...NOT_FOUND });
    }
  });

  it.each(paths)('asks for the scopes of its kind: :id%s', async (path) => {
    const own = lists.find(({ kind }) => kind === 'block')?.id ?? '';
    await test.dataSource.query(`update import set state = 'finished' where id = $1`, [own]);
    for (const scope of ['follow', 'read', 'read:blocks', 'write:blocks']) {
      await grantScope(test, alice.sessionId, scope);
      const { status } = await ask(test, 'GET', `${PATH}/${own}${path}`, { authorization: `Bearer ${alice.token}` });
      expect({ scope, status }).toEqual({ scope, status: 200 });
    }
    await grantScope(test, alice.sessionId, 'read:follows write:mutes');
    const { status, text, headers } = await get(`${PATH}/${own}${path}`);
    expect({ status, text }).toEqual({
      status: 403,
      text: '{"error":"Insufficient permissions: follow | read:blocks | write:blocks."}',
    });
    expect(headers['www-authenticate']).toBe(
      'Bearer error="insufficient_scope", scope="follow read:blocks write:blocks"',
    );
  });

  it('answers HEAD with the headers only, and refuses other methods', async () => {
    const headers = { authorization: `Bearer ${alice.token}` };
    const url = `${PATH}/${lists[0]?.id}`;
    const [full, head] = [await ask(test, 'GET', url, headers), await ask(test, 'HEAD', url, headers)];
    expect([head.status, head.text]).toEqual([200, '']);
    for (const name of ['content-type', 'content-length', 'cache-control']) {
      expect(head.headers[name]).toBe(full.headers[name]);
    }
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await ask(test, method, url, headers);
      expect([answer.status, answer.text]).toEqual([405, '{"error":"Method not allowed"}']);
      expect(answer.headers['allow']).toBe('GET, HEAD');
    }
  });
});
