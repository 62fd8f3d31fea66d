import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createUser } from './support/flows.js';
import { relateAll } from './support/graph.js';
import { fates, graphOf, imported, type Importer, newImporter, relationsFrom, rowsOf } from './support/import-lists.js';
import { change, kindsBetween, relationship, standing } from './support/relations.js';

let test: TestApp;
let names = 0;
beforeAll(async () => {
  test = await startApp();
});
afterAll(() => test.close());

/** Somebody whom nobody has met. */
const somebody = async (more: Record<string, unknown> = {}): Promise<{ id: string; name: string }> => {
  const name = `somebody${++names}`;
  return { id: await createUser(test, name, more), name };
};
const owner = (): Promise<Importer> => newImporter(test, `owner${++names}`);

describe('an import of follows', () => {
  it('takes the options of each row over, and shows in the relationships', async () => {
    const me = await owner();
    const [bob, carol, dan] = [await somebody(), await somebody(), await somebody()];
    const list = [
      'Account address,Show boosts,Notify on new posts,Languages',
      `${bob.name}@localhost:3000,false,true,"de, pt-BR"`,
      `@${carol.name},1,no,`,
      `http://localhost:3000/users/${dan.name},YES,0,en`,
    ];
    const { state, counts, dialect } = await imported(test, me, { kind: 'follow' }, list);
    expect({ state, dialect, ...counts }).toMatchObject({
      state: 'finished',
      dialect: 'mastodon_csv',
      rows: 3,
      applied: 3,
    });
    expect(await standing(test, me, bob.id)).toEqual(
      relationship(bob.id, { following: true, notifying: true, subscribing: true, languages: ['de', 'pt-BR'] }),
    );
    expect(await standing(test, me, carol.id)).toEqual(
      relationship(carol.id, { following: true, showing_reblogs: true }),
    );
    expect(await standing(test, me, dan.id)).toEqual(
      relationship(dan.id, { following: true, showing_reblogs: true, languages: ['en'] }),
    );
  });

  it('leaves a follow unchanged that held before, but takes its options over', async () => {
    const me = await owner();
    const [bob, carol] = [await somebody(), await somebody()];
    await change(test, me, 'follow', bob.id);
    await change(test, me, 'follow', carol.id, { reblogs: false });
    const list = ['Account address,Show boosts,Notify on new posts', `${bob.name},false,true`, `${carol.name},false`];
    const { id, counts } = await imported(test, me, { kind: 'follow' }, list);
    expect(counts).toMatchObject({ rows: 2, unchanged: 2, applied: 0 });
    expect(await standing(test, me, bob.id)).toMatchObject({
      following: true,
      showing_reblogs: false,
      notifying: true,
    });
    // Only what is different has been touched.
    const changes = await test.dataSource.query('select target_id from import_change where import_id = $1', [id]);
    expect(changes).toEqual([{ target_id: bob.id }]);
  });

  it('asks whom it has to ask, and asks nobody twice', async () => {
    const me = await owner();
    const [locked, agreed] = [await somebody({ locked: true }), await somebody({ locked: true })];
    await relateAll(test, 'follow', me.id, [agreed.id]);
    await test.dataSource.query(`update relationship set state = 'accepted' where target_id = $1`, [agreed.id]);
    const list = [locked.name, agreed.name];
    const first = await imported(test, me, { kind: 'follow' }, list);
    expect(await fates(test, me, first.id)).toEqual([`${locked.name}: requested`, `${agreed.name}: unchanged`]);
    expect(await standing(test, me, locked.id)).toMatchObject({ following: false, requested: true });
    const before = await graphOf(test);
    const second = await imported(test, me, { kind: 'follow' }, list);
    expect(await fates(test, me, second.id)).toEqual([`${locked.name}: requested`, `${agreed.name}: unchanged`]);
    expect(await graphOf(test)).toEqual(before);
  });

  it('says of each row that cannot be followed why not', async () => {
    const me = await newImporter(test, 'myself');
    const blocked = await somebody();
    const blocking = await somebody();
    await relateAll(test, 'block', me.id, [blocked.id]);
    await relateAll(test, 'block', blocking.id, [me.id]);
    const disabled = await somebody({ disabledAt: new Date() });
    const hidden = [
      await somebody({ confirmationPending: true }),
      await somebody({ approvalPending: true }),
      await somebody({ deletionDueAt: new Date(Date.now() + 86_400_000) }),
    ];
    const good = await somebody();
    const list = Buffer.concat([
      Buffer.from(
        [
          'Account address,Show boosts',
          `${blocked.name},true`,
          `${blocking.name},true`,
          `${disabled.name},true`,
          ...hidden.map(({ name }) => `${name},true`),
          'nobody_at_all,true',
          'MySelf@localhost:3000,true',
          `${good.name},false`,
          `@${good.name},true`,
          'what ever,true',
          '@,true',
          '',
        ].join('\n'),
      ),
      Buffer.from([0x62, 0xff, 0xfe, 0x62, 0x0a]),
      Buffer.from('a\0b,true\n'),
    ]);
    const before = await graphOf(test);
    const answer = await test.http
      .post('/api/v1/imports')
      .auth(me.token, { type: 'bearer' })
      .field('kind', 'follow')
      .attach('list', list, 'following_accounts.csv');
    expect(answer.status).toBe(200);
    const id: string = answer.body.id;
    await expect
      .poll(async () => (await test.dataSource.query('select state from import where id = $1', [id]))[0].state)
      .toBe('finished');
    const rows = await rowsOf(test, me, id);
    expect(rows.map(({ line, state, reason, retryable }) => [line, state, reason, retryable])).toEqual([
      [2, 'failed', 'you_block_them', false],
      [3, 'failed', 'they_block_you', false],
      [4, 'failed', 'account_disabled', false],
      [5, 'failed', 'not_found', false],
      [6, 'failed', 'not_found', false],
      [7, 'failed', 'not_found', false],
      [8, 'failed', 'not_found', false],
      [9, 'skipped', 'self', false],
      [10, 'applied', null, false],
      [11, 'skipped', 'duplicate', false],
      [12, 'failed', 'not_a_handle', false],
      [13, 'failed', 'not_a_handle', false],
      [14, 'failed', 'bad_encoding', false],
      [15, 'failed', 'bad_encoding', false],
    ]);
    expect(rows.every(({ state, message }) => (state === 'applied') === (message === null))).toBe(true);
    // Nothing but the one follow has come, with the options of the first row.
    expect((await graphOf(test)).length).toBe(before.length + 1);
    expect(await standing(test, me, good.id)).toMatchObject({ following: true, showing_reblogs: false });
  });
});

describe('an import of blocks', () => {
  it('ends follows both ways and requests that wait, and nothing else', async () => {
    const me = await owner();
    const [mutual, asked, asking, stranger, bystander] = await Promise.all([
      somebody(),
      somebody({ locked: true }),
      somebody(),
      somebody(),
      somebody(),
    ]);
    await relateAll(test, 'follow', me.id, [mutual.id, asked.id, bystander.id]);
    await relateAll(test, 'mute', me.id, [mutual.id]);
    await relateAll(test, 'follow', mutual.id, [me.id, bystander.id]);
    await test.dataSource.query('update "user" set locked = true where id = $1', [me.id]);
    await relateAll(test, 'follow', asking.id, [me.id]);
    expect(await standing(test, me, asking.id)).toMatchObject({ requested_by: true });
    const list = [mutual.name, asked.name, asking.name, stranger.name];
    const { id, counts } = await imported(test, me, { kind: 'block' }, list);
    expect(counts).toMatchObject({ rows: 4, applied: 4 });
    expect((await rowsOf(test, me, id)).map(({ options }) => options)).toEqual([{}, {}, {}, {}]);
    expect(await kindsBetween(test, me.id, mutual.id)).toEqual(['block', 'mute']);
    for (const { id: target } of [asked, asking, stranger]) {
      expect(await kindsBetween(test, me.id, target)).toEqual(['block']);
    }
    for (const { id: source } of [mutual, asking]) expect(await kindsBetween(test, source, me.id)).toEqual([]);
    expect(await kindsBetween(test, me.id, bystander.id)).toEqual(['follow']);
    expect(await kindsBetween(test, mutual.id, bystander.id)).toEqual(['follow']);
  });

  it('leaves a block unchanged that held before, and takes disabled accounts, too', async () => {
    const me = await owner();
    const [bob, disabled] = [await somebody(), await somebody({ disabledAt: new Date() })];
    await relateAll(test, 'block', me.id, [bob.id]);
    const { id } = await imported(test, me, { kind: 'block' }, [bob.name, disabled.name, 'nobody_at_all']);
    expect(await fates(test, me, id)).toEqual([
      `${bob.name}: unchanged`,
      `${disabled.name}: applied`,
      'nobody_at_all: failed not_found',
    ]);
    expect(await relationsFrom(test, me)).toEqual(
      [`${bob.name} block accepted`, `${disabled.name} block accepted`].toSorted(),
    );
  });
});

describe('an import of mutes', () => {
  it('hides notifications unless the row says otherwise, and ends no follow', async () => {
    const me = await owner();
    const [bob, carol, dan] = [await somebody(), await somebody(), await somebody()];
    await relateAll(test, 'follow', me.id, [bob.id]);
    await relateAll(test, 'mute', me.id, [dan.id], { notifications: false, duration: 3600 });
    const list = ['Account address,Hide notifications', `${bob.name},false`, carol.name, `${dan.name},true`];
    const { id } = await imported(test, me, { kind: 'mute' }, list);
    const rows = await rowsOf(test, me, id);
    expect(rows.map(({ state, options }) => [state, options])).toEqual([
      ['applied', { notifications: false }],
      ['applied', { notifications: true }],
      ['unchanged', { notifications: true }],
    ]);
    expect(await standing(test, me, bob.id)).toMatchObject({
      following: true,
      muting: true,
      muting_notifications: false,
    });
    expect(await standing(test, me, carol.id)).toMatchObject({ muting: true, muting_notifications: true });
    expect(await standing(test, me, dan.id)).toMatchObject({ muting: true, muting_notifications: true });
    const ends = await test.dataSource.query(
      'select count(*)::int as count from relationship where source_id = $1 and expires_at is not null',
      [me.id],
    );
    expect(ends).toEqual([{ count: 0 }]);
  });

  it('takes a mute that is over for none', async () => {
    const me = await owner();
    const bob = await somebody();
    await relateAll(test, 'mute', me.id, [bob.id], { duration: 3600 });
    await test.dataSource.query(`update relationship set expires_at = now() - interval '1 s' where target_id = $1`, [
      bob.id,
    ]);
    const { id } = await imported(test, me, { kind: 'mute' }, bob.name);
    expect(await fates(test, me, id)).toEqual([`${bob.name}: applied`]);
    expect(await standing(test, me, bob.id)).toMatchObject({ muting: true });
  });
});
