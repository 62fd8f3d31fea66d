import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { answerFollow } from '../src/relationships/graph.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import {
  batch,
  makePeople,
  makeRemote,
  relateAll,
  relationsOf,
  restoreAll,
  tally,
  unrelateAll,
} from './support/graph.js';

const PLAIN = {
  state: 'accepted',
  reblogs: true,
  notify: false,
  languages: null,
  notifications: true,
  expires: false,
};

let test: TestApp;
let me: string;
let other: string;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.close());
beforeEach(async () => {
  [me = '', other = ''] = await makePeople(test, 2);
});

const follow = (source: string, target: string, more = {}) => ({ source, kind: 'follow', target, ...PLAIN, ...more });
const block = (source: string, target: string) => ({ source, kind: 'block', target, ...PLAIN });
const mute = (source: string, target: string, more = {}) => ({ source, kind: 'mute', target, ...PLAIN, ...more });
const revisionOf = async (source: string, kind: string, target: string) => {
  const [row] = await test.dataSource.query(
    'select revision from relationship where source_id = $1 and kind = $2 and target_id = $3',
    [source, kind, target],
  );
  return row?.revision;
};

describe('relate', () => {
  it('follows a thousand accounts at once, each as it has to be', async () => {
    const groups = {
      open: await makePeople(test, 300),
      locked: await makePeople(test, 100, true),
      far: await makeRemote(test, 300),
      blocked: await makePeople(test, 60),
      blocking: await makePeople(test, 60),
      disabled: await makePeople(test, 30),
      deleted: await makePeople(test, 30),
      unconfirmed: await makePeople(test, 30),
      unapproved: await makePeople(test, 30),
      followed: await makePeople(test, 30),
      asked: await makePeople(test, 30, true),
    };
    await relateAll(test, 'block', me, groups.blocked);
    for (const source of groups.blocking) await relateAll(test, 'block', source, [me]);
    for (const id of groups.disabled) await changeUser(test, id, 'disabled_at = now()');
    for (const id of groups.deleted) await changeUser(test, id, `deletion_due_at = now() + interval '1 day'`);
    for (const id of groups.unconfirmed) await changeUser(test, id, 'confirmation_pending = true');
    for (const id of groups.unapproved) await changeUser(test, id, 'approval_pending = true');
    await relateAll(test, 'follow', me, [...groups.followed, ...groups.asked]);
    const wanted = Object.values(groups).flat();
    expect(wanted).toHaveLength(1000);

    const revision = uuidv7();
    const done = await relateAll(test, 'follow', me, wanted, { revision });
    expect(tally(done)).toEqual({
      applied: 300,
      requested: 430,
      you_block_them: 60,
      they_block_you: 60,
      account_disabled: 120,
      unchanged: 30,
    });
    const made = new Set([...groups.open, ...groups.locked, ...groups.far]);
    expect(new Set(done.changes.map(({ targetId }) => targetId))).toEqual(made);
    expect(done.changes.every(({ before, wasRemoved, sourceId }) => !before && !wasRemoved && sourceId === me)).toBe(
      true,
    );
    const [row] = await test.dataSource.query(
      `select count(*) filter (where state = 'accepted') as accepted, count(*) filter (where state = 'requested') as requested,
         count(*) filter (where revision = $2) as revised from relationship where source_id = $1 and kind = 'follow'`,
      [me, revision],
    );
    expect(row).toEqual({ accepted: 330, requested: 430, revised: 700 });
  });

  it('follows somebody whose password staff wants changed', async () => {
    await changeUser(test, other, 'password_reset_required = true');
    expect(tally(await relateAll(test, 'follow', me, [other]))).toEqual({ applied: 1 });
  });

  it('says of a block by the follower before it says that the account is disabled', async () => {
    await relateAll(test, 'block', me, [other]);
    await changeUser(test, other, 'disabled_at = now()');
    expect(tally(await relateAll(test, 'follow', me, [other]))).toEqual({ you_block_them: 1 });
  });

  it('does nothing for nobody', async () => {
    expect(await relateAll(test, 'follow', me, [])).toEqual({ outcomes: [], changes: [] });
  });

  it('takes options over from what held before, and tells what they were', async () => {
    const crowd = await makePeople(test, 1000);
    await relateAll(test, 'follow', me, crowd);
    const again = await relateAll(test, 'follow', me, crowd);
    expect(tally(again)).toEqual({ unchanged: 1000 });
    expect(again.changes).toEqual([]);
    const options = { reblogs: false, notify: true, languages: ['de', 'en'] };
    const changed = await relateAll(test, 'follow', me, crowd, options);
    expect(tally(changed)).toEqual({ unchanged: 1000 });
    expect(changed.changes).toHaveLength(1000);
    expect(changed.changes[0]).toMatchObject({
      sourceId: me,
      kind: 'follow',
      before: { source_id: me, reblogs: true, notify: false, languages: null, state: 'accepted' },
      wasRemoved: false,
    });
    const rows = await relationsOf(test, me);
    expect(rows).toHaveLength(1000);
    expect(rows[0]).toEqual(follow(me, crowd.toSorted()[0]!, options));
  });

  it('takes no languages for all', async () => {
    await relateAll(test, 'follow', me, [other], { languages: [] });
    expect(await relationsOf(test, me)).toEqual([follow(me, other)]);
    expect((await relateAll(test, 'follow', me, [other], { languages: null })).changes).toEqual([]);
  });

  it('lets a request through when the account has been unlocked since', async () => {
    await changeUser(test, other, 'locked = true');
    expect(tally(await relateAll(test, 'follow', me, [other]))).toEqual({ requested: 1 });
    expect(tally(await relateAll(test, 'follow', me, [other]))).toEqual({ requested: 1 });
    await changeUser(test, other, 'locked = false');
    const done = await relateAll(test, 'follow', me, [other]);
    expect(tally(done)).toEqual({ applied: 1 });
    expect(done.changes).toMatchObject([{ before: { state: 'requested' } }]);
    await changeUser(test, other, 'locked = true');
    expect(tally(await relateAll(test, 'follow', me, [other], { notify: true }))).toEqual({ unchanged: 1 });
    expect(await relationsOf(test, me)).toEqual([follow(me, other, { notify: true })]);
  });

  it('blocks a thousand accounts, whose follows and requests end both ways', async () => {
    const [near, locked, far] = [
      await makePeople(test, 500),
      await makePeople(test, 250, true),
      await makeRemote(test, 250),
    ];
    const crowd = [...near, ...locked, ...far];
    await changeUser(test, me, 'locked = true');
    await relateAll(test, 'follow', me, crowd);
    for (const source of near.slice(0, 50)) await relateAll(test, 'follow', source, [me]);
    await relateAll(test, 'mute', me, [near[0]!]);
    const [bystander = ''] = await makePeople(test, 1);
    await relateAll(test, 'follow', bystander, [...crowd.slice(0, 3), me]);

    const done = await relateAll(test, 'block', me, crowd);
    expect(tally(done)).toEqual({ applied: 1000 });
    expect(done.changes.filter(({ wasRemoved }) => wasRemoved)).toHaveLength(1050);
    expect(done.changes.filter(({ kind, before }) => kind === 'block' && before === null)).toHaveLength(1000);
    const [row] = await test.dataSource.query(
      `select count(*) filter (where kind = 'block') as blocks, count(*) filter (where kind = 'follow') as follows,
         count(*) filter (where kind = 'mute') as mutes from relationship where source_id = $1 or target_id = $1`,
      [me],
    );
    // The bystander's request is nobody's business.
    expect(row).toEqual({ blocks: 1000, follows: 1, mutes: 1 });
    expect(tally(await relateAll(test, 'block', me, crowd))).toEqual({ unchanged: 1000 });
  });

  it('blocks also whom nobody can see', async () => {
    await changeUser(test, other, 'disabled_at = now()');
    expect(tally(await relateAll(test, 'block', me, [other]))).toEqual({ applied: 1 });
    expect(tally(await relateAll(test, 'mute', me, [other]))).toEqual({ applied: 1 });
  });

  it('mutes a thousand accounts, and takes over how', async () => {
    const crowd = [...(await makePeople(test, 500)), ...(await makeRemote(test, 500))];
    await relateAll(test, 'follow', me, [crowd[0]!]);
    expect(tally(await relateAll(test, 'mute', me, crowd))).toEqual({ applied: 1000 });
    expect((await relateAll(test, 'mute', me, crowd)).changes).toEqual([]);
    const changed = await relateAll(test, 'mute', me, crowd, { notifications: false, duration: 3600 });
    expect(tally(changed)).toEqual({ unchanged: 1000 });
    expect(changed.changes).toHaveLength(1000);
    const rows = await relationsOf(test, me);
    expect(rows).toHaveLength(1001);
    expect(rows).toContainEqual(follow(me, crowd[0]!));
    expect(rows).toContainEqual(mute(me, crowd[999]!, { notifications: false, expires: true }));
  });

  it('takes a mute that is over for none', async () => {
    await relateAll(test, 'mute', me, [other], { duration: 60 });
    await test.dataSource.query(
      `update relationship set expires_at = now() - interval '1 second' where source_id = $1`,
      [me],
    );
    const revision = uuidv7();
    const done = await relateAll(test, 'mute', me, [other], { revision });
    expect(tally(done)).toEqual({ applied: 1 });
    expect(done.changes).toEqual([{ sourceId: me, kind: 'mute', targetId: other, before: null, wasRemoved: false }]);
    expect(await relationsOf(test, me)).toEqual([mute(me, other)]);
    await restoreAll(test, done.changes, revision);
    expect(await relationsOf(test, me)).toEqual([]);
  });
});

describe('unrelate', () => {
  it('takes a thousand relations of one kind away and tells what they were', async () => {
    const crowd = await makePeople(test, 1000);
    await relateAll(test, 'follow', me, crowd, { notify: true });
    await relateAll(test, 'mute', me, crowd);
    const [stranger = ''] = await makePeople(test, 1);
    const gone = await unrelateAll(test, 'follow', me, [...crowd, stranger]);
    expect(gone).toHaveLength(1000);
    expect(gone.every(({ wasRemoved, kind }) => wasRemoved && kind === 'follow')).toBe(true);
    expect(gone[0]).toMatchObject({ sourceId: me, before: { notify: true, state: 'accepted' } });
    const rows = await relationsOf(test, me);
    expect(rows).toHaveLength(1000);
    expect(rows.every(({ kind }) => kind === 'mute')).toBe(true);
    expect(await unrelateAll(test, 'follow', me, crowd)).toEqual([]);
  });

  it('finds no mute that is over', async () => {
    await relateAll(test, 'mute', me, [other], { duration: 60 });
    await test.dataSource.query(
      `update relationship set expires_at = now() - interval '1 second' where source_id = $1`,
      [me],
    );
    expect(await unrelateAll(test, 'mute', me, [other])).toEqual([]);
  });
});

describe('restore', () => {
  it('takes back what was made, and nothing else', async () => {
    const crowd = await makePeople(test, 1000);
    const before = crowd.slice(0, 400);
    await relateAll(test, 'follow', me, before, { reblogs: false, languages: ['fr'] });
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'follow', me, crowd, { revision, notify: true });
    expect(changes).toHaveLength(1000);
    expect(await restoreAll(test, changes, revision)).toHaveLength(1000);
    const rows = await relationsOf(test, me);
    expect(rows).toEqual(before.toSorted().map((id) => follow(me, id, { reblogs: false, languages: ['fr'] })));
    expect(await restoreAll(test, changes, revision)).toEqual([]);
    expect(await relationsOf(test, me)).toEqual(rows);
  });

  it('leaves alone what was touched since', async () => {
    const [made = '', changed = '', removed = ''] = await makePeople(test, 3);
    await relateAll(test, 'follow', me, [changed, removed]);
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'follow', me, [made, changed], { revision, notify: true });
    const gone = await unrelateAll(test, 'follow', me, [removed]);
    await relateAll(test, 'follow', me, [made, changed], { reblogs: false });
    await relateAll(test, 'follow', me, [removed], { languages: ['it'] });
    const before = await relationsOf(test, me);
    expect(await restoreAll(test, [...changes, ...gone], revision)).toEqual([]);
    expect(await relationsOf(test, me)).toEqual(before);
  });

  it('leaves alone what its owner took away and made again', async () => {
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'follow', me, [other], { revision });
    await unrelateAll(test, 'follow', me, [other]);
    await relateAll(test, 'follow', me, [other]);
    expect(await restoreAll(test, changes, revision)).toEqual([]);
    expect(await relationsOf(test, me)).toEqual([follow(me, other)]);
  });

  it('takes a follow back that was accepted since, and a change of options without what was accepted', async () => {
    const crowd = await makePeople(test, 2, true);
    const [fresh = '', asked = ''] = crowd;
    await relateAll(test, 'follow', me, [asked]);
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'follow', me, crowd, { revision, notify: true });
    for (const id of crowd) expect(await batch(test, (tx) => answerFollow(id, me, 'authorize', tx))).toBe(true);
    expect(await revisionOf(me, 'follow', fresh)).toBe(revision);
    expect(await restoreAll(test, changes, revision)).toHaveLength(2);
    expect(await relationsOf(test, me)).toEqual([follow(me, asked)]);
  });

  it('brings follows back that a block ended, both ways, when the block goes with it', async () => {
    const crowd = await makePeople(test, 1000);
    await relateAll(test, 'follow', me, crowd, { notify: true });
    for (const source of crowd.slice(0, 20)) await relateAll(test, 'follow', source, [me]);
    const before = await relationsOf(test, me);
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'block', me, crowd, { revision });
    expect(changes).toHaveLength(2020);
    expect(await restoreAll(test, changes, revision)).toHaveLength(2020);
    expect(await relationsOf(test, me)).toEqual(before);
  });

  it('brings no follow back against a block of either', async () => {
    const [theirs = '', mine = '', free = ''] = await makePeople(test, 3);
    const all = [theirs, mine, free];
    await relateAll(test, 'follow', me, all);
    for (const id of all) await relateAll(test, 'follow', id, [me]);
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'block', me, all, { revision });
    await relateAll(test, 'block', theirs, [me]);
    await unrelateAll(test, 'block', me, [mine]);
    await relateAll(test, 'block', me, [mine]);
    await restoreAll(test, changes, revision);
    expect(new Set(await relationsOf(test, me))).toEqual(
      new Set([block(theirs, me), block(me, mine), follow(me, free), follow(free, me)]),
    );
  });

  it('brings a block back, which ends the follow of the other; not against its owner’s own', async () => {
    const crowd = await makePeople(test, 3);
    const [follower = '', wanted = '', quiet = ''] = crowd;
    await relateAll(test, 'block', me, crowd);
    const gone = await unrelateAll(test, 'block', me, crowd);
    await relateAll(test, 'follow', follower, [me]);
    await relateAll(test, 'follow', me, [wanted]);
    expect(await restoreAll(test, gone, uuidv7())).toHaveLength(2);
    expect(new Set(await relationsOf(test, me))).toEqual(
      new Set([block(me, follower), follow(me, wanted), block(me, quiet)]),
    );
  });

  it('brings nothing back of somebody who was erased', async () => {
    await relateAll(test, 'follow', other, [me]);
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'block', me, [other], { revision });
    await changeUser(test, other, 'deletion_due_at = now(), erased_at = now()');
    await test.dataSource.query('delete from relationship where source_id = $1 or target_id = $1', [other]);
    expect(await restoreAll(test, changes, revision)).toEqual([]);
    expect(await relationsOf(test, me)).toEqual([]);
  });

  it('gives what it changed the next revision', async () => {
    const [changed = '', removed = ''] = await makePeople(test, 2);
    await relateAll(test, 'follow', me, [changed, removed]);
    const [revision, next] = [uuidv7(), uuidv7()];
    const { changes } = await relateAll(test, 'follow', me, [changed], { revision, notify: true });
    const gone = await unrelateAll(test, 'follow', me, [removed]);
    await restoreAll(test, [...changes, ...gone], revision, next);
    expect(await revisionOf(me, 'follow', changed)).toBe(next);
    expect(await revisionOf(me, 'follow', removed)).toBe(next);
  });

  it('restores a mute with its end', async () => {
    await relateAll(test, 'mute', me, [other], { duration: 3600, notifications: false });
    const revision = uuidv7();
    const { changes } = await relateAll(test, 'mute', me, [other], { revision });
    await restoreAll(test, changes, revision);
    expect(await relationsOf(test, me)).toEqual([mute(me, other, { notifications: false, expires: true })]);
  });
});

describe('answerFollow', () => {
  it('answers only what waits, once', async () => {
    await changeUser(test, other, 'locked = true');
    const answer = (how: 'authorize' | 'reject') => batch(test, (tx) => answerFollow(other, me, how, tx));
    expect(await answer('authorize')).toBe(false);
    await relateAll(test, 'follow', me, [other]);
    expect(await answer('authorize')).toBe(true);
    expect(await relationsOf(test, me)).toEqual([follow(me, other)]);
    expect(await answer('authorize')).toBe(false);
    expect(await answer('reject')).toBe(false);
    await unrelateAll(test, 'follow', me, [other]);
    await relateAll(test, 'follow', me, [other]);
    expect(await answer('reject')).toBe(true);
    expect(await relationsOf(test, me)).toEqual([]);
  });
});
