import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RouteTable } from '../src/common/route-table.js';
import { BudgetConfig } from '../src/config/config.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import {
  ask,
  clientToken,
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  registerClient,
  requestToken,
  type TestClient,
} from './support/flows.js';
import { policy } from './support/pages.js';

type Answer = Awaited<ReturnType<typeof ask>>;
type Case = [string, number, (test: TestApp) => Promise<Answer>];

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const JSON_TYPE = { 'content-type': 'application/json' };
const HTML = { accept: 'text/html' };

let test: TestApp;
let https: TestApp;
let client: TestClient;
let token: string;
let appToken: string;
const adjust: Adjust = (config) => {
  config.limits.enabled = true;
  config.limits.app_registrations = BudgetConfig.of(1, 600);
};
beforeAll(async () => {
  test = await startApp(adjust);
  https = await startApp((config) => {
    adjust(config);
    config.publicUrl = 'https://id.example';
    config.trustProxy = 1;
  }, test.database);
  await Promise.all([test.listen(), https.listen()]);
  client = await registerClient(test);
  await createUser(test, 'alice');
  token = (await obtainTokens(test, client, 'alice')).access_token;
  appToken = await clientToken(test, client);
});
afterAll(async () => {
  await https.close();
  await test.close();
});

const bearer = () => ({ authorization: `Bearer ${token}` });
const query = (more = {}) => new URLSearchParams(oauthQuery(client, { scope: 'read', ...more })).toString();
const login = (app: TestApp, search: string, body: string, more = {}) =>
  ask(app, 'POST', `/api/auth/login?${search}`, { ...FORM, ...more }, body);
const credentials = `identifier=alice&password=${encodeURIComponent(PASSWORD)}`;

/** With a table away, whatever needs it fails. */
async function without(table: string, work: () => Promise<Answer>): Promise<Answer> {
  await test.dataSource.query(`alter table "${table}" rename to away`);
  const answer = await work();
  await test.dataSource.query(`alter table away rename to "${table}"`);
  return answer;
}

/** One of every kind of answer there is. */
const ANSWERS: Case[] = [
  ['JSON', 200, (app) => ask(app, 'GET', '/health/live')],
  ['a person’s data', 200, (app) => ask(app, 'GET', '/api/oauth_tokens', bearer())],
  ['no content', 204, (app) => ask(app, 'POST', '/api/auth/logout', { accept: 'application/json' })],
  [
    'a preflight',
    204,
    (app) =>
      ask(app, 'OPTIONS', '/api/v1/apps', { origin: 'https://x.example', 'access-control-request-method': 'POST' }),
  ],
  ['a finished sign-in', 302, (app) => login(app, query(), credentials)],
  ['a refused sign-in', 302, (app) => login(app, query({ scope: 'bad' }), '')],
  [
    'missing fields',
    400,
    (app) => ask(app, 'POST', '/oauth/token', FORM, new URLSearchParams({ client_id: client.client_id }).toString()),
  ],
  ['a broken body', 400, (app) => ask(app, 'POST', '/api/v1/apps', JSON_TYPE, '{')],
  ['a broken query', 400, (app) => ask(app, 'GET', '/api/v1/instance?x=%zz')],
  ['no token', 401, (app) => ask(app, 'GET', '/api/oauth_tokens')],
  ['no client', 401, (app) => ask(app, 'POST', '/oauth/token', FORM, 'grant_type=client_credentials&client_id=x')],
  ['another site', 403, (app) => ask(app, 'POST', '/api/auth/logout', { 'sec-fetch-site': 'cross-site' })],
  ['a token of no person', 403, (app) => ask(app, 'GET', '/api/oauth_tokens', { authorization: `Bearer ${appToken}` })],
  ['an unknown path', 404, (app) => ask(app, 'GET', '/nope')],
  ['a broken path', 404, (app) => ask(app, 'GET', '/%zz')],
  ['an unknown record', 404, (app) => ask(app, 'DELETE', '/api/oauth_tokens/4711000', bearer())],
  ['a wrong method', 405, (app) => ask(app, 'PUT', '/api/v1/apps')],
  ['a large body', 413, (app) => ask(app, 'POST', '/api/v1/apps', JSON_TYPE, ' '.repeat(66_000))],
  ['a long URL', 414, (app) => ask(app, 'GET', `/api/v1/instance?x=${'x'.repeat(8192)}`)],
  ['a strange type', 415, (app) => ask(app, 'POST', '/api/v1/apps', { 'content-type': 'text/plain' }, 'x')],
  ['a refused value', 422, (app) => login(app, query(), 'identifier=alice')],
  ['throttling', 429, async (app) => (await ask(app, 'POST', '/api/v1/apps'), ask(app, 'POST', '/api/v1/apps'))],
  [
    'a fault',
    500,
    (app) =>
      without('application', () =>
        ask(app, 'POST', '/oauth/token', FORM, `grant_type=x&client_id=${client.client_id}`),
      ),
  ],
  ['an uncountable attempt', 503, (app) => without('attempt_budget', () => login(app, query(), credentials))],
];

describe.each(ANSWERS)('the answer to %s', (_, status, request) => {
  it(`is ${status} with the headers of every answer (contract.md §0.8, security.md R12)`, async () => {
    const answer = await request(test);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(answer.headers['content-security-policy']?.replaceAll('; ', ';')).toBe(
      "default-src 'none';frame-ancestors 'none'",
    );
    for (const name of ['strict-transport-security', 'server', 'x-powered-by', 'etag'])
      expect(answer.headers).not.toHaveProperty(name);
    expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    expect(answer.text).not.toMatch(
      /node_modules|\bat .*:\d+|\.ts\b|\.js\b|select |insert |relation|fastify|nest|postgres/i,
    );
  });

  it('tells an https browser to stay with https', async () => {
    const answer = await request(https);
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
  });
});

describe('X-Request-Id', () => {
  it('is new every time, and ours whatever an untrusted client sends', async () => {
    const ids = [];
    for (let n = 0; n < 3; n++)
      ids.push((await ask(test, 'GET', '/health/live', { 'x-request-id': 'theirs' })).headers['x-request-id']);
    expect(new Set(ids).size).toBe(3);
    expect(ids).not.toContain('theirs');
  });

  it.each([
    ['abc-123.DEF:4', true],
    ['x'.repeat(100), true],
    ['x'.repeat(101), false],
    ['with space', false],
    ['"quoted"', false],
    ['', false],
  ])('of a trusted proxy is kept when it looks like one: %j', async (id, isKept) => {
    const answer = await ask(https, 'GET', '/health/live', { 'x-request-id': id });
    expect(answer.headers['x-request-id'] === id).toBe(isKept);
    expect(answer.headers['x-request-id']).toMatch(/^[\w.:-]+$/);
  });
});

describe('caching (contract.md §0.8)', () => {
  it('is allowed for a minute on the routes that say so, with a tag', async () => {
    const cacheable = test.app
      .get(RouteTable)
      .routes.filter(({ facts, method }) => facts.cacheable && method === 'GET');
    const urls = cacheable.map(({ url }) => url);
    expect(urls).toEqual(
      expect.arrayContaining([
        '/api/v1/instance',
        '/api/v2/instance',
        '/api/v1/frontend/config',
        '/.well-known/jwks.json',
        '/.well-known/oauth-authorization-server',
      ]),
    );
    for (const url of urls) {
      const answer = await ask(test, 'GET', url);
      expect(answer.headers).toMatchObject({
        'cache-control': 'public, max-age=60',
        etag: expect.stringMatching(/^"[^"]+"$/),
      });
      const { etag = '' } = answer.headers;
      for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await ask(test, 'GET', url, { 'if-none-match': tag });
        expect({ url, tag, status: again.status, text: again.text }).toEqual({ url, tag, status: 304, text: '' });
        expect(again.headers).toMatchObject({ etag, 'cache-control': 'public, max-age=60' });
      }
      const other = await ask(test, 'GET', url, { 'if-none-match': '"other"' });
      expect({ url, status: other.status, text: other.text }).toEqual({ url, status: 200, text: answer.text });
    }
  });

  it('is not allowed for a refusal on such a route, nor anywhere else', async () => {
    const refused = await ask(test, 'GET', '/api/v1/instance?x=%00');
    expect(refused.status).toBe(400);
    expect(refused.headers['cache-control']).toBe('no-store');
    const other = await ask(test, 'GET', '/health/live', { 'if-none-match': '*' });
    expect(other.status).toBe(200);
  });

  it('is forbidden in both spellings on the token endpoint', async () => {
    const answer = await requestToken(test, client, { grant_type: 'client_credentials' });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
  });
});

describe('Accept (contract.md §0.3)', () => {
  it.each([
    'application/json',
    '*/*',
    undefined,
    'image/png',
    'text/html;q=0.5, application/json',
    'text/html;q=0',
    ';;;',
    'x'.repeat(4000),
  ])('as %s is never refused, and gets JSON from a browser route', async (accept) => {
    const answer = await ask(test, 'POST', '/api/auth/login', accept === undefined ? {} : { accept });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual({ error: 'invalid_request', error_description: 'client_id is required' });
  });

  it.each([
    'text/html',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'application/json;q=0.9, text/html',
  ])('as %s gets a page with the same status and facts', async (accept) => {
    const refused = await ask(test, 'POST', '/api/auth/login', { accept });
    expect(refused.status).toBe(400);
    expect(refused.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(refused.headers['content-security-policy']).toBe(policy());
    expect(refused.text).toContain('client_id is required');
    const foreign = await ask(test, 'POST', '/api/auth/login', { accept, origin: 'https://evil.example' });
    expect(foreign.status).toBe(403);
    expect(foreign.text).toContain('Cross-site request refused');
  });

  it('gets JSON from an API route even when a page is preferred', async () => {
    for (const path of ['/api/oauth_tokens', '/api/nope', '/oauth/userinfo']) {
      const answer = await ask(test, 'GET', path, HTML);
      expect({ path, type: answer.headers['content-type'] }).toEqual({ path, type: 'application/json; charset=utf-8' });
    }
    const token404 = await ask(test, 'POST', '/oauth/token', { ...HTML, ...FORM }, 'grant_type=x');
    expect(JSON.parse(token404.text)).toHaveProperty('error_description');
  });
});

it('an Idempotency-Key is ignored: never stored, never replayed (contract.md §0.3)', async () => {
  await test.dataSource.query('truncate attempt_budget');
  const key = { 'idempotency-key': 'the same', ...JSON_TYPE };
  const body = (n: number) => JSON.stringify({ client_name: `App ${n}`, redirect_uris: 'https://app.example' });
  const answers = [
    await ask(test, 'POST', '/api/v1/apps', key, body(1)),
    await ask(https, 'POST', '/api/v1/apps', { ...key, 'x-forwarded-for': '192.0.2.1' }, body(2)),
  ];
  expect(answers.map(({ text }) => JSON.parse(text).name)).toEqual(['App 1', 'App 2']);
});
