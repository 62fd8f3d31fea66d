import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person, rowOf, waitPatiently } from './support/account.js';
import { changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { BODY_FORMS, outcomeOf, registerClient, sendAs, type TestClient } from './support/flows.js';
import { makePeople, makeRemote, relateAll } from './support/graph.js';
import { begin, Roadblock } from './support/roadblock.js';
import { call, grantScope } from './support/routes.js';

const VERIFY = '/api/v1/accounts/verify_credentials';
const UPDATE = '/api/v1/accounts/update_credentials';

let test: TestApp;
let client: TestClient;
let alice: Person;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
  waitPatiently(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  alice = await newPerson(test, client, { displayName: 'Alice', note: 'Me & <you>\nhere', locale: 'de' });
  await newEvents(test, alice.id);
});

const verify = () => outcomeOf(call(test, { method: 'GET', url: VERIFY }, alice.token));
const patch = (fields: object) => outcomeOf(call(test, { method: 'PATCH', url: UPDATE }, alice.token).send(fields));
const storeOf = ({ body }: { body: unknown }) =>
  (body as { pleroma: { settings_store: object } }).pleroma.settings_store;

/** The whole account, as on the wire. */
const account = (more: Record<string, unknown> = {}, pleroma: Record<string, unknown> = {}) => {
  const url = `${PUB}/users/${alice.name}`;
  return {
    id: alice.id,
    username: alice.name,
    acct: alice.name,
    fqn: `${alice.name}@localhost:3000`,
    display_name: 'Alice',
    locked: false,
    bot: false,
    group: false,
    discoverable: true,
    noindex: false,
    created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    note: 'Me &amp; &lt;you&gt;<br>here',
    url,
    uri: url,
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
    source: {
      privacy: 'public',
      sensitive: false,
      language: 'de',
      note: 'Me & <you>\nhere',
      fields: [],
      follow_requests_count: 0,
      pleroma: { discoverable: true, actor_type: 'Person', no_rich_text: false, show_role: true },
    },
    role: { id: '-99', name: '', permissions: '0', highlighted: false },
    ...more,
    pleroma: {
      ap_id: url,
      is_admin: false,
      is_moderator: false,
      is_confirmed: true,
      is_active: true,
      is_local: true,
      deactivated: false,
      tags: [],
      hide_follows: false,
      hide_followers: false,
      hide_favorites: true,
      relationship: {},
      settings_store: {},
      notification_settings: { block_from_strangers: false, hide_notification_contents: false },
      allow_following_move: true,
      follow_request_count: 0,
      ...pleroma,
    },
  };
};

describe('GET /api/v1/accounts/verify_credentials', () => {
  it('tells the whole account, and never the address', async () => {
    const answer = await verify();
    expect(answer).toEqual({ status: 200, body: account() });
    expect(JSON.stringify(answer)).not.toContain(alice.email);
  });

  it('tells the true counts, of accounts that can be seen', async () => {
    const [one = '', two = '', hidden = ''] = await makePeople(test, 3);
    const [asked = ''] = await makePeople(test, 1, true);
    const [far = ''] = await makeRemote(test, 1);
    await relateAll(test, 'follow', alice.id, [one, hidden, asked, far]);
    await relateAll(test, 'follow', one, [alice.id]);
    await relateAll(test, 'follow', two, [alice.id]);
    await relateAll(test, 'follow', hidden, [alice.id]);
    await changeUser(test, alice.id, 'locked = true');
    const [waiting = '', gone = ''] = await makePeople(test, 2);
    for (const id of [waiting, gone]) await relateAll(test, 'follow', id, [alice.id]);
    for (const id of [hidden, gone]) await changeUser(test, id, 'disabled_at = now()');
    expect((await verify()).body).toMatchObject({
      locked: true,
      followers_count: 2,
      following_count: 1,
      source: { follow_requests_count: 1 },
      pleroma: { follow_request_count: 1 },
    });
    await changeUser(test, hidden, UNBLOCKED);
    expect((await verify()).body).toMatchObject({ followers_count: 3, following_count: 2 });
  });

  it.each([
    ['moderator', { id: '2', name: 'Moderator', permissions: '0', highlighted: true }],
    ['admin', { id: '3', name: 'Admin', permissions: '1', highlighted: true }],
  ])('tells the role of a %s', async (role, told) => {
    await changeUser(test, alice.id, `role = '${role}'`);
    const pleroma = { is_admin: role === 'admin', is_moderator: role === 'moderator' };
    expect((await verify()).body).toEqual(account({ role: told }, pleroma));
  });
});

describe('PATCH /api/v1/accounts/update_credentials', () => {
  it.each(BODY_FORMS)('changes a profile as %s, and answers the account', async (form) => {
    const fields = { display_name: ' Al Ice ', note: ' New\nnote ', locked: 'true', bot: '1', discoverable: 'off' };
    const request = call(test, { method: 'PATCH', url: UPDATE }, alice.token);
    const answer = await outcomeOf(sendAs(request, form, fields));
    expect(answer).toMatchObject({
      status: 200,
      body: {
        display_name: 'Al Ice',
        note: 'New<br>note',
        locked: true,
        bot: true,
        discoverable: false,
        source: { note: 'New\nnote', pleroma: { discoverable: false, actor_type: 'Service' } },
      },
    });
    expect(await verify()).toEqual(answer);
    expect(await newEvents(test, alice.id)).toEqual(['profile.changed']);
  });

  it('leaves what is not named, and ignores other names', async () => {
    const others = {
      username: 'eve',
      email: 'eve@example.org',
      role: 'admin',
      fields_attributes: [{ name: 'x' }],
      id: 'x',
    };
    const { username, email, role } = await rowOf(test, alice.id);
    expect(await patch({ ...others, source: { privacy: 'private' }, avatar: 'x' })).toEqual({
      status: 200,
      body: account(),
    });
    expect(await rowOf(test, alice.id)).toMatchObject({ username, email, role });
    expect(await patch({ locked: false, display_name: 'Alice' })).toEqual({ status: 200, body: account() });
    expect(await newEvents(test, alice.id)).toEqual([]);
  });

  it('empties the name, which then is the user name, and the note', async () => {
    expect((await patch({ display_name: ' ', note: '' })).body).toMatchObject({ display_name: alice.name, note: '' });
  });

  it('takes 100 and 5000 characters, and names both when they are more', async () => {
    expect((await patch({ display_name: 'ä'.repeat(100), note: 'n'.repeat(5000) })).status).toBe(200);
    expect(await patch({ display_name: 'a'.repeat(101), note: 'n'.repeat(5001), locked: true })).toEqual({
      status: 422,
      body: {
        error:
          'Validation failed: Display name is too long (maximum is 100 characters), Note is too long (maximum is 5000 characters)',
        details: {
          display_name: [{ error: 'ERR_TOO_LONG', description: 'is too long (maximum is 100 characters)' }],
          note: [{ error: 'ERR_TOO_LONG', description: 'is too long (maximum is 5000 characters)' }],
        },
      },
    });
    expect((await verify()).body).toMatchObject({ locked: false });
  });

  it.each([
    ['locked', 'perhaps', 'Invalid value'],
    ['bot', null, 'Invalid value'],
    ['discoverable', {}, 'Invalid value'],
    ['display_name', 1, 'Invalid string'],
    ['display_name', 'a\u0007b', 'Invalid value'],
    ['note', ['x'], 'Invalid string'],
    ['pleroma_settings_store', [], 'Invalid value'],
    ['pleroma_settings_store', 1, 'Invalid value'],
    ['pleroma_settings_store', null, 'Invalid value'],
  ])('refuses %s as %j', async (field, value, error) => {
    expect(await patch({ [field]: value })).toMatchObject({ status: 400, body: { error: `${field} - ${error}.` } });
    expect(await newEvents(test, alice.id)).toEqual([]);
  });

  it('lets those go on waiting who wait to follow, when it is unlocked', async () => {
    await patch({ locked: true });
    const [waiting = ''] = await makePeople(test, 1);
    await relateAll(test, 'follow', waiting, [alice.id]);
    expect((await patch({ locked: false })).body).toMatchObject({
      locked: false,
      source: { follow_requests_count: 1 },
    });
  });

  it('merges what frontends keep by their key, without a word in the journal', async () => {
    const first = { 'pleroma-fe': { theme: 'dark', nested: { a: [1, null] } }, soapbox_fe: { x: 1 } };
    expect(storeOf(await patch({ pleroma_settings_store: first }))).toEqual(first);
    const second = { 'pleroma-fe': { theme: 'light' }, other: null };
    expect(storeOf(await patch({ pleroma_settings_store: second }))).toEqual({ ...first, ...second });
    expect(storeOf(await verify())).toEqual({ ...first, ...second });
    expect(await newEvents(test, alice.id)).toEqual([]);
  });

  it.each(['form', 'multipart'] as const)('takes what frontends keep as JSON in a %s', async (form) => {
    const send = (store: string) =>
      sendAs(call(test, { method: 'PATCH', url: UPDATE }, alice.token), form, { pleroma_settings_store: store });
    expect(storeOf(await send('{"fe":{"a":"ä"}}'))).toEqual({ fe: { a: 'ä' } });
    for (const bad of [
      'x',
      '[]',
      '1',
      '{',
      `{"a":${'['.repeat(20)}${']'.repeat(20)}}`,
      '{"a":"\\u0000"}',
      '{"a":"\\ud800"}',
    ]) {
      expect((await send(bad)).status).toBe(400);
    }
    expect(storeOf(await verify())).toEqual({ fe: { a: 'ä' } });
  });

  it.each(['json', 'form'] as const)('lets no name in a %s change what JavaScript means by it', async (form) => {
    const store = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"fe":{"a":1}}';
    const body =
      form === 'json' ? `{"pleroma_settings_store":${store}}` : `pleroma_settings_store=${encodeURIComponent(store)}`;
    const answer = await call(test, { method: 'PATCH', url: UPDATE }, alice.token).type(form).send(body);
    expect(storeOf(answer)).toMatchObject({ fe: { a: 1 } });
    expect(({} as { polluted?: boolean }).polluted).toBe(undefined);
  });

  it('keeps 64 KiB, and refuses what would be more', async () => {
    const half = 'x'.repeat(32_700);
    expect((await patch({ pleroma_settings_store: { one: half } })).status).toBe(200);
    expect((await patch({ pleroma_settings_store: { two: half } })).status).toBe(200);
    expect(await patch({ pleroma_settings_store: { three: 'x'.repeat(200) }, locked: true })).toEqual({
      status: 422,
      body: {
        error: 'Validation failed: Pleroma settings store is too large (maximum is 65536 bytes)',
        details: {
          pleroma_settings_store: [{ error: 'ERR_TOO_LONG', description: 'is too large (maximum is 65536 bytes)' }],
        },
      },
    });
    expect((await verify()).body).toMatchObject({ locked: false });
    expect((await patch({ pleroma_settings_store: { two: 'small', three: 'x'.repeat(200) } })).status).toBe(200);
    expect(await patch({ pleroma_settings_store: { four: 'x'.repeat(66_000) } })).toEqual({
      status: 413,
      body: { error: 'Request body is too large' },
    });
  });

  it('loses nothing of two frontends that write at once', async () => {
    const gate = await Roadblock.put(test, 'select from "user" where id = $1 for update', [alice.id]);
    const writes = ['one', 'two', 'three'].map((key) => begin(patch({ pleroma_settings_store: { [key]: { key } } })));
    await gate.queue(3);
    await gate.settle();
    await Promise.all(writes);
    expect(storeOf(await verify())).toEqual({ one: { key: 'one' }, two: { key: 'two' }, three: { key: 'three' } });
  });

  it('wants `write:accounts`', async () => {
    for (const [scope, status] of [
      ['write:accounts', 200],
      ['write', 200],
      ['read', 403],
      ['follow profile write:follows', 403],
    ] as const) {
      await grantScope(test, alice.tokens.id, scope);
      const answer = await patch({});
      const refused = { status: 403, body: { error: 'Insufficient permissions: write:accounts.' } };
      expect(answer).toMatchObject(status === 403 ? refused : { status });
    }
    expect((await call(test, { method: 'PATCH', url: UPDATE })).status).toBe(401);
    const wrong = await call(test, { method: 'POST', url: UPDATE }, alice.token);
    expect({ status: wrong.status, allow: wrong.headers['allow'] }).toEqual({ status: 405, allow: 'GET, HEAD, PATCH' });
  });
});
