import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { makePeople, makeRemote } from './support/graph.js';
import {
  end,
  fates,
  imported,
  type Importer,
  importJournal,
  newImporter,
  relationsFrom,
  send,
  undone,
} from './support/import-lists.js';
import { jobRows } from './support/jobs.js';
import { lettersTo } from './support/reactivation.js';
import { startWebFingerHost } from './support/webfinger-host.js';
import { Wire } from './support/wire.js';

const ROWS = 6000;

let database: TestDatabase;
let wire: Wire;
let test: TestApp;
/** Beside the wire. */
let direct: pg.Client;
let people: { id: string; name: string }[];
let names = 0;
beforeAll(async () => {
  database = await createDatabase();
  wire = await Wire.to(database.url);
  test = await startApp((config) => (config.imports.allow_private_hosts = true), {
    url: wire.url,
    drop: async () => {},
  });
  direct = new pg.Client({ connectionString: database.url });
  await direct.connect();
  await makePeople(test, ROWS);
  people = await test.dataSource.query(
    `select id, username as name from "user" where username like 'crowd%' order by id`,
  );
});
afterEach(() =>
  direct.query(`drop trigger if exists fault on relationship; drop trigger if exists fault on import_row;
    drop function if exists fault`),
);
afterAll(async () => {
  await test.close();
  await direct.end();
  await wire.cut();
  await database.drop();
});

const owner = (): Promise<Importer> => newImporter(test, `patient${++names}`);
const handlesOf = (from: number, to: number): string[] => people.slice(from, to).map(({ name }) => name);

/** Relations to these accounts cannot be made (`insert`) or taken away (`delete`). */
async function poison(what: 'insert' | 'delete', targets: readonly (string | undefined)[]): Promise<void> {
  const ids = targets.map((id) => `'${id}'`).join(', ');
  const row = what === 'insert' ? 'new' : 'old';
  await direct.query(`create function fault() returns trigger language plpgsql as $$ begin
      raise exception 'poison'; end $$;
    create trigger fault before ${what} on relationship for each row when (${row}.target_id in (${ids})) execute function fault()`);
}

/** Import rows at these places take so many seconds each. */
async function slow(places: string, seconds: number): Promise<void> {
  await direct.query(`create function fault() returns trigger language plpgsql as $$ begin
      perform pg_sleep(${seconds}); return new; end $$;
    create trigger fault before update on import_row for each row
      when (new.state = 'applied' and new.position ${places}) execute function fault()`);
}

const decided = async (id: string): Promise<number> => {
  const { rows } = await direct.query(
    `select count(*) filter (where state <> 'pending')::int as count from import_row where import_id = $1`,
    [id],
  );
  return rows[0].count;
};

describe('a row that cannot be done (security.md D20)', () => {
  it('fails alone, wherever it stands', async () => {
    const me = await owner();
    const places = [0, 500, 501, 999, 1000, 2999];
    await poison(
      'insert',
      places.map((place) => people[place]?.id),
    );
    const { id, state, counts } = await imported(test, me, { kind: 'follow' }, handlesOf(0, 3000), 18_000);
    expect({ state, ...counts }).toMatchObject({ state: 'finished', rows: 3000, applied: 2994, failed: 6 });
    expect(await fates(test, me, id, '&state=failed')).toEqual(
      places.map((place) => `${people[place]?.name}: failed internal`),
    );
    expect(await relationsFrom(test, me)).toHaveLength(2994);
    expect(await jobRows(test, 'import')).toEqual([]);
  });

  it('fails alone in a preview', async () => {
    const me = await owner();
    await poison('insert', [people[3]?.id]);
    const found = await imported(test, me, { kind: 'block', dry_run: true }, handlesOf(0, 10));
    expect(found).toMatchObject({ state: 'preview', counts: { planned: 9, failed: 1 } });
    expect(await relationsFrom(test, me)).toEqual([]);
  });

  it('fails alone among accounts that had to be looked up, and nobody is asked again', async () => {
    const me = await owner();
    const host = await startWebFingerHost();
    try {
      const list = Array.from({ length: 6 }, (_, n) => `p${n}@${host.host}`);
      for (const one of list) host.add(one);
      await direct.query(`create function fault() returns trigger language plpgsql as $$ begin
          if exists (select from remote_account a where a.id = new.target_id and a.username = 'p2') then raise exception 'poison'; end if;
          return new; end $$;
        create trigger fault before insert on relationship for each row execute function fault()`);
      const { id, state } = await imported(test, me, { kind: 'mute' }, list);
      expect(state).toBe('finished');
      expect(await fates(test, me, id)).toEqual(
        list.map((handle, n) => `${handle}: ${n === 2 ? 'failed internal' : 'applied'}`),
      );
      expect(host.requests).toHaveLength(6);
    } finally {
      await host.stop();
    }
  });

  it('does not keep the others from being taken back', async () => {
    const me = await owner();
    const { id } = await imported(test, me, { kind: 'follow' }, handlesOf(0, 1500));
    await poison('delete', [people[700]?.id]);
    const { state, counts } = await undone(test, me, id);
    expect({ state, ...counts }).toMatchObject({ state: 'undone', undone: 1499, applied: 1 });
    expect(await relationsFrom(test, me)).toEqual([`${people[700]?.name} follow accepted`]);
  });

  it('does not keep an import from overwriting the others', async () => {
    const me = await owner();
    const [far = ''] = await makeRemote(test, 1);
    await imported(test, me, { kind: 'follow' }, handlesOf(0, 4));
    await direct.query(
      `insert into relationship (source_id, kind, target_id, revision) values ($1, 'follow', $2, gen_random_uuid())`,
      [me.id, far],
    );
    await poison('insert', [people[7]?.id]);
    const form = { kind: 'follow', mode: 'overwrite', dry_run: false } as const;
    const { counts } = await imported(test, me, form, handlesOf(2, 9));
    expect(counts).toMatchObject({ unchanged: 2, applied: 4, failed: 1, removed: 3 });
  });
});

describe('a database that has its troubles', () => {
  it('too slow for a batch, gets smaller ones', { timeout: 40_000 }, async () => {
    const me = await owner();
    // A whole batch would take three seconds, of two that a statement has.
    await slow('<= 600', 0.005);
    const { state, counts } = await imported(test, me, { kind: 'follow' }, handlesOf(0, 2000), 30_000);
    expect({ state, ...counts }).toMatchObject({ state: 'finished', applied: 2000, failed: 0 });
    expect(await relationsFrom(test, me)).toHaveLength(2000);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['away for a while', () => wire.cut().then(() => wire.mend())],
    [
      'restarted',
      () =>
        direct.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid()`),
    ],
  ])('%s in the middle, loses and doubles nothing', { timeout: 40_000 }, async (_, trouble) => {
    const me = await owner();
    await slow('% 1000 = 500', 0.2);
    const id = await send(test, me, { kind: 'follow' }, handlesOf(0, ROWS));
    for (const done of [1, 2500]) {
      await expect.poll(() => decided(id), { timeout: 15_000, interval: 20 }).toBeGreaterThanOrEqual(done);
      expect(await decided(id)).toBeLessThan(ROWS);
      await trouble();
      // Who lost the connection could not give the job back, and would have it for 15 seconds.
      await direct.query(
        `update job set leased_until = null, run_at = now() where kind = 'import' and leased_until is not null`,
      );
    }
    await expect.poll(() => decided(id), { timeout: 20_000, interval: 50 }).toBe(ROWS);
    const { state, counts } = await end(test, me, id, 15_000);
    expect({ state, ...counts }).toMatchObject({
      state: 'finished',
      rows: ROWS,
      applied: ROWS,
      unchanged: 0,
      failed: 0,
    });
    const { rows } = await direct.query(
      `select (select count(*)::int from relationship where source_id = $2) as relations,
         (select count(*)::int from import_change where import_id = $1) as changes,
         (select count(*)::int from job where kind = 'import') as jobs`,
      [id, me.id],
    );
    expect(rows).toEqual([{ relations: ROWS, changes: ROWS, jobs: 0 }]);
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.finished']);
    expect((await lettersTo(test, me.id)).filter((one) => one === 'import_finished')).toHaveLength(1);
  });
});
