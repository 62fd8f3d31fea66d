import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ImportRowsService } from '../src/imports/import-rows.service.js';
import { JobsService } from '../src/jobs/jobs.service.js';
import { act, DONE, newPerson, type Person } from './support/account.js';
import { deleteAccount, erasureOf, letGraceEnd } from './support/account-ending.js';
import { startApp, type TestApp } from './support/app.js';
import { obtainTokens, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { makePeople, relateAll } from './support/graph.js';
import {
  end,
  graphOf,
  hurryImport,
  imported,
  type Importer,
  importJournal,
  newImporter,
  relationsFrom,
  send,
  steer,
  undone,
} from './support/import-lists.js';
import { jobRows } from './support/jobs.js';
import { lettersTo, reactivate, stopAtReactivation } from './support/reactivation.js';

const ROWS = 6000;

let test: TestApp;
let client: TestClient;
let people: string[];
let names = 0;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test, { scopes: 'read write follow' });
  await makePeople(test, ROWS);
  const rows: { username: string }[] = await test.dataSource.query(
    `select username from "user" where username like 'crowd%' order by id`,
  );
  people = rows.map(({ username }) => username);
  await test.dataSource.query(`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return new; end $$`);
});
afterEach(() => hasten());
afterAll(() => test.close());

/** Every batch takes a third of a second, until `hasten`. */
async function dawdle(): Promise<void> {
  await test.dataSource.query(`create trigger dawdle before update on import_row for each row
    when (new.state = 'applied' and new.position % 1000 = 500) execute function dawdle()`);
}

async function hasten(): Promise<void> {
  await test.dataSource.query('drop trigger if exists dawdle on import_row');
}

/** How many rows of an import are in each state. */
async function countsOf(id: string): Promise<Record<string, number>> {
  const rows: { state: string; count: number }[] = await test.dataSource.query(
    'select state, count(*)::int as count from import_row where import_id = $1 group by state',
    [id],
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

/** No job is being done. */
async function untilIdle(): Promise<void> {
  const { running } = test.app.get<{ running: Map<unknown, unknown> }>(JobsService);
  await expect.poll(() => running.size, { timeout: 10_000, interval: 20 }).toBe(0);
}

const newLeaver = (): Promise<Person> => newPerson(test, client, { name: `courier${++names}` });

/** Somebody whose long list is being done, and not nearly through. */
async function midway(): Promise<{ me: Person; id: string }> {
  const me = await newLeaver();
  await dawdle();
  const id = await send(test, me, { kind: 'follow' }, people);
  await expect.poll(async () => (await countsOf(id))['applied'] ?? 0, { timeout: 15_000, interval: 20 }).not.toBe(0);
  return { me, id };
}

const followsOf = async (me: Importer): Promise<number> => (await relationsFrom(test, me)).length;
const lettersOf = async ({ id }: Importer): Promise<number> =>
  (await lettersTo(test, id)).filter((template) => template === 'import_finished').length;

describe('an import that is cancelled while it runs', () => {
  it('keeps what is done, gives up the rest, and writes nothing afterwards', async () => {
    const { me, id } = await midway();
    const { status, body } = await steer(test, me, id, 'cancel');
    expect([status, body.state]).toEqual([200, 'cancelled']);
    const { applied = 0, cancelled = 0, pending } = body.counts;
    expect([applied > 0, cancelled > 0, pending, applied + cancelled]).toEqual([true, true, 0, ROWS]);
    await untilIdle();
    expect(await countsOf(id)).toEqual({ applied, cancelled });
    expect(await followsOf(me)).toBe(applied);
    expect(await jobRows(test, 'import')).toEqual([]);
    expect((await steer(test, me, id, 'cancel')).status).toBe(409);
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.cancelled']);
    expect(await lettersOf(me)).toBe(0);

    const back = await undone(test, me, id);
    expect(back.counts).toMatchObject({ undone: applied, cancelled });
    expect(await relationsFrom(test, me)).toEqual([]);
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.cancelled', 'import.undone']);
  });
});

describe('an import whose owner goes away', () => {
  it('stops while the account is disabled, and goes on when it is back', async () => {
    const { me, id } = await midway();
    expect(await act(test, me, 'disable_account', { password: PASSWORD })).toStrictEqual(DONE);
    const paused = async () => (await jobRows(test, 'import'))[0];
    await expect.poll(async () => (await paused())?.due_in ?? 0, { timeout: 10_000, interval: 20 }).toBeGreaterThan(30);
    const before = await countsOf(id);
    expect(before['pending']).toBeGreaterThan(0);
    await hasten();
    // Due all the same, it does nothing.
    await hurryImport(test, id);
    await expect.poll(async () => (await paused())?.due_in ?? 0, { timeout: 10_000, interval: 20 }).toBeGreaterThan(30);
    expect(await countsOf(id)).toEqual(before);

    await reactivate(test, await stopAtReactivation(test, client, me.name));
    const token = (await obtainTokens(test, client, me.name, 'read write follow')).access_token;
    await hurryImport(test, id);
    const found = await end(test, { ...me, token }, id);
    expect(found).toMatchObject({ state: 'finished', counts: { applied: ROWS, pending: 0 } });
    expect(await followsOf(me)).toBe(ROWS);
    expect(await lettersOf(me)).toBe(1);
  });

  it('ends when the account is to be deleted, and is told so row by row', async () => {
    const { me, id } = await midway();
    await deleteAccount(test, me);
    const state = async () => (await test.dataSource.query('select state from import where id = $1', [id]))[0]?.state;
    await expect.poll(state, { timeout: 10_000, interval: 20 }).toBe('cancelled');
    await untilIdle();
    const counts = await countsOf(id);
    expect(Object.keys(counts).toSorted()).toEqual(['applied', 'failed']);
    expect(await followsOf(me)).toBe(counts['applied']);
    const reasons = await test.dataSource.query(
      `select distinct reason from import_row where import_id = $1 and state = 'failed'`,
      [id],
    );
    expect(reasons).toEqual([{ reason: 'stopped' }]);
    expect(await jobRows(test, 'import')).toEqual([]);
    expect(await lettersOf(me)).toBe(0);
  });

  it('leaves no trace when the account is erased', async () => {
    const me = await newLeaver();
    const [one = ''] = await makePeople(test, 1);
    await relateAll(test, 'mute', one, [me.id]);
    const { id } = await imported(test, me, { kind: 'follow' }, people.slice(0, 10));
    await imported(test, me, { kind: 'mute', dry_run: true }, people.slice(0, 10));
    await deleteAccount(test, me);
    await letGraceEnd(test, me);
    await erasureOf(test, me);
    expect((await graphOf(test)).filter((relation) => relation.includes(me.id))).toEqual([]);
    const [left] = await test.dataSource.query(
      `select (select count(*)::int from import where user_id = $2) as imports,
         (select count(*)::int from import_row r where r.import_id = $1 or not exists (select from import i where i.id = r.import_id)) as rows,
         (select count(*)::int from import_change where import_id = $1) as changes`,
      [id, me.id],
    );
    expect(left).toEqual({ imports: 0, rows: 0, changes: 0 });
  });
});

describe('what is told of an import', () => {
  it('is a mail for more than a hundred rows, and one line in the journal for each step', async () => {
    const me = await newImporter(test, `courier${++names}`);
    const { id, counts } = await imported(test, me, { kind: 'mute' }, people.slice(0, 101));
    expect(counts).toMatchObject({ rows: 101, applied: 101 });
    expect(await lettersOf(me)).toBe(1);
    await undone(test, me, id);
    expect(await lettersOf(me)).toBe(1);
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.finished', 'import.undone']);
  });

  it('is no mail for fewer, nor for a preview', async () => {
    const me = await newImporter(test, `courier${++names}`);
    await imported(test, me, { kind: 'mute' }, people.slice(0, 100));
    await imported(test, me, { kind: 'follow', dry_run: true }, people.slice(0, 200));
    expect(await lettersOf(me)).toBe(0);
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.finished', 'import.started']);
  });
});

describe('what is kept of imports', () => {
  it('goes after its time, and takes nothing with it that it did; what is not over stays', async () => {
    const me = await newImporter(test, `courier${++names}`);
    const old = await imported(test, me, { kind: 'mute' }, people.slice(0, 5));
    const late = await imported(test, me, { kind: 'follow' }, people.slice(0, 5));
    const fresh = await imported(test, me, { kind: 'block' }, people.slice(5, 10));
    const preview = await imported(test, me, { kind: 'follow', dry_run: true }, people.slice(10, 15));
    const running = await imported(test, me, { kind: 'follow' }, people.slice(20, 25));
    await test.dataSource.query(`update import set created_at = now() - interval '91 days' where id = any($1)`, [
      [old.id, running.id],
    ]);
    await test.dataSource.query(`update import set state = 'running' where id = $1`, [running.id]);
    await test.dataSource.query(`update import set undo_until = now() - interval '1 s' where id = $1`, [late.id]);
    const graph = await graphOf(test);
    await test.app.get(ImportRowsService).purge();
    const left = (table: string, column: string): Promise<{ id: string }[]> =>
      test.dataSource.query(
        `select distinct ${column} as id from ${table} where ${column} = any($1) order by ${column}`,
        [[old.id, late.id, fresh.id, preview.id, running.id]],
      );
    const ids = (...all: { id: string }[]) => all.map(({ id }) => ({ id })).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    expect(await left('import', 'id')).toEqual(ids(late, fresh, preview, running));
    expect(await left('import_row', 'import_id')).toEqual(ids(late, fresh, preview, running));
    // What can be undone no more is not remembered.
    expect(await left('import_change', 'import_id')).toEqual(ids(fresh, running));
    expect(await graphOf(test)).toEqual(graph);
    const gone = await test.http.get(`/api/v1/imports/${old.id}`).auth(me.token, { type: 'bearer' });
    expect(gone.status).toBe(404);
  });
});
