import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person, rowsOf } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { BODY_FORMS, outcomeOf, PASSWORD, registerClient, sendAs, statusOf, type TestClient } from './support/flows.js';
import { answerChallenge, askGrant, enableTotp, newGuarded } from './support/mfa.js';
import { endings } from './support/reactivation.js';
import { begin, Roadblock } from './support/roadblock.js';

const TOKENS = (scope: string, name: string) => ({
  id: expect.any(Number),
  access_token: expect.stringMatching(/^[\w-]{43}$/),
  token_type: 'Bearer',
  scope,
  created_at: expect.any(Number),
  expires_in: 7_776_000,
  refresh_token: expect.stringMatching(/^[\w-]{43}$/),
  me: `${PUB}/users/${name}`,
});
const REFUSED = {
  status: 400,
  body: { error: 'invalid_grant', error_description: 'Invalid identifier or password' },
};

let test: TestApp;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp((config) => {
    config.oauth.password_grant = true;
  });
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
});

const ask = (fields: Record<string, unknown> = {}) => outcomeOf(askGrant(test, client, person.name, fields));

describe('POST /oauth/token with grant_type=password', () => {
  it.each(BODY_FORMS)('answers a person’s tokens, in a %s body', async (form) => {
    await newEvents(test, person.id);
    const { client_id, client_secret } = client;
    // Pleroma-FE sends no scope.
    const fields = { grant_type: 'password', client_id, client_secret, username: person.name, password: PASSWORD };
    const answer = await sendAs(test.http.post('/oauth/token'), form, fields);
    expect({ status: answer.status, body: answer.body }).toStrictEqual({
      status: 200,
      body: TOKENS('read write follow push', person.name),
    });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'access-control-allow-origin': '*',
    });
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(await statusOf(test, answer.body.access_token)).toBe(200);
    expect(await newEvents(test, person.id)).toEqual(['token.issued']);
    const sessions = await test.http.get('/api/oauth_tokens').auth(answer.body.access_token, { type: 'bearer' });
    expect(sessions.body[0]).toMatchObject({ id: answer.body.id, current: true });
  });

  it('takes HTTP Basic, and any identifier of the person (Soapbox takes what was typed)', async () => {
    for (const username of [person.email, ` @${person.name.toUpperCase()} `, `${person.name}@localhost:3000`]) {
      const answer = await test.http
        .post('/oauth/token')
        .auth(client.client_id, client.client_secret)
        .send({ grant_type: 'password', username, password: PASSWORD, redirect_uri: 'urn:ietf:wg:oauth:2.0:oob' });
      expect({ status: answer.status, body: answer.body }).toStrictEqual({
        status: 200,
        body: TOKENS('read write follow push', person.name),
      });
    }
  });

  it('grants what is asked for of the client’s scopes, and admin to staff only', async () => {
    expect((await ask({ scope: 'read write:accounts' })).body).toMatchObject({ scope: 'read write:accounts' });
    const greedy = await registerClient(test, { scopes: 'read write follow push admin' });
    const all = 'read write follow push';
    expect((await askGrant(test, greedy, person.name, { scope: `${all} admin` })).body).toMatchObject({ scope: all });
    expect((await askGrant(test, greedy, person.name)).body).toMatchObject({ scope: all });
    await changeUser(test, person.id, `role = 'admin'`);
    expect((await askGrant(test, greedy, person.name)).body).toMatchObject({ scope: `${all} admin` });
  });

  it.each(['', 'profile', 'read  write', 'read,write', 'admin', 'READ', 'nonsense'])(
    'refuses the scope %j before it looks at the password',
    async (scope) => {
      for (const password of [PASSWORD, 'wrong']) {
        const answer = await ask({ scope, password });
        expect(answer.status).toBe(400);
        expect(answer.body).toEqual({ error: 'invalid_scope', error_description: expect.any(String) });
      }
    },
  );

  it('refuses a client that has nothing but admin, of somebody who is no staff', async () => {
    const greedy = await registerClient(test, { scopes: 'admin' });
    expect((await askGrant(test, greedy, person.name)).body).toMatchObject({ error: 'invalid_scope' });
  });

  it('answers a wrong password, an unknown name and an account without a password alike', async () => {
    await newEvents(test, person.id);
    expect(await ask({ password: 'wrong' })).toStrictEqual(REFUSED);
    expect(await newEvents(test, person.id)).toEqual(['login.failed']);
    expect(await ask({ username: 'nobody_here' })).toStrictEqual(REFUSED);
    expect(await ask({ password: '' })).toStrictEqual(REFUSED);
    expect(await ask({ password: 'x'.repeat(2000) })).toStrictEqual(REFUSED);
    await changeUser(test, person.id, 'password_hash = null');
    expect(await ask()).toStrictEqual(REFUSED);
  });

  it.each([
    [{ username: undefined }, 'Missing field: username.'],
    [{ password: undefined }, 'Missing field: password.'],
    [{ username: ['a'] }, 'username - Invalid string.'],
    [{ password: 5 }, 'password - Invalid string.'],
    [{ password: null }, 'password - Invalid string.'],
    [{ username: 'a\nb' }, 'username - Invalid value.'],
  ])('answers invalid_request to %j', async (fields, sentence) => {
    expect(await ask(fields)).toStrictEqual({
      status: 400,
      body: { error: 'invalid_request', error_description: sentence },
    });
  });

  it('is no place for a password in the URL', async () => {
    const answer = askGrant(test, client, person.name).query({ password: PASSWORD });
    expect(await outcomeOf(answer)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('wants the client’s own secret, and no public client', async () => {
    for (const client_secret of ['wrong', '', undefined]) {
      const answer = await askGrant(test, client, person.name, { client_secret });
      expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
      expect(answer.headers['www-authenticate']).toBe('Basic realm="Gatehouse"');
    }
    const open = await registerClient(test, { token_endpoint_auth_method: 'none' });
    for (const password of [PASSWORD, 'wrong']) {
      expect(await outcomeOf(askGrant(test, open, person.name, { password }))).toStrictEqual({
        status: 400,
        body: { error: 'unauthorized_client', error_description: 'The client may not use this grant' },
      });
    }
  });

  it('is dead when the password is changed while it is under way', async () => {
    const change = 'update "user" set credential_epoch = credential_epoch + 1 where id = $1';
    const block = await Roadblock.put(test, change, [person.id]);
    const late = begin(ask());
    await block.queue(1);
    await block.settle();
    expect(await late).toStrictEqual(REFUSED);
  });
});

describe('the password grant of an account that cannot be used', () => {
  const STATES = [
    ['disabled_at = now(), disabled_by_staff = true', 'account_is_disabled', 'Your account is currently disabled'],
    ['disabled_at = now()', 'account_is_disabled', 'Your account is currently disabled'],
    ['password_reset_required = true', 'password_reset_required', 'Password reset is required'],
    ['approval_pending = true', 'awaiting_approval', 'Your account is awaiting approval.'],
    ['confirmation_pending = true', 'missing_confirmed_email', 'Your login is missing a confirmed e-mail address'],
  ] as const;

  it.each(STATES)('tells so only after the right password: %s', async (change, identifier, error) => {
    await changeUser(test, person.id, change);
    const before = await rowsOf(test, 'session', person.id);
    expect(await ask({ password: 'wrong' })).toStrictEqual(REFUSED);
    const answer = await askGrant(test, client, person.name);
    expect({ status: answer.status, body: answer.body }).toStrictEqual({ status: 403, body: { error, identifier } });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(await rowsOf(test, 'session', person.id)).toBe(before);
  });

  it.each(STATES)('tells so only after the right factor, where one is on: %s', async (change, identifier, error) => {
    const app = await enableTotp(test, person);
    await changeUser(test, person.id, change);
    const { status, body } = await ask();
    expect({ status, error: (body as { error: string }).error }).toEqual({ status: 403, error: 'mfa_required' });
    const { mfa_token } = body as { mfa_token: string };
    expect(await outcomeOf(answerChallenge(test, client, { mfa_token, code: app.wrongCode }))).toStrictEqual({
      status: 400,
      body: { error: 'Invalid code' },
    });
    expect(await outcomeOf(answerChallenge(test, client, { mfa_token, code: app.code() }))).toStrictEqual({
      status: 403,
      body: { error, identifier },
    });
  });

  it('knows nobody who is being deleted, also after the factor', async () => {
    const guarded = await newGuarded(test, client);
    for (const { id } of [person, guarded]) await endings(test).scheduleDeletion(id, null);
    expect(await ask()).toStrictEqual(REFUSED);
    const { body } = await askGrant(test, client, guarded.name);
    const answer = answerChallenge(test, client, { mfa_token: body.mfa_token, code: guarded.app.code() });
    expect(await outcomeOf(answer)).toStrictEqual({ status: 400, body: { error: 'Invalid code' } });
  });
});

describe('where the operator does not allow it (oauth.password_grant, off by default)', () => {
  it('the grant is unsupported, and the metadata does not name it', async () => {
    const strict = await startApp(() => {}, test.database);
    for (const password of [PASSWORD, 'wrong']) {
      expect(await outcomeOf(askGrant(strict, client, person.name, { password }))).toStrictEqual({
        status: 400,
        body: { error: 'unsupported_grant_type', error_description: 'The grant type is not supported' },
      });
    }
    const grants = async ({ http }: TestApp) =>
      (await http.get('/.well-known/oauth-authorization-server')).body.grant_types_supported;
    expect(await grants(strict)).toEqual(['authorization_code', 'refresh_token', 'client_credentials']);
    expect(await grants(test)).toEqual(['authorization_code', 'refresh_token', 'client_credentials', 'password']);
    await strict.close();
  });
});
