import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser } from './support/flows.js';
import { makeRemote, relateAll } from './support/graph.js';
import {
  fates,
  graphOf,
  imported,
  type Importer,
  importJournal,
  end,
  newImporter,
  relationsFrom,
  rowsOf,
  send,
  steer,
  undone,
} from './support/import-lists.js';

let test: TestApp;
let names = 0;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.close());

const owner = (): Promise<Importer> => newImporter(test, `looker${++names}`);
const somebody = async (more: Record<string, unknown> = {}): Promise<{ id: string; name: string }> => {
  const name = `person${++names}`;
  return { id: await createUser(test, name, more), name };
};

/** One whose list has every outcome: follows one already, another with other options. */
async function withList(): Promise<{ me: Importer; list: string[]; names: string[] }> {
  const me = await owner();
  const [fresh, held, changed, blocked, locked] = await Promise.all([
    somebody(),
    somebody(),
    somebody(),
    somebody(),
    somebody({ locked: true }),
  ]);
  await relateAll(test, 'follow', me.id, [held.id]);
  await relateAll(test, 'follow', me.id, [changed.id], { reblogs: false });
  await relateAll(test, 'block', me.id, [blocked.id]);
  const all = [fresh, held, changed, blocked, locked].map(({ name }) => name);
  return { me, list: [...all, 'nobody_at_all', 'what?ever', all[0] ?? ''], names: all };
}

describe('a dry run', () => {
  it('changes nothing, and tells what would be', async () => {
    const { me, list, names: known } = await withList();
    const before = await graphOf(test);
    const found = await imported(test, me, { kind: 'follow', dry_run: true }, list);
    expect(found).toMatchObject({ state: 'preview', dry_run: true, mode: 'merge', progress: 1, finished_at: null });
    expect(found.counts).toMatchObject({ rows: 8, planned: 3, unchanged: 1, failed: 3, skipped: 1, pending: 0 });
    expect(await fates(test, me, found.id)).toEqual([
      `${known[0]}: planned`,
      `${known[1]}: unchanged`,
      `${known[2]}: planned`,
      `${known[3]}: failed you_block_them`,
      `${known[4]}: planned`,
      'nobody_at_all: failed not_found',
      'what?ever: failed not_a_handle',
      `${known[0]}: skipped duplicate`,
    ]);
    expect(await graphOf(test)).toEqual(before);
    expect(await test.dataSource.query('select from import_change where import_id = $1', [found.id])).toEqual([]);
    expect(await importJournal(test, me)).toEqual(['import.started']);
  });

  it('is applied as it was shown', async () => {
    const { me, list, names: known } = await withList();
    const { id } = await imported(test, me, { kind: 'follow', dry_run: true }, list);
    const applied = await steer(test, me, id, 'apply');
    expect([applied.status, applied.body.state, applied.body.dry_run]).toEqual([200, 'queued', false]);
    const found = await end(test, me, id);
    expect(found.state).toBe('finished');
    expect(found.counts).toMatchObject({ rows: 8, applied: 1, requested: 1, unchanged: 2, failed: 3, skipped: 1 });
    expect(await relationsFrom(test, me)).toEqual(
      [
        `${known[0]} follow accepted`,
        `${known[1]} follow accepted`,
        `${known[2]} follow accepted`,
        `${known[3]} block accepted`,
        `${known[4]} follow requested`,
      ].toSorted(),
    );
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.finished']);
    expect((await steer(test, me, id, 'apply')).status).toBe(409);
  });

  it('is left, and has changed nothing', async () => {
    const { me, list } = await withList();
    const before = await graphOf(test);
    const { id } = await imported(test, me, { kind: 'follow', dry_run: true }, list);
    const { status, body } = await steer(test, me, id, 'cancel');
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'cancelled', counts: { cancelled: 3, unchanged: 1, failed: 3, skipped: 1 } });
    expect((await steer(test, me, id, 'apply')).body.error).toBe('This import cannot be applied now.');
    expect((await steer(test, me, id, 'cancel')).status).toBe(409);
    expect(await graphOf(test)).toEqual(before);
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.cancelled']);
  });

  it('of blocks severs nothing until it is applied', async () => {
    const me = await owner();
    const bob = await somebody();
    await relateAll(test, 'follow', me.id, [bob.id]);
    await relateAll(test, 'follow', bob.id, [me.id]);
    const before = await graphOf(test);
    const { id } = await imported(test, me, { kind: 'block', dry_run: true }, bob.name);
    expect(await fates(test, me, id)).toEqual([`${bob.name}: planned`]);
    expect(await graphOf(test)).toEqual(before);
    await steer(test, me, id, 'apply');
    await end(test, me, id);
    expect(await relationsFrom(test, me)).toEqual([`${bob.name} block accepted`]);
    expect(await relationsFrom(test, bob)).toEqual([]);
  });
});

describe('overwriting', () => {
  it('is a look unless it is said otherwise', async () => {
    const me = await owner();
    const [kept, gone] = [await somebody(), await somebody()];
    await relateAll(test, 'follow', me.id, [kept.id, gone.id]);
    const before = await graphOf(test);
    const found = await imported(test, me, { kind: 'follow', mode: 'overwrite' }, kept.name);
    expect(found).toMatchObject({
      state: 'preview',
      dry_run: true,
      counts: { rows: 2, unchanged: 1, planned: 1, removed: 0 },
    });
    expect((await rowsOf(test, me, found.id)).map(({ line, handle, state }) => [line, handle, state])).toEqual([
      [1, kept.name, 'unchanged'],
      [null, gone.name, 'planned'],
    ]);
    expect(await graphOf(test)).toEqual(before);
    await steer(test, me, found.id, 'apply');
    const done = await end(test, me, found.id);
    expect(done).toMatchObject({ state: 'finished', counts: { rows: 2, unchanged: 1, removed: 1, planned: 0 } });
    expect(await relationsFrom(test, me)).toEqual([`${kept.name} follow accepted`]);
  });

  it('takes away what the list does not name, of that kind only, and brings it back', async () => {
    const me = await owner();
    const [kept, gone, asked, other] = [
      await somebody(),
      await somebody(),
      await somebody({ locked: true }),
      await somebody(),
    ];
    const [far = ''] = await makeRemote(test, 1);
    await relateAll(test, 'follow', me.id, [kept.id, asked.id, far]);
    await relateAll(test, 'follow', me.id, [gone.id], { reblogs: false, notify: true, languages: ['de', 'fr'] });
    await relateAll(test, 'mute', me.id, [gone.id, other.id]);
    await relateAll(test, 'follow', gone.id, [me.id]);
    const fresh = await somebody();
    const before = await graphOf(test);
    const found = await imported(test, me, { kind: 'follow', mode: 'overwrite', dry_run: false }, [
      kept.name,
      fresh.name,
    ]);
    expect(found).toMatchObject({ state: 'finished', counts: { rows: 5, applied: 1, unchanged: 1, removed: 3 } });
    const removed = await rowsOf(test, me, found.id, '&state=removed');
    expect(removed.map(({ line, account_id }) => [line, account_id])).toEqual(
      [gone.id, asked.id, far].toSorted().map((id) => [null, id]),
    );
    expect(await relationsFrom(test, me)).toEqual(
      [
        `${kept.name} follow accepted`,
        `${fresh.name} follow accepted`,
        `${gone.name} mute accepted`,
        `${other.name} mute accepted`,
      ].toSorted(),
    );
    expect(await relationsFrom(test, gone)).toHaveLength(1);
    const back = await undone(test, me, found.id);
    expect(back.counts).toMatchObject({ undone: 4, unchanged: 1, removed: 0 });
    expect(await graphOf(test)).toEqual(before);
  });

  it('spares whom a row names that failed', async () => {
    const me = await owner();
    const [disabled, unconfirmed, kept, gone] = [
      await somebody(),
      await somebody(),
      await somebody(),
      await somebody(),
    ];
    const [far = ''] = await makeRemote(test, 1, 'lost.example');
    const [port = ''] = await makeRemote(test, 1, 'odd.example:8443');
    await relateAll(test, 'follow', me.id, [disabled.id, unconfirmed.id, kept.id, gone.id, far, port]);
    await test.dataSource.query('update "user" set disabled_at = now() where id = $1', [disabled.id]);
    await test.dataSource.query('update "user" set confirmation_pending = true where id = $1', [unconfirmed.id]);
    // It was looked up too long ago, and is at no host that can be asked.
    await test.dataSource.query(
      `update remote_account set resolved_at = now() - interval '8 days', host = 'lost.localhost' where id = $1`,
      [far],
    );
    const handles: { handle: string }[] = await test.dataSource.query(
      `select username || '@' || host as handle from remote_account where id = any($1) order by host`,
      [[far, port]],
    );
    const before = await relationsFrom(test, me);
    const found = await imported(test, me, { kind: 'follow', mode: 'overwrite', dry_run: false }, [
      disabled.name,
      unconfirmed.name,
      kept.name,
      ...handles.map(({ handle }) => handle),
    ]);
    expect(await fates(test, me, found.id)).toEqual([
      `${disabled.name}: failed account_disabled`,
      `${unconfirmed.name}: failed not_found`,
      `${kept.name}: unchanged`,
      ...handles.map(({ handle }) => `${handle}: failed host_not_allowed`),
      `${gone.name}: removed`,
    ]);
    expect(await relationsFrom(test, me)).toEqual(before.filter((one) => !one.startsWith(`${gone.name} `)));
  });

  it('of blocks and mutes takes away only those', async () => {
    const me = await owner();
    const [one, two] = [await somebody(), await somebody()];
    await relateAll(test, 'block', me.id, [one.id]);
    await relateAll(test, 'mute', me.id, [one.id, two.id]);
    const form = { mode: 'overwrite', dry_run: false } as const;
    await imported(test, me, { kind: 'block', ...form }, two.name);
    expect(await relationsFrom(test, me)).toEqual(
      [`${one.name} mute accepted`, `${two.name} block accepted`, `${two.name} mute accepted`].toSorted(),
    );
    const id = await send(test, me, { kind: 'mute', ...form }, one.name);
    await end(test, me, id);
    expect(await relationsFrom(test, me)).toEqual(
      [`${one.name} mute accepted`, `${two.name} block accepted`].toSorted(),
    );
  });
});
