import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { ask, clientToken, registerClient, type TestClient } from './support/flows.js';
import { ended, holdWork, type Importer, type ImportJson, importList, newImporter, work } from './support/imports.js';
import { grantScope } from './support/routes.js';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const STATES = ['queued', 'running', 'preview', 'finished', 'cancelled', 'undoing', 'undone'];
const ACTIONS = [
  { action: 'apply', from: ['preview'], sentence: 'This import cannot be applied now.' },
  { action: 'cancel', from: ['queued', 'running', 'preview'], sentence: 'This import cannot be cancelled now.' },
  { action: 'undo', from: ['finished', 'cancelled'], sentence: 'This import cannot be undone now.' },
];

let test: TestApp;
let client: TestClient;
let alice: Importer;
let bob: Importer;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await holdWork(test);
  client = await registerClient(test, { scopes: 'read write follow' });
  alice = await newImporter(test, client);
  bob = await newImporter(test, client);
});
afterAll(() => test.close());
afterEach(() => grantScope(test, alice.sessionId, 'read write follow'));

let lists = 0;
/** An import in this state, its first row applied, its second one to be done. */
async function inState(state: string, kind = 'follow'): Promise<ImportJson> {
  const { id } = await importList(test, alice, {
    kind,
    list: `one${++lists}\ntwo${lists}`,
    dry_run: state === 'preview',
  });
  await test.dataSource.query(
    `update import set state = $2, undo_until = case when $2 in ('finished', 'cancelled') then now() + interval '1 hour' end where id = $1`,
    [id, state],
  );
  await test.dataSource.query(
    `update import_row set state = case when position = 1 then 'applied' else 'pending' end where import_id = $1`,
    [id],
  );
  await test.dataSource.query(`delete from job where key = $1 and $2 not in ('queued', 'running', 'undoing')`, [
    id,
    state,
  ]);
  return show(id);
}
const act = async (id: string, action: string, token = alice.token) => {
  const headers = { authorization: `Bearer ${token}` };
  const { status, text, headers: answered } = await ask(test, 'POST', `/api/v1/imports/${id}/${action}`, headers);
  expect(answered['content-type']).toBe('application/json; charset=utf-8');
  return { status, text };
};
const show = async (id: string): Promise<ImportJson> =>
  (await test.http.get(`/api/v1/imports/${id}`).auth(alice.token, { type: 'bearer' })).body;
const jobsOf = async (id: string) => (await test.dataSource.query('select from job where key = $1', [id])).length;
const eventsOf = async ({ id }: Importer): Promise<string[]> => {
  const rows = await test.dataSource.query(
    `select type from audit_event where user_id = $1 and type like 'import.%' order by id`,
    [id],
  );
  return rows.map(({ type }: { type: string }) => type);
};
const refused = (status: number, error: string) => ({ status, text: JSON.stringify({ error }) });

describe.each(ACTIONS)('POST /api/v1/imports/:id/$action', ({ action, from, sentence }) => {
  it.each(STATES.filter((state) => !from.includes(state)))(
    'is refused while it is %s, and changes nothing',
    async (state) => {
      const before = await inState(state);
      const [jobs, events] = [await jobsOf(before.id), await eventsOf(alice)];
      expect(await act(before.id, action)).toEqual(refused(409, sentence));
      expect(await show(before.id)).toEqual(before);
      expect([await jobsOf(before.id), await eventsOf(alice)]).toEqual([jobs, events]);
    },
  );

  it('is nobody else’s, and not for what is no id', async () => {
    const before = await inState(from[0] ?? '');
    expect(await act(before.id, action, bob.token)).toEqual(refused(404, 'Record not found'));
    expect(await show(before.id)).toEqual(before);
    for (const id of [uuidv7(), 'x', '1', '%00', `${before.id}0`]) {
      expect({ id, ...(await act(id, action)) }).toEqual({ id, ...refused(404, 'Record not found') });
    }
  });

  it.each(['follow', 'block', 'mute'])('asks for what changes a %s', async (kind) => {
    const before = await inState(from[0] ?? '', kind);
    const others = ['follow', 'block', 'mute'].filter((other) => other !== kind).map((other) => `write:${other}s`);
    await grantScope(test, alice.sessionId, `read ${others.join(' ')}`);
    expect(await act(before.id, action)).toEqual(refused(403, `Insufficient permissions: follow | write:${kind}s.`));
    await grantScope(test, alice.sessionId, 'read');
    const all = 'follow | write:follows | write:blocks | write:mutes';
    expect(await act(before.id, action)).toEqual(refused(403, `Insufficient permissions: ${all}.`));
    expect(await show(before.id)).toEqual(before);
    await grantScope(test, alice.sessionId, `write:${kind}s`);
    expect((await act(before.id, action)).status).toBe(200);
  });

  it('is for people, whom it knows', async () => {
    const { id } = await inState(from[0] ?? '');
    const app = await clientToken(test, client, 'write follow');
    expect(await act(id, action, app)).toEqual(refused(403, 'This method requires an authenticated user'));
    expect(await act(id, action, 'x'.repeat(43))).toEqual(refused(401, 'The access token is invalid'));
  });

  it('is done once, when it is asked for many times at once', async () => {
    const { id } = await inState(from[0] ?? '');
    const events = await eventsOf(alice);
    const answers = await Promise.all(Array.from({ length: 6 }, () => act(id, action)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status !== 200)).toEqual(Array(5).fill(refused(409, sentence)));
    expect((await eventsOf(alice)).length - events.length).toBe(action === 'apply' ? 0 : 1);
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE'])('is not for %s', async (method) => {
    const before = await inState(from[0] ?? '');
    const headers = { authorization: `Bearer ${alice.token}` };
    const answer = await ask(test, method, `/api/v1/imports/${before.id}/${action}`, headers);
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
    expect(answer.text).toBe(method === 'HEAD' ? '' : '{"error":"Method not allowed"}');
    expect(await show(before.id)).toEqual(before);
  });
});

describe('what is answered when it is done', () => {
  it('is a queued import after apply', async () => {
    const before = await inState('preview');
    await test.dataSource.query(
      `update import_row set state = 'planned', reason = null where import_id = $1 and position = 1`,
      [before.id],
    );
    const { status, text } = await act(before.id, 'apply');
    expect([status, JSON.parse(text)]).toEqual([
      200,
      {
        ...before,
        dry_run: false,
        state: 'queued',
        counts: { ...before.counts, applied: 0, pending: 1, planned: 1 },
        progress: 0,
      },
    ]);
    expect(await jobsOf(before.id)).toBe(1);
  });

  it.each(['queued', 'running', 'preview'])('is a cancelled import after cancel of one that was %s', async (state) => {
    const before = await inState(state);
    const { status, text } = await act(before.id, 'cancel');
    expect([status, JSON.parse(text)]).toEqual([
      200,
      {
        ...before,
        state: 'cancelled',
        counts: { ...before.counts, applied: 1, pending: 0, cancelled: 1 },
        progress: 1,
        finished_at: expect.stringMatching(ISO),
        undo_until: expect.stringMatching(ISO),
      },
    ]);
    const { finished_at, undo_until } = JSON.parse(text);
    expect(Date.parse(undo_until) - Date.parse(finished_at)).toBe(30 * 86_400_000);
    expect(await jobsOf(before.id)).toBe(0);
    expect((await eventsOf(alice)).at(-1)).toBe('import.cancelled');
  });

  it.each(['finished', 'cancelled'])(
    'is an import that is being undone after undo of one that was %s',
    async (state) => {
      const before = await inState(state);
      const { status, text } = await act(before.id, 'undo');
      expect([status, JSON.parse(text)]).toEqual([200, { ...before, state: 'undoing', progress: expect.any(Number) }]);
      expect(await jobsOf(before.id)).toBe(1);
      expect((await eventsOf(alice)).at(-1)).toBe('import.undone');
      work(test);
      try {
        expect((await ended(test, alice.token, before.id)).state).toBe('undone');
      } finally {
        await holdWork(test);
      }
      expect(await act(before.id, 'undo')).toEqual(refused(409, 'This import cannot be undone now.'));
    },
  );
});

describe('the undo window', () => {
  it.each(['finished', 'cancelled'])('of an import that is %s is over when its time is', async (state) => {
    const { id } = await inState(state);
    await test.dataSource.query(`update import set undo_until = now() - interval '1 second' where id = $1`, [id]);
    const [before, events] = [await show(id), await eventsOf(alice)];
    expect(await act(id, 'undo')).toEqual(refused(410, 'The undo window is over.'));
    expect(await show(id)).toEqual(before);
    expect([await jobsOf(id), await eventsOf(alice)]).toEqual([0, events]);
  });

  it('may be none at all', async () => {
    test.config.imports.undo_days = 0;
    try {
      const { id } = await inState('queued');
      expect((await act(id, 'cancel')).status).toBe(200);
      expect(await act(id, 'undo')).toEqual(refused(410, 'The undo window is over.'));
    } finally {
      test.config.imports.undo_days = 30;
    }
  });
});
