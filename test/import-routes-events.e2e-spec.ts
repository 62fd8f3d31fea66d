import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { EventStream } from './support/event-stream.js';
import { ask, registerClient, type TestClient } from './support/flows.js';
import { holdWork, type Importer, type ImportJson, importList, newImporter, work } from './support/imports.js';

let test: TestApp;
let client: TestClient;
let alice: Importer;
let list: ImportJson;
const streams: EventStream[] = [];
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await holdWork(test);
  client = await registerClient(test, { scopes: 'read write follow' });
});
afterAll(() => test.close());
beforeEach(async () => {
  alice = await newImporter(test, client);
  list = await importList(test, alice, { list: Array.from({ length: 20 }, (_, n) => `row${n}`).join('\n') });
});
afterEach(() => streams.splice(0).forEach((stream) => stream.hangUp()));

async function listen(id = list.id, { token } = alice, headers: Record<string, string> = {}): Promise<EventStream> {
  const stream = await EventStream.open(test, `/api/v1/imports/${id}/events`, token, headers);
  streams.push(stream);
  return stream;
}
const show = async (id = list.id): Promise<ImportJson> =>
  (await test.http.get(`/api/v1/imports/${id}`).auth(alice.token, { type: 'bearer' })).body;
const setState = (state: string, id = list.id) =>
  test.dataSource.query('update import set state = $2 where id = $1', [id, state]);
const decide = (count: number) =>
  test.dataSource.query(
    `update import_row set state = case when position <= $2 then 'failed' else 'pending' end where import_id = $1`,
    [list.id, count],
  );

describe('GET /api/v1/imports/:id/events', () => {
  it('begins with how to come back, and the whole import', async () => {
    const stream = await listen();
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
      'transfer-encoding': 'chunked',
    });
    const { text } = await stream.hears(2);
    expect(stream.heard[0]?.text).toBe('retry: 3000');
    expect(text).toBe(`event: import\ndata: ${JSON.stringify(await show())}`);
    expect(await show()).toEqual(list);
  });

  it('begins so again for whoever comes back', async () => {
    const stream = await listen(list.id, alice, { 'last-event-id': '7', accept: 'text/event-stream' });
    await stream.hears(2);
    expect(stream.names).toEqual(['retry: 3000', 'import']);
  });

  it('tells of changes when there are some, at most twice a second', async () => {
    const stream = await listen();
    await stream.hears(2);
    const times = [stream.heard[1]?.at ?? 0];
    // As fast as a database can: far more often than twice a second.
    for (let n = 1; stream.heard.length < 5; n++) await decide(1 + (n % 20));
    times.push(...stream.heard.slice(2).map(({ at }) => at));
    for (const [n, at] of times.slice(1).entries()) expect(at - (times[n] ?? 0)).toBeGreaterThan(400);
    expect(new Set(stream.heard.slice(1).map(({ text }) => text)).size).toBe(stream.heard.length - 1);
    expect(stream.heard.slice(2).every(({ event, data }) => event === 'import' && data?.['id'] === list.id)).toBe(true);
  });

  it.each(['finished', 'cancelled', 'undone', 'preview'])('says the end and closes when it is %s', async (state) => {
    const stream = await listen();
    await stream.hears(2);
    await setState(state);
    await stream.end();
    const data = JSON.stringify(await show());
    expect(stream.heard.slice(2).map(({ text }) => text)).toEqual([
      `event: import\ndata: ${data}`,
      `event: end\ndata: ${data}`,
    ]);
    expect(stream.isComplete).toBe(true);
  });

  it('says both at once of what is over already', async () => {
    await setState('cancelled');
    const stream = await listen();
    await stream.end();
    expect(stream.names).toEqual(['retry: 3000', 'import', 'end']);
    expect(stream.heard[2]?.data).toEqual(await show());
  });

  it.each(['queued', 'running', 'undoing'])('stays open while it is %s', async (state) => {
    await setState(state);
    const stream = await listen();
    await stream.hears(2);
    await decide(3);
    const { data } = await stream.hears(3);
    expect(data).toMatchObject({ state, counts: { failed: 3 } });
    expect(stream.isOver).toBe(false);
  });

  it('follows an import from its beginning to its end', async () => {
    const stream = await listen();
    await stream.hears(2);
    work(test);
    try {
      await stream.end();
    } finally {
      await holdWork(test);
    }
    expect(stream.heard[1]?.data).toEqual(list);
    const last = stream.heard.at(-1);
    expect(last?.event).toBe('end');
    expect(last?.data).toEqual(await show());
    expect(last?.data).toMatchObject({ state: 'finished', progress: 1, counts: { rows: 20, failed: 20 } });
  });

  it('says that it is still there every 15 seconds without a change', async () => {
    const stream = await listen();
    await stream.hears(2);
    const now = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now });
    try {
      vi.setSystemTime(now + 14_000);
      await decide(1);
      await stream.hears(3);
      // Only the silence since the change counts.
      vi.setSystemTime(now + 28_000);
      await decide(2);
      await stream.hears(4);
      vi.setSystemTime(now + 43_500);
      await stream.hears(5);
    } finally {
      vi.useRealTimers();
    }
    expect(stream.names).toEqual(['retry: 3000', 'import', 'import', 'import', ': still here']);
    await setState('finished');
    await stream.end();
  });

  it('closes without an end when the session is revoked', async () => {
    const stream = await listen();
    await stream.hears(2);
    const answer = await test.http.delete(`/api/oauth_tokens/${alice.sessionId}`).auth(alice.token, { type: 'bearer' });
    expect(answer.status).toBe(200);
    await stream.end();
    expect(stream.names).toEqual(['retry: 3000', 'import']);
    expect(stream.isComplete).toBe(true);
  });

  it('closes when the import is gone', async () => {
    test.logs.length = 0;
    const stream = await listen();
    await stream.hears(2);
    await test.dataSource.query('delete from import_row where import_id = $1', [list.id]);
    await test.dataSource.query('delete from import where id = $1', [list.id]);
    await stream.end();
    expect(test.logs.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
  });

  it('is open five times for one account; the sixth is refused until one hangs up', async () => {
    const bob = await newImporter(test, client);
    const other = await importList(test, alice, { list: 'another' });
    for (let n = 0; n < 5; n++) await (await listen(n % 2 ? list.id : other.id)).hears(2);
    const sixth = await ask(test, 'GET', `/api/v1/imports/${list.id}/events`, {
      authorization: `Bearer ${alice.token}`,
    });
    expect([sixth.status, sixth.text]).toEqual([429, '{"error":"Throttled"}']);
    expect(sixth.headers).toMatchObject({ 'retry-after': '15', 'content-type': 'application/json; charset=utf-8' });
    const theirs = await listen((await importList(test, bob, { list: 'somebody' })).id, bob);
    expect(theirs.status).toBe(200);
    streams[0]?.hangUp();
    await expect.poll(async () => (await listen()).status, { timeout: 5000 }).toBe(200);
  });

  it('holds no place for HEAD, which answers at once', async () => {
    for (let n = 0; n < 6; n++) {
      const head = await ask(test, 'HEAD', `/api/v1/imports/${list.id}/events`, {
        authorization: `Bearer ${alice.token}`,
      });
      expect([head.status, head.text]).toEqual([200, '']);
      expect(head.headers['content-type']).toBe('text/event-stream');
    }
    expect((await listen()).status).toBe(200);
  });

  it.each(['POST', 'PUT', 'DELETE'])('is not for %s', async (method) => {
    const answer = await ask(test, method, `/api/v1/imports/${list.id}/events`, {
      authorization: `Bearer ${alice.token}`,
    });
    expect([answer.status, answer.text]).toEqual([405, '{"error":"Method not allowed"}']);
    expect(answer.headers['allow']).toBe('GET, HEAD');
  });

  it('takes the token from the header only', async () => {
    const answer = await ask(test, 'GET', `/api/v1/imports/${list.id}/events?access_token=${alice.token}`);
    expect([answer.status, answer.text]).toEqual([401, '{"error":"The access token is invalid"}']);
  });
});

describe('a Gatehouse that stops', () => {
  it('closes its streams, and does not wait for the imports', async () => {
    const stopping = await startApp(() => {}, test.database);
    await stopping.listen();
    await holdWork(stopping);
    const open = await Promise.all(
      [1, 2, 3].map(() => EventStream.open(stopping, `/api/v1/imports/${list.id}/events`, alice.token)),
    );
    streams.push(...open);
    for (const stream of open) await stream.hears(2);
    await stopping.close();
    for (const stream of open) {
      await stream.end();
      expect(stream.names).toEqual(['retry: 3000', 'import']);
      expect(stream.isComplete).toBe(true);
    }
  });
});
