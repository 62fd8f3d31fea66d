import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser } from './support/flows.js';
import { makePeople, relateAll } from './support/graph.js';
import {
  fates,
  graphOf,
  imported,
  type Importer,
  importJournal,
  newImporter,
  relationsFrom,
  steer,
  undone,
} from './support/import-lists.js';
import { answerRequest, change, kindsBetween, standing } from './support/relations.js';

let test: TestApp;
let names = 0;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.close());

const owner = (): Promise<Importer> => newImporter(test, `undoer${++names}`);
interface Other {
  id: string;
  name: string;
}
const somebody = async (more: Record<string, unknown> = {}): Promise<Other> => {
  const name = `other${++names}`;
  return { id: await createUser(test, name, more), name };
};
const people = (count: number): Promise<Other[]> => Promise.all(Array.from({ length: count }, () => somebody()));
const namesOf = (others: readonly Other[]): string[] => others.map(({ name }) => name);

describe('POST /api/v1/imports/:id/undo', () => {
  it('takes every kind back to where it was, options included', async () => {
    const me = await owner();
    const [fresh, held, changed] = (await people(3)) as [Other, Other, Other];
    await relateAll(test, 'follow', me.id, [held.id]);
    await relateAll(test, 'follow', me.id, [changed.id], { reblogs: false, notify: true, languages: ['de'] });
    await relateAll(test, 'mute', me.id, [held.id], { notifications: true, duration: 86_400 });
    await relateAll(test, 'block', held.id, [changed.id]);
    const before = await graphOf(test);
    for (const kind of ['follow', 'mute', 'block'] as const) {
      const { id } = await imported(test, me, { kind }, namesOf([fresh, held, changed]));
      expect(await graphOf(test)).not.toEqual(before);
      const { state, counts } = await undone(test, me, id);
      expect({ kind, state, rows: counts['rows'] }).toEqual({ kind, state: 'undone', rows: 3 });
      expect(await graphOf(test)).toEqual(before);
    }
  });

  it('marks the rows that it took back, and leaves those that changed nothing', async () => {
    const me = await owner();
    const [fresh, held, changed] = (await people(3)) as [Other, Other, Other];
    await relateAll(test, 'follow', me.id, [held.id]);
    await relateAll(test, 'follow', me.id, [changed.id], { reblogs: false });
    const list = [...namesOf([fresh, held, changed]), 'nobody_at_all'];
    const { id } = await imported(test, me, { kind: 'follow' }, list);
    await undone(test, me, id);
    expect(await fates(test, me, id)).toEqual([
      `${fresh.name}: undone`,
      `${held.name}: unchanged`,
      `${changed.name}: undone`,
      'nobody_at_all: failed not_found',
    ]);
    expect(await importJournal(test, me)).toEqual(['import.started', 'import.finished', 'import.undone']);
  });

  it('leaves alone what its owner has touched since', async () => {
    const me = await owner();
    const [options, ended, again, blocked, alone] = (await people(5)) as [Other, Other, Other, Other, Other];
    const { id } = await imported(
      test,
      me,
      { kind: 'follow' },
      namesOf([options, ended, again, blocked, alone]).map((name) => `${name},false`),
    );
    await change(test, me, 'follow', options.id, { reblogs: true });
    await change(test, me, 'unfollow', ended.id);
    await change(test, me, 'unfollow', again.id);
    await change(test, me, 'follow', again.id);
    await change(test, me, 'block', blocked.id);
    const { counts } = await undone(test, me, id);
    expect(counts).toMatchObject({ rows: 5, applied: 4, undone: 1 });
    expect(await relationsFrom(test, me)).toEqual(
      [`${options.name} follow accepted`, `${again.name} follow accepted`, `${blocked.name} block accepted`].toSorted(),
    );
    expect(await standing(test, me, options.id)).toMatchObject({ following: true, showing_reblogs: true });
  });

  it('does not bring back what its owner ended since, where the import had changed it', async () => {
    const me = await owner();
    const bob = await somebody();
    await relateAll(test, 'follow', me.id, [bob.id], { reblogs: false });
    const { id } = await imported(test, me, { kind: 'follow' }, bob.name);
    await change(test, me, 'unfollow', bob.id);
    await undone(test, me, id);
    expect(await relationsFrom(test, me)).toEqual([]);
  });

  it('takes a request back, and a follow that was agreed to since', async () => {
    const me = await owner();
    const agreeing = await newImporter(test, `agreeing${++names}`);
    const silent = await somebody({ locked: true });
    await test.dataSource.query('update "user" set locked = true where id = $1', [agreeing.id]);
    const { id, counts } = await imported(test, me, { kind: 'follow' }, [`agreeing${names - 1}`, silent.name]);
    expect(counts).toMatchObject({ requested: 2 });
    expect((await answerRequest(test, agreeing, me.id, 'authorize')).status).toBe(200);
    expect(await standing(test, me, agreeing.id)).toMatchObject({ following: true });
    expect((await undone(test, me, id)).counts).toMatchObject({ undone: 2 });
    expect(await relationsFrom(test, me)).toEqual([]);
  });

  it('of blocks restores the follows of both directions, unless a block stands', async () => {
    const me = await owner();
    const [mutual, asking, hostile, kept] = (await people(4)) as [Other, Other, Other, Other];
    await relateAll(test, 'follow', me.id, [mutual.id, hostile.id, kept.id], { reblogs: false });
    for (const { id } of [mutual, hostile, kept]) await relateAll(test, 'follow', id, [me.id], { notify: true });
    await test.dataSource.query('update "user" set locked = true where id = $1', [me.id]);
    await relateAll(test, 'follow', asking.id, [me.id]);
    const all = [mutual, asking, hostile, kept];
    const before = await graphOf(test);
    const { id } = await imported(test, me, { kind: 'block' }, namesOf(all));
    for (const other of all) expect(await kindsBetween(test, other.id, me.id)).toEqual([]);
    await relateAll(test, 'block', hostile.id, [me.id]);
    // The owner's own block, made anew, is not the import's.
    await change(test, me, 'unblock', kept.id);
    await change(test, me, 'block', kept.id);
    const { counts } = await undone(test, me, id);
    expect(counts).toMatchObject({ rows: 4, undone: 3, applied: 1 });
    const mine = (relations: string[]) => relations.filter((one) => one.includes(me.id) && one.includes('follow'));
    const spared = mine(before).filter((one) => !one.includes(hostile.id) && !one.includes(kept.id));
    expect(spared).toHaveLength(3);
    expect(mine(await graphOf(test))).toEqual(spared);
    expect(await kindsBetween(test, me.id, hostile.id)).toEqual([]);
    expect(await kindsBetween(test, hostile.id, me.id)).toEqual(['block']);
    expect(await kindsBetween(test, me.id, kept.id)).toEqual(['block']);
    expect(await kindsBetween(test, kept.id, me.id)).toEqual([]);
  });

  it('of two thousand blocks restores both directions of each, over several batches', async () => {
    const me = await owner();
    const others = await makePeople(test, 2000);
    await relateAll(test, 'follow', me.id, others);
    await test.dataSource.query(
      `insert into relationship (source_id, kind, target_id, revision) select unnest($1::uuid[]), 'follow', $2, gen_random_uuid()`,
      [others, me.id],
    );
    const rows: { username: string }[] = await test.dataSource.query('select username from "user" where id = any($1)', [
      others,
    ]);
    const before = await graphOf(test);
    const found = await imported(
      test,
      me,
      { kind: 'block' },
      rows.map(({ username }) => username),
    );
    expect(found.counts).toMatchObject({ rows: 2000, applied: 2000 });
    expect((await undone(test, me, found.id)).counts).toMatchObject({ undone: 2000 });
    expect(await graphOf(test)).toEqual(before);
  });

  it('is done once, even when it is asked for twice at once', async () => {
    const me = await owner();
    const others = await people(3);
    const { id } = await imported(test, me, { kind: 'mute' }, namesOf(others));
    const answers = await Promise.all([steer(test, me, id, 'undo'), steer(test, me, id, 'undo')]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
    await expect.poll(async () => (await fates(test, me, id)).every((one) => one.endsWith(': undone'))).toBe(true);
    await expect
      .poll(async () => (await test.dataSource.query('select state from import where id = $1', [id]))[0].state)
      .toBe('undone');
    // What comes later is not the import's.
    await change(test, me, 'mute', others[0]?.id ?? '');
    const late = await steer(test, me, id, 'undo');
    expect([late.status, late.body.error]).toEqual([409, 'This import cannot be undone now.']);
    expect(await relationsFrom(test, me)).toHaveLength(1);
    expect((await importJournal(test, me)).filter((type) => type === 'import.undone')).toHaveLength(1);
  });

  it('is not done when its time is over', async () => {
    const me = await owner();
    const others = await people(2);
    const { id, undo_until, finished_at } = await imported(test, me, { kind: 'follow' }, namesOf(others));
    expect(Date.parse(String(undo_until)) - Date.parse(finished_at)).toBe(30 * 86_400_000);
    await test.dataSource.query('update import set undo_until = now() where id = $1', [id]);
    const { status, body } = await steer(test, me, id, 'undo');
    expect([status, body]).toEqual([410, { error: 'The undo window is over.' }]);
    expect(await relationsFrom(test, me)).toHaveLength(2);
    expect(await importJournal(test, me)).not.toContain('import.undone');
  });

  it('is not done to a preview', async () => {
    const me = await owner();
    const { id } = await imported(test, me, { kind: 'follow', dry_run: true }, namesOf(await people(1)));
    expect((await steer(test, me, id, 'undo')).status).toBe(409);
  });
});
