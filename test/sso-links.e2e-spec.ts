import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { clientToken, outcomeOf, registerClient, type TestClient } from './support/flows.js';
import { grantScope } from './support/routes.js';
import { callLinks, giveIdentity, provider } from './support/sso.js';

// Nobody is asked here: the issuers need not exist.
const [FIRST, SECOND, THIRD] = ['http://127.0.0.1:1', 'http://127.0.0.1:2', 'http://127.0.0.1:3/realms/third'];
const ICON = 'https://cdn.example/first.png';

const first = provider('zz-first', FIRST, { name: 'Ärzte', icon: ICON });
const second = provider('second', SECOND, { name: 'Zebra' });
const third = provider('third', THIRD, { name: 'boards' });

const FIRST_SHOWN = { id: 'zz-first', name: 'Ärzte', icon: ICON };
const SECOND_SHOWN = { id: 'second', name: 'Zebra', icon: `${PUB}/assets/provider.svg` };
const THIRD_SHOWN = { id: 'third', name: 'boards', icon: `${PUB}/assets/provider.svg` };

const NOT_LINKED = { status: 404, body: { error: 'Account not found or is not linked to this issuer' } };
const UNKNOWN = { status: 404, body: { error: 'Issuer not found' } };

let test: TestApp;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp((config) => (config.sso.providers = [second, first, third]));
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
});

const list = (who: { token: string } = person) => outcomeOf(callLinks(test, who, 'get'));
const get = (id: string, who: { token: string } = person) => outcomeOf(callLinks(test, who, 'get', `/${id}`));

describe('GET /api/v1/sso (contract.md §3.8.3)', () => {
  it('lists nothing for who has no identity, also where others have', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, FIRST, 'list-other');
    const answer = await callLinks(test, person, 'get');
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('[]');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
  });

  it('lists by name what is linked, each with an icon, and nothing of who the person is there', async () => {
    await giveIdentity(test, person, SECOND, 'list-2');
    await giveIdentity(test, person, THIRD, 'list-3');
    await giveIdentity(test, person, FIRST, 'list-1');
    expect(await list()).toStrictEqual({ status: 200, body: [FIRST_SHOWN, THIRD_SHOWN, SECOND_SHOWN] });
  });

  it('knows a provider also by another spelling of its issuer', async () => {
    await giveIdentity(test, person, `${FIRST}/`, 'slash');
    await giveIdentity(test, person, `${THIRD}/`, 'another realm');
    expect(await list()).toStrictEqual({ status: 200, body: [FIRST_SHOWN] });
  });

  it('leaves out what is not configured any more, and shows it again when it is', async () => {
    await giveIdentity(test, person, FIRST, 'gone-1');
    await giveIdentity(test, person, SECOND, 'gone-2');
    const later = await startApp((config) => (config.sso.providers = [second]), test.database);
    expect(await outcomeOf(callLinks(later, person, 'get'))).toStrictEqual({ status: 200, body: [SECOND_SHOWN] });
    expect(await outcomeOf(callLinks(later, person, 'get', '/zz-first'))).toStrictEqual(UNKNOWN);
    await later.close();
    expect(await list()).toStrictEqual({ status: 200, body: [FIRST_SHOWN, SECOND_SHOWN] });
  });
});

describe('GET /api/v1/sso/:issuer (contract.md §3.8.4)', () => {
  it('shows one that is linked', async () => {
    await giveIdentity(test, person, FIRST, 'get-1');
    expect(await get('zz-first')).toStrictEqual({ status: 200, body: FIRST_SHOWN });
    expect(await get('zz-first/')).toStrictEqual({ status: 200, body: FIRST_SHOWN });
  });

  it('does not know one that is linked to nobody, or to somebody else', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, FIRST, 'get-other');
    await giveIdentity(test, person, SECOND, 'get-own');
    expect(await get('zz-first')).toStrictEqual(NOT_LINKED);
    expect(await get('third')).toStrictEqual(NOT_LINKED);
    expect(await get('second', other)).toStrictEqual(NOT_LINKED);
  });

  it.each([
    'nowhere',
    'Second',
    'second%00',
    '%20second',
    '..%2fsecond',
    '__proto__',
    'constructor',
    encodeURIComponent(SECOND),
    'a'.repeat(65),
  ])('%s is not configured', async (id) => {
    await giveIdentity(test, person, SECOND, `unknown ${id}`);
    expect(await get(id)).toStrictEqual(UNKNOWN);
    expect(await outcomeOf(callLinks(test, person, 'delete', `/${id}`))).toStrictEqual(UNKNOWN);
  });
});

describe('the scopes of links (contract.md §3.8)', () => {
  const ROUTES = [
    ['get', '', 'read:security', 'read', 'write'],
    ['get', '/second', 'read:security', 'read', 'write read:accounts follow'],
    ['post', '', 'write:security', 'write', 'read'],
    ['delete', '/second', 'write:security', 'write', 'read write:accounts follow'],
  ] as const;

  it.each(ROUTES)('%s %s needs %s, or %s', async (method, path, scope, parent, others) => {
    await grantScope(test, person.tokens.id, others);
    const refused = await callLinks(test, person, method, path);
    expect({ status: refused.status, body: refused.body }).toStrictEqual({
      status: 403,
      body: { error: `Insufficient permissions: ${scope}.` },
    });
    expect(refused.headers['www-authenticate']).toBe(`Bearer error="insufficient_scope", scope="${scope}"`);
    for (const enough of [scope, parent]) {
      await grantScope(test, person.tokens.id, enough);
      expect([200, 400, 404]).toContain((await callLinks(test, person, method, path)).status);
    }
  });

  it.each(ROUTES)('%s %s needs the token of a person', async (method, path) => {
    const none = await test.http[method](`/api/v1/sso${path}`);
    expect({ status: none.status, body: none.body }).toStrictEqual({
      status: 401,
      body: { error: 'The access token is invalid' },
    });
    expect(none.headers['www-authenticate']).toBe('Bearer realm="Gatehouse"');
    const own = await clientToken(test, client);
    expect(await outcomeOf(callLinks(test, { token: own }, method, path))).toStrictEqual({
      status: 403,
      body: { error: 'This method requires an authenticated user' },
    });
    expect(await outcomeOf(callLinks(test, { token: 'x'.repeat(43) }, method, path))).toStrictEqual({
      status: 401,
      body: { error: 'The access token is invalid' },
    });
  });

  it.each(ROUTES)('%s %s is closed while the account is disabled', async (method, path) => {
    await changeUser(test, person.id, 'disabled_at = now()');
    expect(await outcomeOf(callLinks(test, person, method, path))).toStrictEqual({
      status: 403,
      body: { error: 'Your login is currently disabled', identifier: 'account_is_disabled' },
    });
  });
});
