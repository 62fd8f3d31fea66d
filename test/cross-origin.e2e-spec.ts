import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Route, RouteTable } from '../src/common/route-table.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  ask,
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  PASSWORD,
  registerClient,
  signIn,
  type TestClient,
} from './support/flows.js';

const LISTED = 'https://frontend.example';

let test: TestApp;
let client: TestClient;
let routes: Route[];
beforeAll(async () => {
  test = await startApp((config) => {
    config.frontend.origins = [LISTED, 'https://other.example:8443'];
  });
  await test.listen();
  client = await registerClient(test);
  await createUser(test, 'alice');
  routes = test.app.get(RouteTable).routes.filter(({ facts, method }) => facts.access && method !== 'HEAD');
});
afterAll(() => test.close());

const pathOf = ({ url }: Route) => url.replaceAll(/:\w+/g, '4711');
const isShared = ({ facts: { access } }: Route) =>
  access?.kind === 'open' || access?.kind === 'bearer' || (access?.kind === 'client' && access.cors);
const corsHeaders = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));

const EXPOSED =
  'Link, Location, Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset';
const SIMPLE = { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED };

describe('CORS (contract.md §0.8, security.md R13)', () => {
  it('lets every origin read bearer and open routes and no browser route, whatever they answer, never with credentials', async () => {
    const seen = [];
    for (const route of routes) {
      const { headers } = await ask(test, route.method, pathOf(route), { origin: 'https://evil.example' });
      seen.push({ route: `${route.method} ${route.url}`, cors: corsHeaders(headers) });
    }
    expect(seen).toEqual(
      routes.map((route) => ({ route: `${route.method} ${route.url}`, cors: isShared(route) ? SIMPLE : {} })),
    );
    expect(routes.filter(isShared).length).toBeGreaterThan(15);
    expect(routes.filter((route) => !isShared(route)).length).toBeGreaterThan(5);
  });

  it('is as contract.md lists it', () => {
    const shared = (url: string) => routes.filter((route) => route.url === url).map(isShared);
    for (const url of [
      '/oauth/token',
      '/oauth/revoke',
      '/oauth/userinfo',
      '/.well-known/jwks.json',
      '/api/v1/apps',
      '/api/v1/accounts',
    ]) {
      expect({ url, shared: shared(url)[0] }).toEqual({ url, shared: true });
    }
    for (const url of [
      '/oauth/introspect',
      '/api/auth/login',
      '/api/auth/redirect',
      '/oauth/authorize',
      '/api/auth/continue',
      '/api/auth/logout',
    ]) {
      expect({ url, shared: shared(url)[0] }).toEqual({ url, shared: false });
    }
  });

  it('answers a preflight of shared routes, and of no others', async () => {
    for (const route of routes) {
      const answer = await ask(test, 'OPTIONS', pathOf(route), {
        origin: 'https://evil.example',
        'access-control-request-method': route.method,
        'access-control-request-headers': 'authorization, x-evil',
      });
      const expected = {
        ...SIMPLE,
        'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': 'Authorization, Content-Type, Idempotency-Key, X-Requested-With',
        'access-control-max-age': '86400',
      };
      const { 'access-control-expose-headers': _, ...cors } = { ...expected };
      const { 'access-control-expose-headers': __, ...got } = corsHeaders(answer.headers);
      expect({ route: route.url, status: answer.status, ...got }).toEqual({
        route: route.url,
        ...(isShared(route) ? { status: 204, ...cors } : { status: 405 }),
      });
      expect(answer.text === '' || answer.status === 405).toBe(true);
    }
  });

  it('lets a page of another origin read refusals as well', async () => {
    const origin = 'https://evil.example';
    for (const [path, body] of [
      ['/api/v1/apps', '{'],
      ['/oauth/token', '{"a":1}'],
      ['/api/v1/accounts', 'x'.repeat(70_000)],
    ] as const) {
      const { headers } = await ask(test, 'POST', path, { origin, 'content-type': 'application/json' }, body);
      expect(corsHeaders(headers)).toEqual(SIMPLE);
    }
  });

  it('has nothing to say about unknown paths', async () => {
    const answer = await ask(test, 'OPTIONS', '/api/nope', {
      origin: 'https://evil.example',
      'access-control-request-method': 'GET',
    });
    expect(answer.status).toBe(404);
    expect(corsHeaders(answer.headers)).toEqual({});
  });
});

describe('the cross-site check (contract.md §0.9)', () => {
  const REFUSED = { error: 'invalid_request', error_description: 'Cross-site request refused' };
  /** Site as the browser tells it, origin as it tells it, and whether the post is let in. */
  const MATRIX: [string | undefined, string | undefined, boolean][] = [
    [undefined, undefined, true],
    ['same-origin', undefined, true],
    ['same-site', undefined, true],
    ['none', undefined, true],
    ['cross-site', undefined, false],
    [undefined, PUB, true],
    ['same-origin', PUB, true],
    ['same-site', PUB, true],
    ['none', PUB, true],
    ['cross-site', PUB, false],
    [undefined, LISTED, true],
    ['same-site', LISTED, true],
    ['cross-site', LISTED, true],
    ['cross-site', 'https://other.example:8443', true],
    [undefined, 'https://other.example', false],
    [undefined, 'https://evil.example', false],
    ['same-origin', 'https://evil.example', false],
    ['same-site', 'https://evil.example', false],
    ['none', 'https://evil.example', false],
    ['cross-site', 'https://evil.example', false],
    [undefined, 'null', false],
    ['same-origin', 'null', true],
    ['same-site', 'null', false],
    ['none', 'null', false],
    ['cross-site', 'null', false],
    [undefined, '', false],
    [undefined, `${PUB}/`, false],
    [undefined, `${PUB}.evil.example`, false],
    [undefined, PUB.replace('http:', 'https:'), false],
    [undefined, PUB.replace('3000', '3001'), false],
    [undefined, PUB.toUpperCase(), false],
    [undefined, `${LISTED}.evil.example`, false],
    [undefined, `https://evil.example ${PUB}`, false],
  ];

  it('holds on every POST of the cookie world, and leaves no cookie and no trace', async () => {
    const posts = routes.filter(
      ({ facts, method, url }) =>
        facts.access?.kind === 'browser' && method === 'POST' && !/^\/oauth\/sso(\/|$)/.test(url),
    );
    expect(posts.length).toBeGreaterThanOrEqual(5);
    const { cookie } = await signIn(test, client, 'alice');
    const before = await countRows(test);
    for (const route of posts) {
      const allowed = [];
      for (const [site, origin] of MATRIX) {
        const headers = {
          cookie: '',
          ...(site !== undefined && { 'sec-fetch-site': site }),
          ...(origin !== undefined && { origin }),
        };
        const { status, text } = await ask(test, 'POST', pathOf(route), headers);
        allowed.push([site, origin, !(status === 403 && text === JSON.stringify(REFUSED))]);
        if (allowed.at(-1)?.[2] === true) continue;
        const withSession = await ask(test, 'POST', pathOf(route), { ...headers, cookie });
        expect(withSession.status).toBe(403);
        expect(withSession.headers).not.toHaveProperty('set-cookie');
      }
      expect({ route: route.url, allowed }).toEqual({ route: route.url, allowed: MATRIX });
    }
    const { audit_event: _, ...after } = await countRows(test);
    expect(before).toMatchObject(after);
  });

  it('stops a form of another site from signing its visitor in as somebody else, in every encoding (R42)', async () => {
    const fields = { ...oauthQuery(client, { scope: 'read' }), identifier: 'alice', password: PASSWORD };
    const before = await countRows(test);
    for (const [name, value] of [
      ['Origin', 'https://evil.example'],
      ['Origin', 'null'],
      ['Sec-Fetch-Site', 'cross-site'],
    ] as const) {
      const post = () => test.http.post('/api/auth/login').set(name, value);
      for (const request of [post().field(fields), post().type('form').send(fields), post().send(fields)]) {
        const answer = await request;
        expect(answer.status).toBe(403);
        expect(answer.body).toEqual(REFUSED);
        expect(cookiesOf(answer)).toEqual([]);
      }
    }
    expect(await countRows(test)).toEqual(before);
  });

  it('lets a listed frontend sign people in from its own site', async () => {
    const fields = { ...oauthQuery(client, { scope: 'read' }), identifier: 'alice', password: PASSWORD };
    const answer = await test.http
      .post('/api/auth/login')
      .set({ Origin: LISTED, 'Sec-Fetch-Site': 'cross-site' })
      .type('form')
      .send(fields);
    expect(answer.headers['location']).toContain('/oauth/consent?');
    expect(corsHeaders(answer.headers)).toEqual({});
  });

  it('does not concern routes without cookies', async () => {
    const { client_id, client_secret } = client;
    const fields = { grant_type: 'client_credentials', client_id, client_secret };
    const foreign = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' };
    expect((await test.http.post('/oauth/token').set(foreign).send(fields)).status).toBe(200);
  });
});
