import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person, rowsOf } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { clientToken, outcomeOf, PASSWORD, registerClient, type TestClient, obtainTokens } from './support/flows.js';
import {
  callMfa,
  confirmTotp,
  disableTotp,
  enableTotp,
  factorLetterKinds,
  makeCodes,
  MFA,
  MFA_PREFIXES,
  setUpTotp,
} from './support/mfa.js';

let test: TestApp;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
});

const stateOf = (who: { token: string }, prefix?: string) => outcomeOf(callMfa(test, who, 'get', '', prefix));
const state = (enabled: boolean, totp: boolean) => ({ status: 200, body: { settings: { enabled, totp } } });

describe('GET /api/pleroma/accounts/mfa', () => {
  it.each(MFA_PREFIXES)('under %s, answers two real booleans and nothing else, kept by nobody', async (prefix) => {
    const answer = await callMfa(test, person, 'get', '', prefix);
    expect({ status: answer.status, body: answer.body }).toStrictEqual(state(false, false));
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
    expect(await stateOf(person, `${prefix}/`)).toStrictEqual(state(false, false));
  });

  it('tells of the app once it is confirmed, not while it is set up, and not after it was turned off', async () => {
    await makeCodes(test, person);
    expect(await stateOf(person)).toStrictEqual(state(false, false));
    const app = await setUpTotp(test, person);
    expect(await stateOf(person)).toStrictEqual(state(false, false));
    await confirmTotp(test, person, { password: PASSWORD, code: app.code() }).expect(200);
    expect(await stateOf(person)).toStrictEqual(state(true, true));
    await setUpTotp(test, person);
    expect(await stateOf(person)).toStrictEqual(state(true, true));
    await disableTotp(test, person);
    expect(await stateOf(person)).toStrictEqual(state(false, false));
  });

  it('tells of a passkey as a factor that is no app, and of nobody else’s', async () => {
    await test.dataSource.query(
      `insert into passkey (id, user_id, credential_id, public_key, name) values (gen_random_uuid(), $1, 'a', '', 'a key')`,
      [person.id],
    );
    expect(await stateOf(person)).toStrictEqual(state(true, false));
    await enableTotp(test, person);
    expect(await stateOf(await newPerson(test, client))).toStrictEqual(state(false, false));
  });

  it('takes HEAD, with the same headers and no body', async () => {
    const [get, head] = await Promise.all([
      callMfa(test, person, 'get', ''),
      test.http.head(MFA).auth(person.token, { type: 'bearer' }),
    ]);
    expect({ status: head.status, text: head.text ?? '' }).toEqual({ status: 200, text: '' });
    for (const name of ['content-type', 'content-length', 'cache-control']) {
      expect(head.headers[name]).toBe(get.headers[name]);
    }
  });
});

describe('the routes of second factors', () => {
  const ROUTES = [
    ['get', '', 'read:security'],
    ['get', '/setup/totp', 'write:security'],
    ['post', '/confirm/totp', 'write:security'],
    ['delete', '/totp', 'write:security'],
    ['delete', '', 'write:security'],
    ['get', '/backup_codes', 'write:security'],
  ] as const;
  const cases = MFA_PREFIXES.flatMap((prefix) => ROUTES.map((route) => [prefix, ...route] as const));

  it.each(cases)('under %s, %s %s needs a person’s token with %s', async (prefix, method, path, scope) => {
    const other = scope === 'read:security' ? 'write:security' : 'read:security';
    const all = await registerClient(test, { scopes: 'read write read:security write:security follow push' });
    const poor = (await obtainTokens(test, all, person.name, `${other} follow write:accounts`)).access_token;
    const answer = await callMfa(test, { token: poor }, method, path, prefix).send();
    expect({ status: answer.status, body: answer.body }).toStrictEqual({
      status: 403,
      body: { error: `Insufficient permissions: ${scope}.` },
    });
    expect(answer.headers['www-authenticate']).toBe(`Bearer error="insufficient_scope", scope="${scope}"`);
    const app = { token: await clientToken(test, client) };
    expect(await outcomeOf(callMfa(test, app, method, path, prefix).send())).toStrictEqual({
      status: 403,
      body: { error: 'This method requires an authenticated user' },
    });
    const nobody = test.http[method](`${prefix}${path}`).query({ access_token: person.token });
    expect(await outcomeOf(nobody)).toStrictEqual({ status: 401, body: { error: 'The access token is invalid' } });
    expect((await nobody).headers).toMatchObject({
      'cache-control': 'no-store',
      'www-authenticate': 'Bearer realm="Gatehouse"',
    });
    const fine = (await obtainTokens(test, all, person.name, scope)).access_token;
    expect([200, 422]).toContain((await callMfa(test, { token: fine }, method, path, prefix).send()).status);
  });

  it.each(MFA_PREFIXES)('under %s, refuse HEAD where GET makes something, and make nothing', async (prefix) => {
    await newEvents(test, person.id);
    for (const path of ['/setup/totp', '/backup_codes', '/setup/totp/', '/backup_codes/']) {
      const answer = await test.http.head(`${prefix}${path}`).auth(person.token, { type: 'bearer' });
      expect({ path, status: answer.status, allow: answer.headers['allow'] }).toEqual({
        path,
        status: 405,
        allow: 'GET',
      });
    }
    expect(await rowsOf(test, 'totp_credential', person.id)).toBe(0);
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(0);
    expect(await newEvents(test, person.id)).toEqual([]);
  });

  it.each([
    ['post', '', /^(GET|HEAD|DELETE)(, (GET|HEAD|DELETE))*$/],
    ['post', '/setup/totp', /^GET/],
    ['get', '/confirm/totp', /^POST$/],
    ['get', '/totp', /^DELETE$/],
    ['post', '/backup_codes', /GET/],
  ] as const)('refuse another method: %s %s', async (method, path, allow) => {
    const answer = await callMfa(test, person, method, path).set('X-HTTP-Method-Override', 'DELETE');
    expect({ status: answer.status, body: answer.body }).toStrictEqual({
      status: 405,
      body: { error: 'Method not allowed' },
    });
    expect(answer.headers['allow']).toMatch(allow);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each(
    MFA_PREFIXES.flatMap((prefix) => [
      [prefix, 'get', '/setup/sms', 'undefined method'] as const,
      [prefix, 'get', '/setup/TOTP', 'undefined method'] as const,
      [prefix, 'post', '/confirm/sms', 'undefined mfa method'] as const,
      [prefix, 'delete', '/sms', 'undefined mfa method'] as const,
      [prefix, 'delete', '/backup_codes', 'undefined mfa method'] as const,
    ]),
  )('under %s, answer 400 to a kind of factor that there is not: %s %s', async (prefix, method, path, error) => {
    await enableTotp(test, person);
    for (const fields of [{}, { password: PASSWORD, code: '123456' }, { password: ['a'] }]) {
      const answer = await callMfa(test, person, method, path, prefix).send(method === 'get' ? undefined : fields);
      expect({ status: answer.status, body: answer.body }).toStrictEqual({ status: 400, body: { error } });
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    expect(await stateOf(person)).toStrictEqual(state(true, true));
  });

  it.each([
    ['get', '/setup/webauthn'],
    ['post', '/confirm/webauthn'],
    ['delete', '/webauthn'],
  ] as const)('do not offer Pleroma’s webauthn yet: %s %s (contract.md §5.11)', async (method, path) => {
    const answer = callMfa(test, person, method, path).send(method === 'get' ? undefined : { password: PASSWORD });
    expect(await outcomeOf(answer)).toStrictEqual({ status: 404, body: { error: 'Not implemented' } });
  });

  it('walk the way of the frontends: state, codes, setup, confirmation, state; the codes stay (clients.md)', async () => {
    expect(await stateOf(person)).toStrictEqual(state(false, false));
    const codes = await makeCodes(test, person);
    const app = await setUpTotp(test, person);
    // Soapbox sends JSON, Pleroma-FE a multipart form.
    const multipart = callMfa(test, person, 'post', '/confirm/totp').field({ password: PASSWORD, code: app.code() });
    expect(await outcomeOf(multipart)).toStrictEqual({ status: 200, body: {} });
    expect(await stateOf(person)).toStrictEqual(state(true, true));
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(codes.length);
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added']);
  });
});
