import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { clientToken, outcomeOf, registerClient, type TestClient } from './support/flows.js';
import { makePeople, makeRemote, relateAll } from './support/graph.js';
import { relationship } from './support/relations.js';
import { call, grantScope } from './support/routes.js';

const PATH = '/api/v1/accounts/relationships';

let test: TestApp;
let client: TestClient;
let alice: Person;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
  alice = await newPerson(test, client);
});
afterAll(() => test.close());

const ask = (query: string, path = PATH) =>
  outcomeOf(call(test, { method: 'GET', url: `${path}?${query}` }, alice.token));
const byIds = (ids: readonly string[]) => ask(ids.map((id) => `id[]=${id}`).join('&'));

describe('GET /api/v1/accounts/relationships', () => {
  it('tells every side of how two stand to each other', async () => {
    const [follows = '', followed = '', asked = '', asks = '', blocks = '', blocked = '', muted = ''] =
      await makePeople(test, 7);
    const [far = ''] = await makeRemote(test, 1);
    await changeUser(test, asked, 'locked = true');
    await relateAll(test, 'follow', follows, [alice.id]);
    await relateAll(test, 'follow', alice.id, [followed, asked, far], { reblogs: false, languages: ['nl'] });
    await relateAll(test, 'block', blocks, [alice.id]);
    await relateAll(test, 'block', alice.id, [blocked]);
    await relateAll(test, 'mute', alice.id, [muted], { notifications: false });
    await changeUser(test, alice.id, 'locked = true');
    await relateAll(test, 'follow', asks, [alice.id]);
    await changeUser(test, alice.id, 'locked = false');
    const options = { languages: ['nl'] };
    expect(await byIds([follows, followed, asked, asks, blocks, blocked, muted, far, alice.id])).toEqual({
      status: 200,
      body: [
        relationship(follows, { followed_by: true }),
        relationship(followed, { following: true, ...options }),
        relationship(asked, { requested: true, ...options }),
        relationship(asks, { requested_by: true }),
        relationship(blocks, { blocked_by: true }),
        relationship(blocked, { blocking: true }),
        relationship(muted, { muting: true }),
        relationship(far, { requested: true, ...options }),
        relationship(alice.id),
      ],
    });
  });

  it('answers in the order asked, each once, and leaves out whom nobody knows or can see', async () => {
    const ids = (await makePeople(test, 80)).toSorted(() => Math.random() - 0.5);
    expect((await byIds(ids)).body).toEqual(ids.map((id) => relationship(id)));
    const [one = '', two = '', three = '', four = '', five = '', six = ''] = ids;
    await changeUser(test, two, 'disabled_at = now()');
    await changeUser(test, three, `deletion_due_at = now()`);
    await changeUser(test, four, 'confirmation_pending = true');
    await changeUser(test, five, 'approval_pending = true');
    const asked = [six, uuidv7(), two, three, 'x', '1', alice.name, four, five, one, six, ''];
    expect((await byIds(asked)).body).toEqual([relationship(six), relationship(one)]);
  });

  it('takes the id in every spelling, a trailing slash, and none', async () => {
    const [id = ''] = await makePeople(test, 1);
    for (const query of [`id=${id}`, `id[]=${id}`, `id[0]=${id}`, `id%5B%5D=${id}`, `id=${id.toUpperCase()}`]) {
      expect(await ask(query)).toEqual({ status: 200, body: [relationship(id)] });
    }
    expect(await ask(`id[]=${id}`, `${PATH}/`)).toEqual({ status: 200, body: [relationship(id)] });
    expect(await ask('')).toEqual({ status: 200, body: [] });
  });

  it('refuses more than 80, and an id given twice', async () => {
    const ids = Array.from({ length: 81 }, () => uuidv7());
    expect(await byIds(ids)).toMatchObject({ status: 400, body: { error: 'id - Invalid value.' } });
    expect((await ask(`id=${ids[0]}&id=${ids[1]}`)).status).toBe(400);
  });

  it('wants `read:follows` of a person', async () => {
    for (const scope of ['read:follows', 'read', 'follow']) {
      await grantScope(test, alice.tokens.id, scope);
      expect((await ask('')).status).toBe(200);
    }
    for (const scope of ['write', 'read:accounts read:blocks', 'profile']) {
      await grantScope(test, alice.tokens.id, scope);
      expect(await ask('')).toEqual({ status: 403, body: { error: 'Insufficient permissions: read:follows.' } });
    }
    await grantScope(test, alice.tokens.id, 'read write');
    expect((await call(test, { method: 'GET', url: PATH })).status).toBe(401);
    expect((await call(test, { method: 'GET', url: PATH }, await clientToken(test, client))).status).toBe(403);
  });
});
