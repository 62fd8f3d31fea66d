import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { makePeople, makeRemote, relateAll } from './support/graph.js';
import { graphOf, imported, type Importer, newImporter, rowsOf, steer, undone } from './support/import-lists.js';

const ROWS = 5000;

let test: TestApp;
let me: Importer;
/** The list, and what is to become of each row. */
const list: string[] = ['Account address,Show boosts,Notify on new posts,Languages'];
const fate: string[] = [];
beforeAll(async () => {
  test = await startApp();
  me = await newImporter(test, 'importer');
  const open = await makePeople(test, 3600);
  const locked = await makePeople(test, 300, true);
  const [known, blocked, strange] = [open.splice(0, 300), open.splice(0, 50), open.splice(0, 50)];
  const far = await makeRemote(test, 300);
  const names = await namesOf([...known, ...blocked, ...strange, ...open, ...locked, ...far]);
  await relateAll(test, 'follow', me.id, known, { reblogs: false, notify: true, languages: ['de'] });
  await relateAll(test, 'block', me.id, blocked);
  for (const id of strange) await relateAll(test, 'block', id, [me.id]);
  // What has nothing to do with the list stays.
  await relateAll(test, 'mute', me.id, open.slice(0, 100), { notifications: false });
  await relateAll(test, 'follow', open[0] ?? '', [me.id, ...locked.slice(0, 10)]);
  const rows: [handle: string | undefined, fate: string][] = [
    ...known.map((id): [string | undefined, string] => [names.get(id), 'unchanged']),
    ...open.map((id): [string | undefined, string] => [names.get(id), 'applied']),
    ...locked.map((id): [string | undefined, string] => [names.get(id), 'requested']),
    ...far.map((id): [string | undefined, string] => [names.get(id), 'requested']),
    ...blocked.map((id): [string | undefined, string] => [names.get(id), 'failed you_block_them']),
    ...strange.map((id): [string | undefined, string] => [names.get(id), 'failed they_block_you']),
    ...Array.from({ length: 150 }, (_, n): [string, string] => [`nobody${n}`, 'failed not_found']),
    ...Array.from({ length: 150 }, (_, n): [string, string] => [`no body ${n}`, 'failed not_a_handle']),
    ...Array.from({ length: 100 }, (_, n): [string, string] => [`x@10.0.0.${n}`, 'failed host_not_allowed']),
  ];
  rows.push(...Array.from({ length: ROWS - rows.length }, (): [string, string] => ['importer', 'skipped self']));
  rows.sort(([a = ''], [b = '']) => (hash(a) < hash(b) ? -1 : 1));
  for (const [index, [handle = '', expected]] of rows.entries()) {
    list.push(`${handle},${index % 2 === 0},${index % 3 === 0},${index % 5 === 0 ? '"en, fr"' : ''}`);
    fate.push(expected);
  }
});
afterAll(() => test.close());

/** Some order that is always the same. */
function hash(text: string): number {
  let sum = 7;
  for (const character of text) sum = (sum * 31 + character.charCodeAt(0)) % 1_000_003;
  return sum;
}

async function namesOf(ids: readonly string[]): Promise<Map<string, string>> {
  const rows: { id: string; name: string }[] = await test.dataSource.query(
    `select id, username as name from "user" where id = any($1)
     union all select id, username || '@' || host from remote_account where id = any($1)`,
    [ids],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** A person's follows: target, state and options. */
async function followsOf(id: string): Promise<string[]> {
  const rows: Record<string, unknown>[] = await test.dataSource.query(
    `select target_id, state, reblogs, notify, languages from relationship where source_id = $1 and kind = 'follow'`,
    [id],
  );
  return rows.map(({ target_id, state, reblogs, notify, languages }) =>
    JSON.stringify([target_id, state, ordered({ reblogs, notify, languages })]),
  );
}

function ordered({ reblogs, notify, languages }: Record<string, unknown>): unknown[] {
  return [reblogs, notify, languages];
}

function tally(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const one of fate) counts[one.split(' ')[0] ?? ''] = (counts[one.split(' ')[0] ?? ''] ?? 0) + 1;
  return counts;
}

describe("an export of Mastodon's with five thousand rows, a tenth of them bad", () => {
  it('is told of row by row, holds as it says, and is taken back to the last option', async () => {
    const before = await graphOf(test);
    const { id, state, counts, dialect } = await imported(test, me, { kind: 'follow' }, list, 15_000);
    expect({ state, dialect }).toEqual({ state: 'finished', dialect: 'mastodon_csv' });
    expect(counts).toMatchObject({ rows: ROWS, pending: 0, ...tally() });
    const { rows: all, ...rest } = counts;
    expect(Object.values(rest).reduce((sum, count) => sum + count, 0)).toBe(all);

    const rows = await rowsOf(test, me, id);
    expect(rows.map(({ line }) => line)).toEqual(fate.map((_, index) => index + 2));
    expect(rows.map(({ state: is, reason }) => (reason === null ? is : `${is} ${reason}`))).toEqual(fate);
    // The report holds the bad ones, each with a reason, and no other.
    const failures = await test.http.get(`/api/v1/imports/${id}/failures.csv`).auth(me.token, { type: 'bearer' });
    expect(failures.text.trim().split(/\r?\n/)).toHaveLength(1 + (tally()['failed'] ?? 0));

    // What the graph says is what the list asked for.
    const held = rows.filter((row) => ['applied', 'requested', 'unchanged'].includes(row.state));
    const asked = held.map(({ account_id, state: is, options }) =>
      JSON.stringify([account_id, is === 'requested' ? is : 'accepted', ordered(options)]),
    );
    expect((await followsOf(me.id)).toSorted()).toEqual(asked.toSorted());

    const after = await undone(test, me, id);
    expect(after.state).toBe('undone');
    expect(await graphOf(test)).toEqual(before);
    expect((await steer(test, me, id, 'undo')).status).toBe(409);
  });
});

describe('a list that is to overwrite thousands', () => {
  it('takes them all away, and brings them all back', { timeout: 40_000 }, async () => {
    const other = await newImporter(test, 'overwriter');
    const people = await makePeople(test, 10_000);
    await relateAll(test, 'follow', other.id, people, { notify: true });
    const names = await namesOf(people);
    const named = people.slice(0, 5000).map((id) => `${names.get(id)},true,true`);
    const before = await graphOf(test);
    const found = await imported(
      test,
      other,
      { kind: 'follow', mode: 'overwrite', dry_run: false },
      ['Account address,Show boosts,Notify on new posts', ...named],
      15_000,
    );
    expect(found.counts).toMatchObject({ rows: 10_000, unchanged: 5000, removed: 5000 });
    const back = await undone(test, other, found.id);
    expect(back.counts).toMatchObject({ unchanged: 5000, undone: 5000, removed: 0 });
    expect(await graphOf(test)).toEqual(before);
  });
});
