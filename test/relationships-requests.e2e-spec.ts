import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { changeUser, UNBLOCKED } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { outcomeOf, registerClient } from './support/flows.js';
import { makePeople, relateAll } from './support/graph.js';
import { answerRequest, change, kindsBetween, relationship, standing, UNKNOWN } from './support/relations.js';
import { call, grantScope } from './support/routes.js';

let test: TestApp;
let owner: Person;
let asking: Person;
beforeAll(async () => {
  test = await startApp();
  const client = await registerClient(test);
  owner = await newPerson(test, client, { locked: true });
  asking = await newPerson(test, client);
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.dataSource.query('delete from relationship');
});

const list = () => outcomeOf(call(test, { method: 'GET', url: '/api/v1/follow_requests' }, owner.token));
const idsOf = (body: unknown) => (body as { id: string }[]).map(({ id }) => id);

describe('GET /api/v1/follow_requests', () => {
  it('lists those who ask, and nobody else', async () => {
    expect(await list()).toEqual({ status: 200, body: [] });
    const [follower = '', hidden = ''] = await makePeople(test, 2);
    await relateAll(test, 'follow', hidden, [owner.id]);
    await change(test, asking, 'follow', owner.id);
    await relateAll(test, 'follow', follower, [owner.id]);
    await answerRequest(test, owner, follower, 'authorize');
    await changeUser(test, hidden, 'disabled_at = now()');
    const { body } = await list();
    expect(body).toMatchObject([{ id: asking.id, acct: asking.name }]);
    await changeUser(test, hidden, UNBLOCKED);
    expect(idsOf((await list()).body)).toEqual([asking.id, hidden].toSorted().toReversed());
  });

  it('goes on listing them when the account is unlocked', async () => {
    await change(test, asking, 'follow', owner.id);
    await changeUser(test, owner.id, 'locked = false');
    expect(idsOf((await list()).body)).toEqual([asking.id]);
    await changeUser(test, owner.id, 'locked = true');
  });

  it('tells how the owner stands to them', async () => {
    await change(test, asking, 'follow', owner.id);
    const url = '/api/v1/follow_requests?with_relationships=true';
    const { body } = await call(test, { method: 'GET', url }, owner.token);
    expect(body[0].pleroma.relationship).toEqual(relationship(asking.id, { requested_by: true }));
  });
});

describe('POST /api/v1/follow_requests/:id/authorize', () => {
  it('lets them follow', async () => {
    await change(test, asking, 'follow', owner.id, { notify: true });
    expect(await standing(test, owner, asking.id)).toEqual(relationship(asking.id, { requested_by: true }));
    expect(await answerRequest(test, owner, asking.id, 'authorize')).toEqual({
      status: 200,
      body: relationship(asking.id, { followed_by: true }),
    });
    const options = { showing_reblogs: true, notifying: true, subscribing: true };
    expect(await standing(test, asking, owner.id)).toEqual(relationship(owner.id, { following: true, ...options }));
    expect(await newEvents(test, owner.id)).toContain('graph.follow_authorized');
  });
});

describe('POST /api/v1/follow_requests/:id/reject', () => {
  it('lets them not; they may ask again', async () => {
    await change(test, asking, 'follow', owner.id);
    expect(await answerRequest(test, owner, asking.id, 'reject')).toEqual({
      status: 200,
      body: relationship(asking.id),
    });
    expect(await kindsBetween(test, asking.id, owner.id)).toEqual([]);
    expect(await newEvents(test, owner.id)).toContain('graph.follow_rejected');
    expect((await change(test, asking, 'follow', owner.id)).body).toMatchObject({ requested: true });
  });
});

describe.each(['authorize', 'reject'])('POST /api/v1/follow_requests/:id/%s', (answer) => {
  it('finds nobody who does not ask', async () => {
    for (const id of [asking.id, owner.id, uuidv7(), '1', 'nobody']) {
      expect(await answerRequest(test, owner, id, answer)).toEqual(UNKNOWN);
    }
    await relateAll(test, 'follow', owner.id, [asking.id]);
    expect(await answerRequest(test, owner, asking.id, answer)).toEqual(UNKNOWN);
  });

  it('answers nobody twice, and not for somebody else', async () => {
    await change(test, asking, 'follow', owner.id);
    expect(await answerRequest(test, asking, owner.id, answer)).toEqual(UNKNOWN);
    expect((await answerRequest(test, owner, asking.id, answer)).status).toBe(200);
    expect(await answerRequest(test, owner, asking.id, 'authorize')).toEqual(UNKNOWN);
    expect(await answerRequest(test, owner, asking.id, 'reject')).toEqual(UNKNOWN);
  });

  it('finds nobody who was blocked, or took the request back', async () => {
    await change(test, asking, 'follow', owner.id);
    await change(test, owner, 'block', asking.id);
    expect(await answerRequest(test, owner, asking.id, answer)).toEqual(UNKNOWN);
    await change(test, owner, 'unblock', asking.id);
    await change(test, asking, 'follow', owner.id);
    await change(test, asking, 'unfollow', owner.id);
    expect(await answerRequest(test, owner, asking.id, answer)).toEqual(UNKNOWN);
  });
});

describe('the scopes of follow requests', () => {
  it.each([
    ['GET', '', 'read:follows'],
    ['POST', '/authorize', 'write:follows'],
    ['POST', '/reject', 'write:follows'],
  ])('of %s%s are `follow` or %s', async (method, action, own) => {
    const url = `/api/v1/follow_requests${action && `/${uuidv7()}${action}`}`;
    const request = () => outcomeOf(call(test, { method, url }, owner.token));
    for (const scope of ['follow', own, own.split(':')[0] ?? '']) {
      await grantScope(test, owner.tokens.id, scope);
      expect((await request()).status).toBe(action ? 404 : 200);
    }
    for (const scope of ['read:blocks write:blocks', 'profile']) {
      await grantScope(test, owner.tokens.id, scope);
      const body = { error: `Insufficient permissions: follow | ${own}.` };
      expect(await request()).toEqual({ status: 403, body });
    }
    await grantScope(test, owner.tokens.id, 'read write');
    expect((await call(test, { method, url })).status).toBe(401);
  });
});
