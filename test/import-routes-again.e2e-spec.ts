import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { registerClient, type TestClient } from './support/flows.js';
import { ended, holdWork, idIn, type Importer, importList, newImporter, work } from './support/imports.js';

let test: TestApp;
let other: TestApp;
let client: TestClient;
let alice: Importer;
beforeAll(async () => {
  test = await startApp();
  other = await startApp((config) => Object.assign(config, { dataDir: test.config.dataDir }), test.database);
  for (const app of [test, other]) await holdWork(app);
  client = await registerClient(test, { scopes: 'read write follow' });
});
afterAll(async () => {
  await other.close();
  await test.close();
});
beforeEach(async () => {
  alice = await newImporter(test, client);
});

const send = ({ http }: TestApp, { token }: { token: string }, list: string, path = 'follow_import') =>
  http.post(`/api/pleroma/${path}`).auth(token, { type: 'bearer' }).send({ list });

/** How many imports somebody has, and jobs for them. */
const kept = async ({ id }: Importer) => {
  const [row] = await test.dataSource.query(
    `select count(*)::int as imports, (select count(*)::int from job where kind = 'import' and lane = $1::text) as jobs,
       (select count(*)::int from audit_event where type = 'import.started' and user_id = $1::uuid) as events
     from import where user_id = $1::uuid`,
    [id],
  );
  return row;
};
const setState = (id: string, state: string) =>
  test.dataSource.query('update import set state = $2 where id = $1', [id, state]);

describe('the same list sent again (contract.md §7.1)', () => {
  it.each(['queued', 'running'])('is the first one while that is %s', async (state) => {
    const id = idIn(await send(test, alice, 'bob\ncarol'));
    await setState(id, state);
    const again = await send(test, alice, 'bob\ncarol');
    expect([again.status, again.text, idIn(again)]).toEqual([200, '"job started"', id]);
    expect(await kept(alice)).toEqual({ imports: 1, jobs: 1, events: 1 });
  });

  it('is the same by its rows, however they are written, named and sent', async () => {
    const id = idIn(await send(test, alice, 'bob\ncarol'));
    for (const list of [
      '\ufeffAccount address\r\n@BOB\r\n\r\nacct:carol@localhost:3000\r\n',
      'bob carol',
      ' carol;bob ',
    ]) {
      const isSame = !list.includes('carol;bob');
      const again = await send(test, alice, list);
      expect({ list, isSame: idIn(again) === id }).toEqual({ list, isSame });
    }
    const file = await test.http
      .post('/api/v1/pleroma/follow_import')
      .auth(alice.token, { type: 'bearer' })
      .attach('list', Buffer.from('bob\ncarol'), 'friends.csv');
    expect(idIn(file)).toBe(id);
    expect((await importList(test, alice, { list: 'bob\ncarol' })).id).toBe(id);
  });

  it('is another one for another kind, mode, option or person', async () => {
    const ids = new Set([idIn(await send(test, alice, 'bob'))]);
    ids.add(idIn(await send(test, alice, 'bob', 'blocks_import')));
    ids.add(idIn(await send(test, alice, 'bob', 'mutes_import')));
    ids.add(idIn(await send(test, alice, 'Account address,Show boosts\nbob,false')));
    ids.add((await importList(test, alice, { list: 'bob', dry_run: true })).id);
    ids.add((await importList(test, alice, { list: 'bob', mode: 'overwrite', dry_run: false })).id);
    expect(ids.size).toBe(6);
    expect(await kept(alice)).toEqual({ imports: 6, jobs: 6, events: 6 });
    const bob = await newImporter(test, client);
    expect(ids.has(idIn(await send(test, bob, 'bob')))).toBe(false);
  });

  it.each(['finished', 'cancelled', 'preview', 'undoing', 'undone'])(
    'is a new one when the first is %s',
    async (state) => {
      const id = idIn(await send(test, alice, 'bob'));
      await setState(id, state);
      const again = idIn(await send(test, alice, 'bob'));
      expect(again).not.toBe(id);
      expect(await kept(alice)).toEqual({ imports: 2, jobs: 2, events: 2 });
    },
  );

  it('many times at once, to two replicas, is one', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, n) => send(n % 2 ? test : other, alice, 'bob\ncarol')),
    );
    expect(answers.map(({ status, text }) => [status, text])).toEqual(answers.map(() => [200, '"job started"']));
    expect(new Set(answers.map(idIn)).size).toBe(1);
    expect(await kept(alice)).toEqual({ imports: 1, jobs: 1, events: 1 });
  });

  it('while what was looked at is applied, is that one; and looking again is not', async () => {
    const looked = await importList(test, alice, { list: 'bob', dry_run: true });
    expect((await importList(test, alice, { list: 'bob', dry_run: true })).id).toBe(looked.id);
    await setState(looked.id, 'preview');
    const applied = await test.http.post(`/api/v1/imports/${looked.id}/apply`).auth(alice.token, { type: 'bearer' });
    expect(applied.body.state).toBe('queued');
    expect(idIn(await send(test, alice, 'bob'))).toBe(looked.id);
    const anew = await importList(test, alice, { list: 'bob', dry_run: true });
    expect(anew).toMatchObject({ dry_run: true, state: 'queued' });
    expect(anew.id).not.toBe(looked.id);
  });

  it('after the first has come to its end by itself, is a new one', async () => {
    const id = idIn(await send(test, alice, 'nobody1\nnobody2'));
    work(test);
    try {
      expect((await ended(test, alice.token, id)).state).toBe('finished');
      const again = idIn(await send(test, alice, 'nobody1\nnobody2'));
      expect(again).not.toBe(id);
      expect((await ended(test, alice.token, again)).state).toBe('finished');
    } finally {
      await holdWork(test);
    }
    expect(await kept(alice)).toEqual({ imports: 2, jobs: 0, events: 2 });
  });
});
