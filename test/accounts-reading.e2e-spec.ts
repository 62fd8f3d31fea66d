import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { outcomeOf, registerClient, type TestClient } from './support/flows.js';
import { makePeople, relateAll } from './support/graph.js';
import { UNKNOWN } from './support/relations.js';
import { call, grantScope } from './support/routes.js';

const HIDING = ACCOUNT_BLOCKS.filter((change) => !change.includes('password'));

let test: TestApp;
let client: TestClient;
let alice: Person;
let far: string;
beforeAll(async () => {
  test = await startApp((config) => (config.instance.domain = 'example.org'));
  client = await registerClient(test);
  alice = await newPerson(test, client, { name: 'alice', displayName: 'Alice', note: 'I', bot: true });
  far = uuidv7();
  await test.dataSource.query(
    `insert into remote_account (id, username, host, uri, url, resolved_at)
     values ($1, 'bob', 'far.example', 'https://far.example/actors/7', 'https://far.example/@bob', now()),
       ($2, 'carol', 'far.example', 'https://far.example/actors/8', null, now()),
       ($3, 'dora', 'xn--bcher-kva.example', 'https://xn--bcher-kva.example/d', null, now())`,
    [far, uuidv7(), uuidv7()],
  );
});
afterAll(() => test.close());

const get = (id: string) => outcomeOf(call(test, { method: 'GET', url: `/api/v1/accounts/${id}` }));
const lookUp = (acct: string) =>
  outcomeOf(call(test, { method: 'GET', url: `/api/v1/accounts/lookup?acct=${encodeURIComponent(acct)}` }));

/** The whole of an account that has nothing special. */
const account = (more: Record<string, unknown>, pleroma: Record<string, unknown>) => ({
  locked: false,
  bot: false,
  group: false,
  discoverable: true,
  noindex: false,
  created_at: expect.stringMatching(/Z$/),
  note: '',
  avatar: `${PUB}/assets/avatar.svg`,
  avatar_static: `${PUB}/assets/avatar.svg`,
  header: `${PUB}/assets/header.svg`,
  header_static: `${PUB}/assets/header.svg`,
  followers_count: 0,
  following_count: 0,
  statuses_count: 0,
  last_status_at: null,
  emojis: [],
  fields: [],
  roles: [],
  moved: null,
  suspended: false,
  limited: false,
  ...more,
  pleroma: {
    is_admin: false,
    is_moderator: false,
    is_confirmed: true,
    deactivated: false,
    tags: [],
    hide_follows: false,
    hide_followers: false,
    hide_favorites: true,
    relationship: {},
    ...pleroma,
  },
});

describe('GET /api/v1/accounts/:id', () => {
  it('tells of somebody here, by id or name, nothing that is theirs alone', async () => {
    const [follower = ''] = await makePeople(test, 1);
    await relateAll(test, 'follow', follower, [alice.id]);
    const url = `${PUB}/users/alice`;
    const names = { id: alice.id, username: 'alice', acct: 'alice', fqn: 'alice@example.org', display_name: 'Alice' };
    const expected = account(
      { ...names, url, uri: url, note: 'I', bot: true, followers_count: 1 },
      { ap_id: url, is_local: true },
    );
    for (const name of [alice.id, 'alice', 'ALICE', alice.id.toUpperCase()]) {
      expect(await get(name)).toEqual({ status: 200, body: expected });
    }
    expect((await get(follower)).body).toMatchObject({
      following_count: 1,
      display_name: expect.stringMatching(/^crowd/),
    });
  });

  it('tells of somebody elsewhere what their host names', async () => {
    const expected = account(
      {
        id: far,
        username: 'bob',
        acct: 'bob@far.example',
        fqn: 'bob@far.example',
        display_name: 'bob',
        url: 'https://far.example/@bob',
        uri: 'https://far.example/actors/7',
      },
      { ap_id: 'https://far.example/actors/7', is_local: false },
    );
    expect(await get(far)).toEqual({ status: 200, body: expected });
    expect((await lookUp('carol@far.example')).body).toMatchObject({ url: 'https://far.example/actors/8' });
  });

  it('finds nobody by anything else', async () => {
    for (const id of [
      uuidv7(),
      'nobody',
      'bob',
      'bob@far.example',
      'alice@example.org',
      '1',
      'a',
      '%00',
      'x'.repeat(300),
    ]) {
      expect(await get(id)).toEqual(UNKNOWN);
    }
  });

  it.each(HIDING)('finds nobody with %s, by whatever name', async (change) => {
    await changeUser(test, alice.id, change);
    const answers = await Promise.all([get(alice.id), get('alice'), lookUp('alice'), lookUp('alice@example.org')]);
    await changeUser(test, alice.id, UNBLOCKED);
    expect(answers).toEqual([UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]);
  });

  it('tells of somebody whose password staff wants changed', async () => {
    await changeUser(test, alice.id, 'password_reset_required = true');
    expect((await get(alice.id)).status).toBe(200);
    await changeUser(test, alice.id, UNBLOCKED);
  });
});

describe('GET /api/v1/accounts/lookup', () => {
  it.each(['alice', '@alice', ' Alice ', 'alice@example.org', '@ALICE@EXAMPLE.ORG', 'alice@localhost:3000'])(
    'finds somebody here by %j',
    async (acct) => {
      expect(await lookUp(acct)).toMatchObject({ status: 200, body: { id: alice.id, acct: 'alice' } });
    },
  );

  it.each(['bob@far.example', '@Bob@Far.Example', 'dora@bücher.example', 'dora@xn--bcher-kva.example'])(
    'finds somebody elsewhere by %j',
    async (acct) => {
      expect((await lookUp(acct)).body).toMatchObject({ acct: expect.stringMatching(/^(bob|dora)@/) });
    },
  );

  it.each([
    'bob',
    'alice@far.example',
    'nobody@nowhere.example',
    '',
    '@',
    'a b',
    'x'.repeat(400),
    'alice@@far.example',
  ])('finds nobody by %j, and asks nobody', async (acct) => {
    expect(await lookUp(acct)).toEqual(UNKNOWN);
  });

  it('wants `acct`, once', async () => {
    const ask = (query: string) => outcomeOf(call(test, { method: 'GET', url: `/api/v1/accounts/lookup?${query}` }));
    expect(await ask('')).toMatchObject({ status: 400, body: { error: 'Missing field: acct.' } });
    expect((await ask('acct=a&acct=b')).status).toBe(400);
  });
});

describe('GET /api/v1/preferences', () => {
  it('is Mastodon’s defaults, for `read:accounts`', async () => {
    const read = () => outcomeOf(call(test, { method: 'GET', url: '/api/v1/preferences' }, alice.token));
    expect(await read()).toEqual({
      status: 200,
      body: {
        'posting:default:visibility': 'public',
        'posting:default:sensitive': false,
        'posting:default:language': null,
        'reading:expand:media': 'default',
        'reading:expand:spoilers': false,
      },
    });
    await grantScope(test, alice.tokens.id, 'write follow profile');
    expect(await read()).toEqual({ status: 403, body: { error: 'Insufficient permissions: read:accounts.' } });
    expect((await call(test, { method: 'GET', url: '/api/v1/preferences' })).status).toBe(401);
  });
});
