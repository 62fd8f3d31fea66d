import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BudgetConfig } from '../src/config/config.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  oauthQuery,
  PASSWORD,
  pkcePair,
  postLogin,
  REDIRECT_URI,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';

let test: TestApp;
let client: TestClient;
let publicClient: TestClient;
let query: Record<string, string>;

beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { scopes: 'read write:blocks follow push admin' });
  publicClient = await registerClient(test, { token_endpoint_auth_method: 'none' });
  query = oauthQuery(client, { scope: 'read follow', state: 'a state' });
});
afterAll(() => test.close());

describe('POST /api/auth/login: order of the checks (contract.md §3.3.1)', () => {
  const nothing = {};
  let limited: TestApp;
  beforeAll(async () => {
    limited = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.password_address = BudgetConfig.of(1, 300);
      config.limits.password_identifier = BudgetConfig.of(1, 900);
    }, test.database);
    await limited.listen();
    await postLogin(limited, query, { identifier: 'nobody', password: 'wrong' });
  });
  afterAll(() => limited.close());

  it('1: refuses another site before it says that the address is throttled', async () => {
    const answer = await postLogin(limited, {}, nothing).set('Origin', 'https://evil.example');
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'Cross-site request refused' });
  });

  it('2: throttles the address before it looks for the client', async () => {
    const answer = await postLogin(limited, {}, nothing);
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ error: 'Throttled' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(290);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(300);
  });

  it.each([
    ['missing', {}, 'invalid_request', 'client_id is required'],
    ['empty', { client_id: '' }, 'invalid_request', 'client_id is required'],
    ['unknown', { client_id: 'A'.repeat(43) }, 'invalid_client', 'Unknown client_id'],
    ['of another form', { client_id: '12' }, 'invalid_client', 'Unknown client_id'],
  ])('3: names a client_id that is %s before a redirect URI that is missing', async (_, sent, error, sentence) => {
    const answer = await postLogin(test, sent, nothing);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error, error_description: sentence });
    expect(answer.headers).not.toHaveProperty('location');
    expect(answer.headers).not.toHaveProperty('www-authenticate');
  });

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['another', 'https://evil.example/cb'],
    ['a prefix', 'https://app.example/cb'],
    ['longer', `${REDIRECT_URI}&x=1`],
    ['in other case', REDIRECT_URI.replace('app', 'APP')],
    ['with a port', REDIRECT_URI.replace('example/', 'example:443/')],
    ['with dots', REDIRECT_URI.replace('/cb', '/a/../cb')],
    ['encoded', REDIRECT_URI.replace('/cb', '/%63b')],
    ['with a fragment', `${REDIRECT_URI}#x`],
    ['with a user', REDIRECT_URI.replace('//', '//app.example@')],
    ['with a Cyrillic letter', REDIRECT_URI.replace('app', 'аpp')],
  ])('4: never redirects to a redirect URI that is %s, whatever else is wrong', async (_, uri) => {
    const sent = oauthQuery(client, { redirect_uri: uri, response_type: 'token', scope: 'nonsense' });
    const answer = await postLogin(test, sent, nothing);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      error: 'invalid_request',
      error_description: 'redirect_uri is not registered for this client',
    });
    expect(answer.headers).not.toHaveProperty('location');
  });

  const { challenge } = pkcePair();
  it.each<[string, Record<string, string | undefined>, string, RegExp]>([
    ['no response_type', { response_type: undefined, scope: undefined }, 'invalid_request', /response_type/],
    ['an empty response_type', { response_type: '' }, 'unsupported_response_type', /response_type/],
    ['response_type token', { response_type: 'token', scope: 'bad' }, 'unsupported_response_type', /response_type/],
    ['response_type code token', { response_type: 'code token' }, 'unsupported_response_type', /response_type/],
    ['no scope', { scope: undefined, code_challenge: 'bad' }, 'invalid_request', /^scope is required$/],
    ['an empty scope', { scope: '' }, 'invalid_scope', /scope/],
    ['two spaces in the scope', { scope: 'read  follow' }, 'invalid_scope', /scope/],
    ['a comma in the scope', { scope: 'read,follow' }, 'invalid_scope', /read,follow/],
    ['part of a scope word', { scope: 'rea' }, 'invalid_scope', / rea /],
    ['a scope in capitals', { scope: 'READ' }, 'invalid_scope', / READ /],
    ['the parent of a registered scope', { scope: 'write' }, 'invalid_scope', / write /],
    ['an unknown child of a registered scope', { scope: 'read:nonsense' }, 'invalid_scope', / read:nonsense /],
    ['one uncovered word of three', { scope: 'read write:media follow' }, 'invalid_scope', / write:media /],
    ['PKCE plain', { code_challenge: challenge, code_challenge_method: 'plain' }, 'invalid_request', /S256/],
    ['PKCE without method', { code_challenge: challenge }, 'invalid_request', /S256/],
    ['PKCE method only', { code_challenge_method: 'S256' }, 'invalid_request', /code_challenge/],
    ['a short challenge', { code_challenge: 'a'.repeat(42), code_challenge_method: 'S256' }, 'invalid_request', /43/],
    ['a long challenge', { code_challenge: 'a'.repeat(129), code_challenge_method: 'S256' }, 'invalid_request', /128/],
    ['an empty challenge', { code_challenge: '', code_challenge_method: 'S256' }, 'invalid_request', /43/],
    ['a bad challenge', { code_challenge: '+'.repeat(43), code_challenge_method: 'S256' }, 'invalid_request', /43/],
  ])('5: sends %s back to the login page before it misses the identifier', async (_, more, error, sentence) => {
    const sent = oauthQuery(client, { scope: 'read', state: 'a state', ...more });
    const answer = await postLogin(test, sent, nothing);
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(cookiesOf(answer)).toEqual([]);
    const { error_description, ...kept } = redirectOf(answer).sent;
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/authorize`);
    expect(kept).toEqual({ ...sent, error });
    expect(error_description).toMatch(sentence);
  });

  it('5: demands PKCE of a public client', async () => {
    const answer = await postLogin(test, oauthQuery(publicClient), nothing);
    expect(redirectOf(answer).sent).toMatchObject({ error: 'invalid_request', client_id: publicClient.client_id });
  });

  const missing = (field: string) => ({
    title: 'Invalid value',
    source: { pointer: `/${field}` },
    message: `Missing field: ${field}`,
  });
  const mistyped = (field: string) => ({ ...missing(field), message: `${field} - Invalid string` });
  it.each<[string, Record<string, unknown>, string, object[]]>([
    [
      'both missing',
      {},
      'Missing field: identifier. Missing field: password.',
      [missing('identifier'), missing('password')],
    ],
    ['no identifier', { password: 'x' }, 'Missing field: identifier.', [missing('identifier')]],
    ['a blank identifier', { identifier: '  ', password: 'x' }, 'Missing field: identifier.', [missing('identifier')]],
    ['no password', { identifier: 'alice' }, 'Missing field: password.', [missing('password')]],
    ['an empty password', { identifier: 'alice', password: '' }, 'Missing field: password.', [missing('password')]],
    ['a list', { identifier: ['alice'], password: 'x' }, 'identifier - Invalid string.', [mistyped('identifier')]],
    ['an object', { identifier: 'alice', password: { a: 1 } }, 'password - Invalid string.', [mistyped('password')]],
    ['null', { identifier: null, password: 'x' }, 'identifier - Invalid string.', [mistyped('identifier')]],
    ['a number', { identifier: 'alice', password: 12345678 }, 'password - Invalid string.', [mistyped('password')]],
    ['a boolean', { identifier: 'alice', password: true }, 'password - Invalid string.', [mistyped('password')]],
  ])('6: answers 422 for %s', async (_, fields, error, errors) => {
    const answer = await test.http.post('/api/auth/login').query(query).send(fields);
    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({ error, errors });
  });

  it('6: answers 422 for an identifier of more than 254 characters', async () => {
    expect((await postLogin(test, query, { identifier: 'a'.repeat(255), password: 'x' })).status).toBe(422);
    expect((await postLogin(test, query, { identifier: 'a'.repeat(254), password: 'x' })).status).toBe(302);
  });

  it('6: reads neither of the two from the query', async () => {
    const answer = await postLogin(test, { ...query, identifier: 'alice', password: PASSWORD }, nothing);
    expect(answer.status).toBe(422);
  });

  it('6: misses the password before it throttles the identifier, and counts nothing', async () => {
    await limited.dataSource.query(`update attempt_budget set points = 0 where key like 'password_address%'`);
    expect((await postLogin(limited, query, { identifier: 'nobody' })).status).toBe(422);
    const [{ points }] = await limited.dataSource.query(
      `select points from attempt_budget where key like 'password_address%'`,
    );
    expect(points).toBe(0);
    // Row 8, now that nothing else is wrong.
    expect((await postLogin(limited, query, { identifier: 'nobody', password: 'x' })).status).toBe(429);
  });
});
