import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RelationshipsPurge } from '../src/relationships/relationships.purge.js';
import { newPerson } from './support/account.js';
import { deleteAccount, erasureOf, letGraceEnd } from './support/account-ending.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { completeBackup, download, unzip } from './support/backups.js';
import { registerClient, type TestClient } from './support/flows.js';
import { makePeople, makeRemote, relateAll, relationsOf } from './support/graph.js';

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp((config) => (config.instance.domain = 'example.org'));
  client = await registerClient(test);
});
afterAll(() => test.close());

const nameOf = async (id: string): Promise<string> => {
  const [row] = await test.dataSource.query(
    `select username || '@example.org' as name from "user" where id = $1
     union all select username || '@' || host from remote_account where id = $1`,
    [id],
  );
  return row.name;
};
const namesOf = (ids: readonly string[]) => Promise.all(ids.toSorted().toReversed().map(nameOf));

describe('the erasure of an account', () => {
  it('removes its relations of both directions, and nobody else’s', async () => {
    const person = await newPerson(test, client);
    const crowd = await makePeople(test, 2500);
    const [one = '', two = ''] = crowd;
    await relateAll(test, 'follow', person.id, crowd);
    await relateAll(test, 'mute', person.id, crowd);
    await relateAll(test, 'follow', one, [person.id, two]);
    await relateAll(test, 'block', two, [person.id]);
    await deleteAccount(test, person);
    expect(await relationsOf(test, person.id)).not.toEqual([]);
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    expect(await relationsOf(test, person.id)).toEqual([]);
    expect(await relationsOf(test, one, two)).toMatchObject([{ source: one, kind: 'follow', target: two }]);
  });
});

describe('the archive of a person’s data', () => {
  it('has the lists as Mastodon makes them', async () => {
    const person = await newPerson(test, client);
    const [plain = '', special = '', hidden = '', deleted = '', over = ''] = await makePeople(test, 5);
    const [far = ''] = await makeRemote(test, 1);
    await relateAll(test, 'follow', person.id, [plain, far, hidden, deleted]);
    await relateAll(test, 'follow', person.id, [special], { reblogs: false, notify: true, languages: ['de', 'en'] });
    await relateAll(test, 'mute', person.id, [plain, hidden]);
    await relateAll(test, 'mute', person.id, [special], { notifications: false, duration: 3600 });
    await relateAll(test, 'mute', person.id, [over], { duration: 3600 });
    await test.dataSource.query(`update relationship set expires_at = now() where target_id = $1`, [over]);
    const blocked = [...(await makePeople(test, 2)), ...(await makeRemote(test, 2))];
    await relateAll(test, 'block', person.id, blocked);
    await changeUser(test, hidden, 'disabled_at = now()');
    await changeUser(test, deleted, 'deletion_due_at = now()');

    const { id } = await completeBackup(test, person.token);
    const files = await unzip((await download(test, id, person.token)).body);
    const follows = [plain, special, hidden, far].toSorted().toReversed();
    expect(parse(files.get('following_accounts.csv') ?? '')).toEqual([
      ['Account address', 'Show boosts', 'Notify on new posts', 'Languages'],
      ...(await Promise.all(
        follows.map(async (one) => [
          await nameOf(one),
          ...(one === special ? ['false', 'true', 'de, en'] : ['true', 'false', '']),
        ]),
      )),
    ]);
    expect(parse(files.get('blocked_accounts.csv') ?? '')).toEqual((await namesOf(blocked)).map((name) => [name]));
    const mutes = [plain, special, hidden].toSorted().toReversed();
    expect(parse(files.get('muted_accounts.csv') ?? '')).toEqual([
      ['Account address', 'Hide notifications'],
      ...(await Promise.all(mutes.map(async (one) => [await nameOf(one), String(one !== special)]))),
    ]);
  });

  it('has thousands, page by page, and counts them as they are read', async () => {
    const person = await newPerson(test, client);
    const crowd = [...(await makePeople(test, 1100)), ...(await makeRemote(test, 1100))];
    await relateAll(test, 'block', person.id, crowd);
    const backup = await completeBackup(test, person.token);
    expect(backup.processed_number).toBeGreaterThan(2200);
    const files = await unzip((await download(test, backup.id, person.token)).body);
    const lines = (files.get('blocked_accounts.csv') ?? '').trimEnd().split('\r\n');
    expect(lines).toHaveLength(2200);
    expect(new Set(lines)).toEqual(new Set(await namesOf(crowd)));
  });
});

describe('the purge of mutes', () => {
  it('removes those that are over, and nothing else', async () => {
    const [owner = '', over = '', ending = '', forEver = ''] = await makePeople(test, 4);
    await relateAll(test, 'mute', owner, [over, ending], { duration: 3600 });
    await relateAll(test, 'mute', owner, [forEver]);
    await relateAll(test, 'follow', owner, [over]);
    await test.dataSource.query(
      `update relationship set expires_at = now() - interval '1 second' where target_id = $1 and kind = 'mute'`,
      [over],
    );
    await test.app.get(RelationshipsPurge).purge();
    const left = await relationsOf(test, owner);
    expect(new Set(left.map(({ kind, target }) => `${String(kind)} ${String(target)}`))).toEqual(
      new Set([`follow ${over}`, `mute ${ending}`, `mute ${forEver}`]),
    );
  });
});
