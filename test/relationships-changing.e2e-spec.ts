import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { changeUser, UNBLOCKED } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { BODY_FORMS, outcomeOf, registerClient, sendAs, type TestClient } from './support/flows.js';
import { makePeople, makeRemote } from './support/graph.js';
import { change, kindsBetween, NOT_ALLOWED, relationship, standing, UNKNOWN } from './support/relations.js';
import { call, grantScope } from './support/routes.js';

let test: TestApp;
let client: TestClient;
let alice: Person;
let bob: Person;
let target: string;
let locked: string;
let far: string;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
  alice = await newPerson(test, client);
  bob = await newPerson(test, client);
});
afterAll(() => test.close());
beforeEach(async () => {
  [target = ''] = await makePeople(test, 1);
  [locked = ''] = await makePeople(test, 1, true);
  [far = ''] = await makeRemote(test, 1);
});

const ok = (id: string, more: Record<string, unknown> = {}) => ({ status: 200, body: relationship(id, more) });
const FOLLOWING = { following: true, showing_reblogs: true };
const REQUESTED = { requested: true, showing_reblogs: true };
const MUTING = { muting: true, muting_notifications: true };

describe('POST /api/v1/accounts/:id/follow', () => {
  it('follows somebody here, asks a locked account and one elsewhere', async () => {
    expect(await change(test, alice, 'follow', target)).toEqual(ok(target, FOLLOWING));
    expect(await change(test, alice, 'follow', locked)).toEqual(ok(locked, REQUESTED));
    expect(await change(test, alice, 'follow', far)).toEqual(ok(far, REQUESTED));
    expect(await standing(test, alice, target)).toEqual(relationship(target, FOLLOWING));
  });

  it.each(BODY_FORMS)('takes options as %s', async (form) => {
    const request = call(test, { method: 'POST', url: `/api/v1/accounts/${target}/follow` }, alice.token);
    const fields = { reblogs: 'false', notify: 'true', 'languages[]': 'de' };
    const sent = form === 'json' ? { reblogs: false, notify: true, languages: ['de'] } : fields;
    expect(await outcomeOf(sendAs(request, form, sent as Record<string, string>))).toEqual(
      ok(target, { following: true, notifying: true, subscribing: true, languages: ['de'] }),
    );
  });

  it('changes only the options that are named of somebody who is followed already', async () => {
    await change(test, alice, 'follow', target, { reblogs: false, languages: ['de', 'pt-BR'] });
    const kept = { following: true, languages: ['de', 'pt-BR'] };
    expect(await change(test, alice, 'follow', target)).toEqual(ok(target, kept));
    expect(await change(test, alice, 'follow', target, { notify: true })).toEqual(
      ok(target, { ...kept, notifying: true, subscribing: true }),
    );
    expect(await change(test, alice, 'follow', target, { languages: [], reblogs: true, notify: false })).toEqual(
      ok(target, FOLLOWING),
    );
  });

  it.each([
    [{ reblogs: 'maybe' }, 'reblogs - Invalid value.'],
    [{ notify: null }, 'notify - Invalid value.'],
    [{ languages: 'de fr' }, 'languages - Invalid value.'],
    [{ languages: [1] }, 'languages - Invalid string.'],
    [{ languages: Array.from({ length: 101 }, () => 'de') }, 'languages - Invalid value.'],
  ])('refuses %j', async (fields, error) => {
    expect(await change(test, alice, 'follow', target, fields)).toMatchObject({ status: 400, body: { error } });
    expect(await kindsBetween(test, alice.id, target)).toEqual([]);
  });

  it('refuses to follow oneself, whom one blocks, and who blocks', async () => {
    expect(await change(test, alice, 'follow', alice.id)).toEqual(NOT_ALLOWED);
    await change(test, alice, 'block', target);
    expect(await change(test, alice, 'follow', target)).toEqual(NOT_ALLOWED);
    await change(test, bob, 'block', alice.id);
    expect(await change(test, alice, 'follow', bob.id)).toEqual(NOT_ALLOWED);
    await change(test, bob, 'unblock', alice.id);
    expect(await kindsBetween(test, alice.id, bob.id)).toEqual([]);
  });

  it('lets a request through when it is asked again and the account is locked no more', async () => {
    await change(test, alice, 'follow', locked);
    await changeUser(test, locked, 'locked = false');
    expect(await standing(test, alice, locked)).toEqual(relationship(locked, REQUESTED));
    expect(await change(test, alice, 'follow', locked)).toEqual(ok(locked, FOLLOWING));
  });
});

describe('POST /api/v1/accounts/:id/unfollow', () => {
  it('ends a follow, and a request', async () => {
    for (const id of [target, locked, far]) {
      await change(test, alice, 'follow', id);
      expect(await change(test, alice, 'unfollow', id)).toEqual(ok(id));
      expect(await kindsBetween(test, alice.id, id)).toEqual([]);
      expect(await change(test, alice, 'unfollow', id)).toEqual(ok(id));
    }
    expect(await change(test, alice, 'unfollow', alice.id)).toEqual(ok(alice.id));
  });
});

describe('POST /api/v1/accounts/:id/block and /unblock', () => {
  it('blocks; follows and requests end both ways, a mute stays', async () => {
    await changeUser(test, bob.id, 'locked = true');
    await change(test, alice, 'follow', bob.id);
    await change(test, bob, 'follow', alice.id);
    await change(test, alice, 'mute', bob.id);
    expect(await change(test, alice, 'block', bob.id)).toEqual(ok(bob.id, { blocking: true, ...MUTING }));
    expect(await standing(test, bob, alice.id)).toEqual(relationship(alice.id, { blocked_by: true }));
    expect(await change(test, alice, 'unblock', bob.id)).toEqual(ok(bob.id, MUTING));
    await change(test, alice, 'unmute', bob.id);
    await changeUser(test, bob.id, 'locked = false');
  });

  it('blocks somebody elsewhere, and somebody who blocks', async () => {
    expect(await change(test, alice, 'block', far)).toEqual(ok(far, { blocking: true }));
    await change(test, bob, 'block', alice.id);
    expect(await change(test, alice, 'block', bob.id)).toEqual(ok(bob.id, { blocking: true, blocked_by: true }));
    await change(test, bob, 'unblock', alice.id);
    expect(await change(test, alice, 'unblock', bob.id)).toEqual(ok(bob.id));
    expect(await change(test, alice, 'unblock', bob.id)).toEqual(ok(bob.id));
  });

  it('refuses to block oneself', async () => {
    expect(await change(test, alice, 'block', alice.id)).toEqual(NOT_ALLOWED);
    expect(await kindsBetween(test, alice.id, alice.id)).toEqual([]);
  });
});

describe('POST /api/v1/accounts/:id/mute and /unmute', () => {
  /** In minutes from now. */
  const endOf = async (id: string): Promise<number | null> => {
    const [row] = await test.dataSource.query(
      `select round(extract(epoch from expires_at - now()) / 60)::int as left from relationship where source_id = $1 and target_id = $2`,
      [alice.id, id],
    );
    return row.left;
  };

  it('mutes for ever, notifications too', async () => {
    expect(await change(test, alice, 'mute', target)).toEqual(ok(target, MUTING));
    expect(await endOf(target)).toBe(null);
    expect(await change(test, alice, 'unmute', target)).toEqual(ok(target));
    expect(await change(test, alice, 'unmute', target)).toEqual(ok(target));
  });

  it.each([
    [{ duration: 3600, notifications: false }, 60, false],
    [{ duration: '300', notifications: 'true' }, 5, true],
    [{ expires_in: 60 }, 1, true],
    [{ duration: 0 }, null, true],
  ])('takes %j', async (fields, minutes, muting_notifications) => {
    expect(await change(test, alice, 'mute', far, fields)).toEqual(ok(far, { muting: true, muting_notifications }));
    expect(await endOf(far)).toBe(minutes);
  });

  it('takes over how, and mutes beside a follow', async () => {
    await change(test, alice, 'follow', target);
    await change(test, alice, 'mute', target, { duration: 60 });
    expect(await change(test, alice, 'mute', target, { notifications: false })).toEqual(
      ok(target, { ...FOLLOWING, muting: true }),
    );
    expect(await endOf(target)).toBe(null);
  });

  it('is over when its time is', async () => {
    await change(test, alice, 'mute', target, { duration: 60 });
    await test.dataSource.query(`update relationship set expires_at = now() where target_id = $1`, [target]);
    expect(await standing(test, alice, target)).toEqual(relationship(target));
    expect(await change(test, alice, 'mute', target)).toEqual(ok(target, MUTING));
  });

  it.each([
    { duration: -1 },
    { duration: 1.5 },
    { duration: 'soon' },
    { duration: 315_360_001 },
    { notifications: 'no' },
    { expires_in: [] },
  ])('refuses %j', async (fields) => {
    const [name] = Object.keys(fields);
    expect(await change(test, alice, 'mute', target, fields)).toMatchObject({
      status: 400,
      body: { error: `${name} - Invalid value.` },
    });
  });

  it('refuses to mute oneself', async () => {
    expect(await change(test, alice, 'mute', alice.id)).toEqual(NOT_ALLOWED);
  });
});

describe.each(['follow', 'unfollow', 'block', 'unblock', 'mute', 'unmute'])(
  'POST /api/v1/accounts/:id/%s',
  (action) => {
    it('finds nobody by an id that is unknown or none', async () => {
      for (const id of [uuidv7(), alice.name, '1', '%00', 'x'.repeat(500), `${target}0`]) {
        expect(await change(test, alice, action, id)).toEqual(UNKNOWN);
      }
    });

    it.each([
      'disabled_at = now()',
      `deletion_due_at = now() + interval '1 day'`,
      'confirmation_pending = true',
      'approval_pending = true',
    ])('finds nobody with %s', async (state) => {
      await changeUser(test, target, state);
      expect(await change(test, alice, action, target)).toEqual(UNKNOWN);
      await changeUser(test, target, UNBLOCKED);
      expect((await change(test, alice, action, target)).status).toBe(200);
    });

    it('wants `follow` or a scope of its own, or a parent of either', async () => {
      const own = `write:${action.replace(/^un/, '')}s`;
      for (const scope of ['follow', own, 'write', `read ${own}`]) {
        await grantScope(test, alice.tokens.id, scope);
        expect((await change(test, alice, action, target)).status).toBe(200);
      }
      for (const scope of ['read', 'write:accounts', 'push profile', 'read:follows read:blocks read:mutes']) {
        await grantScope(test, alice.tokens.id, scope);
        expect(await change(test, alice, action, target)).toEqual({
          status: 403,
          body: { error: `Insufficient permissions: follow | ${own}.` },
        });
      }
      await grantScope(test, alice.tokens.id, 'read write');
    });

    it('asks for a token', async () => {
      const answer = await call(test, { method: 'POST', url: `/api/v1/accounts/${target}/${action}` });
      expect(answer).toMatchObject({ status: 401, body: { error: 'The access token is invalid' } });
    });

    it('is journaled when it changed something', async () => {
      const begin = action.replace(/^un/, '');
      if (action !== begin) await change(test, alice, begin, target);
      await newEvents(test, alice.id);
      for (let round = 0; round < 2; round++) await change(test, alice, action, target);
      const [, prefix, verb] = /^(un)?(.*?)e?$/.exec(action) ?? [];
      expect(await newEvents(test, alice.id)).toEqual([`graph.${prefix ?? ''}${verb}ed`]);
    });
  },
);
