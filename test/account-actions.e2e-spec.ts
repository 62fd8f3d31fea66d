import { PinoLogger } from 'nestjs-pino';
import { symbols } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIONS, act, DONE, fieldsOf, newPerson, type Person, PREFIXES, refused, rowOf } from './support/account.js';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  outcomeOf,
  PASSWORD,
  registerClient,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { grantScope } from './support/routes.js';

let test: TestApp;
let client: TestClient;
let alice: Person;
beforeAll(async () => {
  test = await startApp();
  // One process runs many test files, and the log of its first app is that of all.
  Object.assign(PinoLogger.root, { [symbols.streamSym]: { write: (line: string) => test.logs.push(line) } });
  await test.listen();
  client = await registerClient(test);
  alice = await newPerson(test, client, { name: 'alice' });
});
afterAll(() => test.close());

/** Status, body and the headers that tell why. */
async function answerTo(action: string, token?: string, prefix: string = PREFIXES[0]) {
  const request = test.http.post(`${prefix}/${action}`);
  if (token !== undefined) request.auth(token, { type: 'bearer' });
  const { status, body, headers } = await request.send({ ...fieldsOf(action), password: PASSWORD });
  return { status, body, authenticate: headers['www-authenticate'] };
}

describe.each(ACTIONS)('the door of %s (contract.md §0.4)', (action) => {
  it.each(PREFIXES)('under %s needs a person’s token', async (prefix) => {
    const error = 'The access token is invalid';
    const realm = 'Bearer realm="Gatehouse"';
    expect(await answerTo(action, undefined, prefix)).toEqual({ status: 401, body: { error }, authenticate: realm });
    expect(await answerTo(action, 'A'.repeat(43), prefix)).toEqual({
      status: 401,
      body: { error },
      authenticate: `${realm}, error="invalid_token", error_description="${error}"`,
    });
    expect(await answerTo(action, await clientToken(test, client, 'write'), prefix)).toMatchObject({
      status: 403,
      body: { error: 'This method requires an authenticated user' },
    });
  });

  it.each(PREFIXES)('under %s needs write:accounts', async (prefix) => {
    const person = await newPerson(test, client);
    for (const scope of ['read', 'write:blocks write:security', 'follow', 'read:accounts']) {
      await grantScope(test, person.tokens.id, scope);
      expect(await answerTo(action, person.token, prefix)).toEqual({
        status: 403,
        body: { error: 'Insufficient permissions: write:accounts.' },
        authenticate: 'Bearer error="insufficient_scope", scope="write:accounts"',
      });
    }
    await grantScope(test, person.tokens.id, 'write:accounts');
    expect(await answerTo(action, person.token, prefix)).toMatchObject(DONE);
  });

  it.each(ACCOUNT_BLOCKS)('is shut for an account with %s', async (block) => {
    const person = await newPerson(test, client);
    await changeUser(test, person.id, block);
    const before = await rowOf(test, person.id);
    expect((await answerTo(action, person.token)).status).toBe(block.startsWith('deletion') ? 401 : 403);
    expect(await rowOf(test, person.id)).toEqual(before);
    await changeUser(test, person.id, UNBLOCKED);
    expect(await answerTo(action, person.token)).toMatchObject(DONE);
  });

  it('is no GET', async () => {
    const answer = await test.http.get(`/api/pleroma/${action}`).auth(alice.token, { type: 'bearer' });
    expect({ status: answer.status, body: answer.body, allow: answer.headers['allow'] }).toEqual({
      status: 405,
      body: { error: 'Method not allowed' },
      allow: 'POST',
    });
  });
});

describe('the fields', () => {
  const wrong = (field: string, what: 'missing' | 'string' | 'value') => {
    const error = what === 'missing' ? `Missing field: ${field}.` : `${field} - Invalid ${what}.`;
    const message = error.slice(0, -1);
    return { error, errors: [{ title: 'Invalid value', source: { pointer: `/${field}` }, message }] };
  };
  const required = ACTIONS.flatMap((action) => {
    const fields = action.startsWith('change') ? ['password', ...Object.keys(fieldsOf(action))] : [];
    return fields.map((field) => [action, field] as const);
  });
  const all = [...required, ['disable_account', 'password'], ['delete_account', 'password']] as const;

  it.each(required)('of %s: %s is required', async (action, field) => {
    const { [field]: _, ...fields } = { ...fieldsOf(action), password: PASSWORD } as Record<string, string>;
    for (const form of BODY_FORMS) {
      const request = test.http.post(`/api/pleroma/${action}`).auth(alice.token, { type: 'bearer' });
      expect(await outcomeOf(sendAs(request, form, fields))).toEqual({ status: 400, body: wrong(field, 'missing') });
    }
  });

  it.each(all)('of %s: %s must be a string', async (action, field) => {
    for (const value of [1, true, ['x'], { x: 'y' }, null]) {
      const fields = { ...fieldsOf(action), password: PASSWORD, [field]: value };
      expect(await act(test, alice, action, fields), JSON.stringify(value)).toEqual({
        status: 400,
        body: wrong(field, 'string'),
      });
    }
    expect((await act(test, alice, action, { password: 'x', ...fieldsOf(action), [field]: 'a\u0000b' })).status).toBe(
      400,
    );
  });

  it('are all named when several are missing', async () => {
    const { status, body } = await act(test, alice, 'change_password', {});
    expect({ status, error: (body as { error: string }).error }).toEqual({
      status: 400,
      error: 'Missing field: password. Missing field: new_password. Missing field: new_password_confirmation.',
    });
    expect(await act(test, alice, 'change_email', {})).toMatchObject({
      body: { error: 'Missing field: email. Missing field: password.' },
    });
  });

  it('of a change are not read from the query', async () => {
    for (const action of ['change_password', 'change_email']) {
      const fields = { ...fieldsOf(action), password: PASSWORD };
      const answer = await test.http.post(`/api/pleroma/${action}`).query(fields).auth(alice.token, { type: 'bearer' });
      expect(answer.status, action).toBe(400);
    }
  });

  it.each(['disable_account', 'delete_account'])(
    'of %s stand in query or body, not in both, and never in the log',
    async (action) => {
      const post = (query: string) =>
        test.http.post(`/api/pleroma/${action}?${query}`).auth(alice.token, { type: 'bearer' });
      expect(await outcomeOf(post('password=canary-query'))).toEqual(refused('Invalid password.'));
      expect(await outcomeOf(post('password=canary-query').send({ password: PASSWORD }))).toEqual({
        status: 400,
        body: { error: 'A parameter is given more than once' },
      });
      expect((await post('password=canary-query&password=x')).status).toBe(400);
      expect((await post('password[]=canary-query')).body).toEqual(wrong('password', 'string'));
      expect((await post('password=canary-query%00')).status).toBe(400);
      expect((await post('password=canary-query%ff')).status).toBe(400);
      for (const form of BODY_FORMS)
        expect(await outcomeOf(sendAs(post(''), form, { password: 'canary-body' }))).toEqual(
          refused('Invalid password.'),
        );
      expect(await outcomeOf(post(''))).toEqual(refused('Invalid password.'));
      expect(test.logs.join('')).toContain(`/api/pleroma/${action}`);
      expect(test.logs.join('')).not.toContain('canary');
    },
  );

  it.each(['disable_account', 'delete_account'])('of %s: the query does it as well', async (action) => {
    const person = await newPerson(test, client);
    const post = test.http.post(`/api/v1/pleroma/${action}`).query({ password: PASSWORD });
    expect(await outcomeOf(post.auth(person.token, { type: 'bearer' }))).toEqual(DONE);
    expect(test.logs.join('')).not.toContain('battery');
  });

  it('that are too long are a wrong password, not a fault', async () => {
    const password = 'x'.repeat(20_000);
    for (const action of ACTIONS)
      expect(await act(test, alice, action, { ...fieldsOf(action), password })).toEqual(refused('Invalid password.'));
  });
});
