import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, changePassword, holdRow, newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import {
  approve,
  clientToken,
  oauthQuery,
  obtainTokens,
  outcomeOf,
  PASSWORD,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  type TestClient,
} from './support/flows.js';
import { addPasskey, ageSession, callPasskeys, makePasskey, PASSKEYS } from './support/passkeys.js';
import { grantScope } from './support/routes.js';

const STEP_UP = {
  status: 403,
  body: { error: 'This needs a sign-in of just now, or the password', identifier: 'step_up_required' },
};
const WRONG = { status: 422, body: { error: 'Invalid password.' } };

let test: TestApp;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp((config) => (config.security.step_up_window = 60));
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
});

/** Adds a passkey, and answers status and body. */
async function add(who: { token: string }, more: object = {}) {
  const response = await makePasskey(test, who);
  return outcomeOf(callPasskeys(test, who, 'post').send({ response, ...more }));
}

const count = async () => (await callPasskeys(test, person, 'get')).body.length as number;

describe('adding and removing a passkey', () => {
  it('needs the password, or a sign-in of just now', async () => {
    const { passkey } = await addPasskey(test, person);
    const remove = (fields?: object) =>
      outcomeOf(callPasskeys(test, person, 'delete', `/${passkey.id}`).send(fields ?? {}));
    await ageSession(test, person.tokens.id, 61);
    expect(await add(person)).toEqual(STEP_UP);
    expect(await remove()).toEqual(STEP_UP);
    expect(await add(person, { password: 'wrong' })).toEqual(WRONG);
    expect(await remove({ password: '' })).toEqual(WRONG);
    expect(await count()).toBe(1);
    expect(await add(person, { password: PASSWORD })).toMatchObject({ status: 200 });
    expect(await remove({ password: PASSWORD })).toEqual({ status: 200, body: {} });
    expect(await count()).toBe(1);
  });

  it('is fine to the last second of the window', async () => {
    await ageSession(test, person.tokens.id, 50);
    expect(await add(person)).toMatchObject({ status: 200 });
  });

  it('sees a wrong password also where the sign-in is fresh', async () => {
    expect(await add(person, { password: 'wrong' })).toEqual(WRONG);
    expect(await count()).toBe(0);
  });

  it('finds no password in the query', async () => {
    const { passkey } = await addPasskey(test, person);
    await ageSession(test, person.tokens.id, 61);
    const answer = callPasskeys(test, person, 'delete', `/${passkey.id}`).query({ password: PASSWORD });
    expect(await outcomeOf(answer)).toEqual(STEP_UP);
  });

  it('does not take a refresh for a sign-in', async () => {
    await ageSession(test, person.tokens.id, 61);
    const grant = { grant_type: 'refresh_token', refresh_token: person.tokens.refresh_token };
    const { body } = await requestToken(test, client, grant);
    expect(await add({ token: body.access_token })).toEqual(STEP_UP);
  });

  it('does not take a browser that goes on for another app for a sign-in', async () => {
    const browser = await signIn(test, client, person.name);
    await test.dataSource.query(
      `update browser_session set created_at = now() - interval '61 seconds' where user_id = $1`,
      [person.id],
    );
    const continued = await test.http
      .post('/api/auth/continue')
      .query(oauthQuery(client))
      .set('Cookie', browser.cookie);
    const code = redirectOf(continued).sent['code'] ?? '';
    const live = await approve(test, client, { ...browser, code });
    const tokens = await requestToken(test, client, redemption(client, live));
    expect(await add({ token: tokens.body.access_token })).toEqual(STEP_UP);
    expect(await add(person)).toMatchObject({ status: 200 });
  });

  it('shares the budget of the password (R79)', async () => {
    const strict = await startApp((config) => (config.limits.enabled = true), test.database);
    const replies = [];
    for (let n = 0; n < 11; n++) {
      const post = callPasskeys(strict, person, 'post').send({ response: {}, password: `wrong ${n}` });
      replies.push((await post).status);
    }
    await strict.close();
    expect(replies).toEqual([...Array.from({ length: 10 }, () => 422), 429]);
  });

  it('comes too late for a session that was ended while the password was checked', async () => {
    const { access_token } = await obtainTokens(test, client, person.name);
    const { passkey } = await addPasskey(test, person);
    const row = await holdRow(test, person.id);
    const changed = act(test, { token: access_token }, 'change_password', changePassword('a new horse'));
    await row.queued(1);
    const response = await makePasskey(test, person);
    const late = [
      outcomeOf(callPasskeys(test, person, 'post').send({ response })),
      outcomeOf(callPasskeys(test, person, 'delete', `/${passkey.id}`)),
    ];
    await row.queued(3);
    await row.release();
    expect(await changed).toEqual({ status: 200, body: { status: 'success' } });
    const gone = { status: 401, body: { error: 'The access token is invalid' } };
    expect(await Promise.all(late)).toEqual([gone, gone]);
    expect((await callPasskeys(test, { token: access_token }, 'get')).body).toHaveLength(1);
  });
});

describe('the scopes of passkeys', () => {
  it.each([
    ['get', '', 'read:security', 'write'],
    ['post', '/options', 'write:security', 'read'],
    ['post', '', 'write:security', 'read'],
    ['patch', '/1', 'write:security', 'read'],
    ['delete', '/1', 'write:security', 'read'],
  ] as const)('%s %s needs %s', async (method, path, scope, other) => {
    await grantScope(test, person.tokens.id, other);
    const answer = await callPasskeys(test, person, method, path);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 403,
      body: { error: `Insufficient permissions: ${scope}.` },
    });
    await grantScope(test, person.tokens.id, scope);
    expect((await callPasskeys(test, person, method, path)).status).not.toBe(403);
  });

  it('a client’s own token and no token at all do not reach them', async () => {
    const own = await clientToken(test, client);
    expect((await callPasskeys(test, { token: own }, 'get')).status).toBe(403);
    expect((await test.http.post(`${PASSKEYS}/options`)).status).toBe(401);
  });
});
