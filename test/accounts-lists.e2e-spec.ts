import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { clientToken, outcomeOf, registerClient, type TestClient } from './support/flows.js';
import { makePeople, makeRemote, relateAll } from './support/graph.js';
import { linkOf, relationship, UNKNOWN } from './support/relations.js';
import { call, grantScope } from './support/routes.js';

let test: TestApp;
let client: TestClient;
let alice: Person;
let bob: Person;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
  alice = await newPerson(test, client);
  bob = await newPerson(test, client);
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.dataSource.query('delete from relationship');
});

/** Each list of Alice's: where it is, and how a crowd comes into it. */
const LISTS = [
  [
    'following',
    () => `/api/v1/accounts/${alice.id}/following`,
    (ids: string[]) => relateAll(test, 'follow', alice.id, ids),
  ],
  ['followers', () => `/api/v1/accounts/${alice.id}/followers`, (ids: string[]) => each(ids, alice.id)],
  ['blocks', () => '/api/v1/blocks', (ids: string[]) => relateAll(test, 'block', alice.id, ids)],
  ['mutes', () => '/api/v1/mutes', (ids: string[]) => relateAll(test, 'mute', alice.id, ids)],
  ['follow_requests', () => '/api/v1/follow_requests', (ids: string[]) => ask(ids)],
] as const;

const each = async (ids: string[], target: string) => {
  for (const id of ids) await relateAll(test, 'follow', id, [target]);
};
const ask = async (ids: string[]) => {
  await changeUser(test, alice.id, 'locked = true');
  await each(ids, alice.id);
  await changeUser(test, alice.id, 'locked = false');
};
const get = (url: string, token: string | undefined = alice.token) => call(test, { method: 'GET', url }, token);
const idsOf = (body: { id: string }[]) => body.map(({ id }) => id);
const pathOf = (url: URL | null) => url && `${url.pathname}${url.search}`;

describe.each(LISTS)('the list %s', (name, path, fill) => {
  it('is empty at first, without `Link`', async () => {
    const answer = await get(path());
    expect(answer).toMatchObject({ status: 200, body: [] });
    expect(answer.headers).not.toHaveProperty('link');
  });

  it('ends when pages are asked for by the last account’s id, as Pleroma-FE exports', async () => {
    const crowd = (await makePeople(test, 45)).toSorted().toReversed();
    await fill(crowd);
    const seen: string[] = [];
    for (let pages = 0; ; pages++) {
      expect(pages).toBeLessThan(10);
      const last = seen.at(-1);
      const { body } = await get(
        `${path()}${path().includes('accounts') ? '' : '/'}?limit=20${last ? `&max_id=${last}` : ''}`,
      );
      if (body.length === 0) break;
      seen.push(...idsOf(body));
    }
    expect(seen).toEqual(crowd);
  });

  it('is gone through by `next`, as Soapbox does, and back by `prev`', async () => {
    const crowd = (await makePeople(test, 45)).toSorted().toReversed();
    await fill(crowd);
    const forth: string[][] = [];
    let answer = await get(`${path()}?limit=20`);
    for (;;) {
      forth.push(idsOf(answer.body));
      const next = linkOf(answer, 'next');
      if (!next) break;
      expect(next.href.startsWith(`${PUB}${path()}?limit=20&max_id=`)).toBe(true);
      answer = await get(pathOf(next) ?? '');
    }
    expect(forth).toEqual([crowd.slice(0, 20), crowd.slice(20, 40), crowd.slice(40)]);
    for (const page of forth.slice(0, 2).toReversed()) {
      answer = await get(pathOf(linkOf(answer, 'prev')) ?? '');
      expect(idsOf(answer.body)).toEqual(page);
      expect(linkOf(answer, 'next')).not.toBe(null);
    }
    answer = await get(pathOf(linkOf(answer, 'prev')) ?? '');
    expect(answer.body).toEqual([]);
    expect(answer.headers).not.toHaveProperty('link');
  });

  it('begins where `since_id` and `min_id` say', async () => {
    const crowd = (await makePeople(test, 10)).toSorted().toReversed();
    await fill(crowd);
    const ids = async (query: string) => idsOf((await get(`${path()}?${query}`)).body);
    expect(await ids(`limit=3&since_id=${crowd[6]}`)).toEqual(crowd.slice(0, 3));
    expect(await ids(`limit=3&min_id=${crowd[6]}`)).toEqual(crowd.slice(3, 6));
    expect(await ids(`limit=3&max_id=${crowd[2]}&since_id=${crowd[5]}`)).toEqual(crowd.slice(3, 5));
    expect(await ids(`limit=0`)).toEqual(crowd.slice(0, 1));
    expect(await ids(`limit=999`)).toEqual(crowd);
    expect(await ids(`max_id=${uuidv7()}`)).toEqual(crowd);
  });

  it('has 40 accounts a page, and 80 at most', async () => {
    await fill(await makePeople(test, 82));
    const sizeOf = async (query: string) => (await get(`${path()}${query}`)).body.length;
    expect([await sizeOf(''), await sizeOf('?limit=80'), await sizeOf('?limit=500')]).toEqual([40, 80, 80]);
  });

  it.each(['limit=x', 'max_id=1', 'since_id=nobody', 'min_id=', 'with_relationships=perhaps'])(
    'refuses %s',
    async (query) => {
      const [field] = query.split('=');
      const answer = await get(`${path()}?${query}`);
      expect(answer).toMatchObject({ status: 400, body: { error: `${field} - Invalid value.` } });
    },
  );

  it('leaves out whom nobody can see', async () => {
    const crowd = (await makePeople(test, 6)).toSorted().toReversed();
    await fill(crowd);
    const states = [
      'disabled_at = now()',
      'deletion_due_at = now()',
      'confirmation_pending = true',
      'approval_pending = true',
    ];
    for (const [index, state] of states.entries()) await changeUser(test, crowd[index + 1] ?? '', state);
    const answer = await get(`${path()}?limit=1`);
    expect(idsOf(answer.body)).toEqual([crowd[0]]);
    expect(idsOf((await get(pathOf(linkOf(answer, 'next')) ?? '')).body)).toEqual([crowd[5]]);
  });

  it('tells how the caller stands to each when asked, and in its links', async () => {
    const [one = ''] = await makePeople(test, 1);
    await fill([one]);
    expect((await get(path())).body[0].pleroma.relationship).toEqual({});
    const answer = await get(`${path()}?with_relationships=true`);
    const expected = {
      following: { following: true, showing_reblogs: true },
      followers: { followed_by: true },
      blocks: { blocking: true },
      mutes: { muting: true, muting_notifications: true },
      follow_requests: { requested_by: true },
    }[name];
    expect(answer.body[0].pleroma.relationship).toEqual(relationship(one, expected));
    expect(pathOf(linkOf(answer, 'prev'))).toBe(`${path()}?limit=40&min_id=${one}&with_relationships=true`);
    // Only with a scope that lets it be read.
    await grantScope(test, alice.tokens.id, 'read:blocks read:mutes');
    const narrow = await get(`${path()}?with_relationships=true`);
    expect(narrow.status === 403 || JSON.stringify(narrow.body[0].pleroma.relationship) === '{}').toBe(true);
    await grantScope(test, alice.tokens.id, 'read write');
  });
});

describe('GET /api/v1/accounts/:id/following and /followers', () => {
  it('are open to anybody, by id or local name, whatever token is sent', async () => {
    const [one = ''] = await makePeople(test, 1);
    await relateAll(test, 'follow', alice.id, [one]);
    const tokens = [undefined, bob.token, await clientToken(test, client), 'a'.repeat(43), 'x'];
    for (const token of tokens) {
      for (const name of [alice.id, alice.name]) {
        const url = `/api/v1/accounts/${name}/following?with_relationships=true`;
        const answer = await outcomeOf(call(test, { method: 'GET', url }, token));
        expect(answer).toMatchObject({ status: 200, body: [{ id: one }] });
        const { relationship: told } = (answer.body as { pleroma: { relationship: object } }[])[0]!.pleroma;
        expect(told).toEqual(token === bob.token ? relationship(one) : {});
      }
      const url = `/api/v1/accounts/${one}/followers`;
      expect((await call(test, { method: 'GET', url }, token)).body).toMatchObject([{ id: alice.id }]);
    }
  });

  it('take a token that is disabled for none, and a broken header for broken', async () => {
    const carol = await newPerson(test, client);
    await changeUser(test, carol.id, 'disabled_at = now(), disabled_by_staff = true');
    const url = `/api/v1/accounts/${alice.id}/following`;
    expect(await outcomeOf(call(test, { method: 'GET', url }, carol.token))).toEqual({ status: 200, body: [] });
    const twice = call(test, { method: 'GET', url: `${url}?access_token=x` }, alice.token);
    expect((await twice).status).toBe(400);
  });

  it('count only what was accepted', async () => {
    const [locked = ''] = await makePeople(test, 1, true);
    const [far = ''] = await makeRemote(test, 1);
    await relateAll(test, 'follow', alice.id, [locked, far]);
    expect((await get(`/api/v1/accounts/${alice.id}/following`)).body).toEqual([]);
    expect((await get(`/api/v1/accounts/${locked}/followers`)).body).toEqual([]);
    await test.dataSource.query(`update relationship set state = 'accepted'`);
    const { body } = await get(`/api/v1/accounts/${alice.id}/following`);
    expect(idsOf(body)).toEqual([locked, far].toSorted().toReversed());
    expect((await get(`/api/v1/accounts/${far}/followers`)).body).toMatchObject([{ id: alice.id, following_count: 2 }]);
  });

  it('show nothing to whom the account blocks', async () => {
    const [one = ''] = await makePeople(test, 1);
    await relateAll(test, 'follow', alice.id, [one]);
    await relateAll(test, 'follow', one, [alice.id]);
    await relateAll(test, 'block', alice.id, [bob.id]);
    for (const list of ['following', 'followers']) {
      const url = `/api/v1/accounts/${alice.id}/${list}`;
      expect(await outcomeOf(get(url, bob.token))).toEqual({ status: 200, body: [] });
      expect((await get(url)).body).toHaveLength(1);
    }
  });

  it('find nobody who is unknown or hidden', async () => {
    const [hidden = ''] = await makePeople(test, 1);
    await changeUser(test, hidden, 'confirmation_pending = true');
    for (const id of [hidden, uuidv7(), 'nobody_here', '1', '%00', 'a b']) {
      for (const list of ['following', 'followers']) {
        expect(await outcomeOf(get(`/api/v1/accounts/${id}/${list}`))).toEqual(UNKNOWN);
      }
    }
  });
});

describe('GET /api/v1/blocks and /mutes', () => {
  it('are their owner’s alone', async () => {
    const [one = ''] = await makePeople(test, 1);
    await relateAll(test, 'block', bob.id, [one, alice.id]);
    await relateAll(test, 'mute', bob.id, [one, alice.id]);
    for (const list of ['blocks', 'mutes']) {
      expect((await get(`/api/v1/${list}`)).body).toEqual([]);
      expect((await get(`/api/v1/${list}`, bob.token)).body).toHaveLength(2);
      expect(await outcomeOf(call(test, { method: 'GET', url: `/api/v1/${list}` }))).toMatchObject({ status: 401 });
    }
  });

  it('tell when a mute ends, and not of one that is over', async () => {
    const [forEver = '', ending = '', over = ''] = await makePeople(test, 3);
    await relateAll(test, 'mute', alice.id, [forEver]);
    await relateAll(test, 'mute', alice.id, [ending, over], { duration: 3600 });
    await test.dataSource.query(`update relationship set expires_at = now() - interval '1 s' where target_id = $1`, [
      over,
    ]);
    const { body } = await get('/api/v1/mutes');
    expect(idsOf(body)).toEqual([ending, forEver]);
    expect(body[1].mute_expires_at).toBe(null);
    const left = new Date(body[0].mute_expires_at).getTime() - Date.now();
    expect(left).toBeGreaterThan(3_500_000);
    expect(left).toBeLessThan(3_700_000);
    expect((await get('/api/v1/blocks')).body).toEqual([]);
  });

  it.each([
    ['blocks', 'read:blocks'],
    ['mutes', 'read:mutes'],
  ])('%s wants `follow` or %s', async (list, own) => {
    for (const [scope, status] of [
      ['follow', 200],
      [own, 200],
      ['read', 200],
      ['write', 403],
      ['read:follows read:accounts', 403],
    ] as const) {
      await grantScope(test, alice.tokens.id, scope);
      const answer = await outcomeOf(get(`/api/v1/${list}`));
      const refused = { status: 403, body: { error: `Insufficient permissions: follow | ${own}.` } };
      expect(answer).toMatchObject(status === 403 ? refused : { status });
    }
    await grantScope(test, alice.tokens.id, 'read write');
  });
});
