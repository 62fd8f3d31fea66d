import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Route, RouteTable } from '../src/common/route-table.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  ask,
  clientToken,
  countRows,
  createUser,
  oauthQuery,
  obtainTokens,
  postLogin,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { leadsTo } from './support/routes.js';

const NOT_FOUND = { error: 'Not found' };

let test: TestApp;
let client: TestClient;
let tokens: Record<'user' | 'app', string>;
let routes: Route[];
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { scopes: 'read write follow push profile' });
  await createUser(test, 'alice');
  const user = (await obtainTokens(test, client, 'alice', 'read write follow push profile')).access_token;
  tokens = { user, app: await clientToken(test, client) };
  routes = test.app.get(RouteTable).routes.filter(({ facts }) => facts.access);
});
afterAll(() => test.close());

/** A path of the route, its parameters filled in with an id that nobody has. */
const pathOf = ({ url }: Route) => url.replaceAll(/:\w+/g, '4711');
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const tokenFor = ({ facts: { access } }: Route) =>
  access?.kind === 'bearer' && access.principal === 'app' ? tokens.app : tokens.user;
const bodyOf = ({ text }: { text: string }): unknown => JSON.parse(text);

describe('a path (contract.md §0.2, security.md R4)', () => {
  /** Other spellings that must not lead to the route. */
  const spellings = (path: string): string[] => {
    const cut = path.indexOf('/', 1);
    const [first, rest] = cut < 0 ? [path, ''] : [path.slice(0, cut), path.slice(cut)];
    return [
      `/${path}`,
      `//${path}`,
      `${first}/${rest}`,
      `${path}//`,
      `/%${first.charCodeAt(1).toString(16)}${first.slice(2)}${rest}`,
      `${first.replace(/.$/, (last) => `%${last.charCodeAt(0).toString(16)}`)}${rest}`,
      `/${path.slice(1).toUpperCase()}`,
      `${first};x=1${rest}`,
      `/.${path}`,
      `/x/..${path}`,
      `${first}/.${rest || '/'}x`,
      `${first}%2f${rest.slice(1)}`,
      `${path}%00`,
      `${path}%20`,
      `${path}.html`,
      `${first}\\${rest.slice(1)}`,
      `${path}/x`,
    ];
  };

  it('opens no protected route by another spelling, without a token or with one', async () => {
    const opened: string[] = [];
    for (const route of routes.filter(({ facts, method }) => facts.access?.kind === 'bearer' && method !== 'HEAD')) {
      const path = pathOf(route);
      for (const spelling of spellings(path)) {
        const denied = await ask(test, route.method, spelling);
        if (![400, 401, 403, 404, 405].includes(denied.status))
          opened.push(`${route.method} ${spelling}: ${denied.status}`);
        const tried = await ask(test, route.method, spelling, bearer(tokenFor(route)));
        // Another value of a path parameter is another record, or another kind of factor (contract.md §6.2).
        const isUndefined = /"error":"undefined (mfa )?method"/.test(tried.text);
        const isOther = tried.status === 400 && (route.url.includes(':') || isUndefined);
        if (tried.status !== 404 && tried.status !== 405 && !isOther)
          opened.push(`${route.method} ${spelling} with a token: ${tried.status}`);
      }
      expect((await ask(test, route.method, path)).status, path).toBe(401);
      expect((await ask(test, route.method, `${path}/`)).status, `${path}/`).toBe(401);
    }
    expect(opened).toEqual([]);
  });

  it('finds open routes by their exact spelling only', async () => {
    for (const spelling of spellings('/api/v1/instance')) {
      const answer = await ask(test, 'GET', spelling);
      expect({ spelling, status: answer.status }).toEqual({ spelling, status: 404 });
      expect(bodyOf(answer)).toEqual(NOT_FOUND);
    }
  });

  it('ignores one slash at its end', async () => {
    expect((await ask(test, 'GET', '/api/v1/instance/')).status).toBe(200);
    expect((await ask(test, 'GET', '/api/v1/instance/?x=1')).status).toBe(200);
    expect((await ask(test, 'GET', '/api/oauth_tokens/', bearer(tokens.user))).status).toBe(200);
  });

  it('has the same handler, guard and counters under both prefixes of Pleroma', () => {
    const facts = (prefix: string) =>
      routes
        .filter(({ url }) => url.startsWith(prefix))
        .map(({ url, ...rest }) => ({ url: url.slice(prefix.length), ...rest }));
    const byName = (a: { url: string; method: string }, b: typeof a) =>
      `${a.url} ${a.method}`.localeCompare(`${b.url} ${b.method}`);
    expect(facts('/api/v1/pleroma/').toSorted(byName)).toEqual(facts('/api/pleroma/').toSorted(byName));
  });

  it.each([
    '/nope',
    '/api/nope',
    '/api/v1/pleroma',
    '/%zz',
    '/%',
    '/%ff',
    '/api/v1/%C0%80',
    '/.unknown',
    '/..',
    '/api/v1/instance%00',
  ])('is not found as %s, in our own words', async (path) => {
    const answer = await ask(test, 'GET', path);
    expect(answer.status).toBe(404);
    expect(bodyOf(answer)).toEqual(NOT_FOUND);
  });

  it.each([
    '0',
    '-1',
    '1e3',
    '1.0',
    '01',
    '9007199254740992',
    '9'.repeat(400),
    '1%00',
    '%00',
    '..%2f1',
    '1%20OR%201=1',
    '__proto__',
    'constructor',
    '%D9%A1',
    '1;x',
    'null',
  ])('with the id %s is answered like one of a missing record', async (id) => {
    const answer = await ask(test, 'DELETE', `/api/oauth_tokens/${id}`, bearer(tokens.user));
    expect(answer.status).toBe(404);
    expect(bodyOf(answer)).toEqual({ error: 'Record not found' });
  });
});

describe('a method (contract.md §0.2, security.md R14)', () => {
  let before: Record<string, number>;
  beforeEach(async () => {
    before = await countRows(test);
  });

  it('that a path does not have is answered 405 with those it has', async () => {
    for (const url of new Set(routes.map((route) => route.url))) {
      const path = pathOf({ method: 'GET', url, facts: {} });
      const known = [...new Set(routes.filter((route) => leadsTo(route.url, path)).map(({ method }) => method))];
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((name) => !known.includes(name))) {
        const answer = await ask(test, method, path);
        const allow = answer.headers['allow']?.split(', ').toSorted();
        expect({ status: answer.status, body: bodyOf(answer), allow }, `${method} ${url}`).toEqual({
          status: 405,
          body: { error: 'Method not allowed' },
          allow: known.toSorted(),
        });
      }
    }
    expect(await countRows(test)).toEqual(before);
  });

  it('cannot be overridden', async () => {
    const override = {
      ...bearer(tokens.user),
      'x-http-method-override': 'DELETE',
      'x-http-method': 'DELETE',
      'x-method-override': 'DELETE',
    };
    const form = { ...override, 'content-type': 'application/x-www-form-urlencoded' };
    expect((await ask(test, 'POST', '/api/oauth_tokens?_method=DELETE', form, '_method=DELETE')).status).toBe(405);
    const listed = await ask(test, 'GET', '/api/oauth_tokens?_method=DELETE', override);
    expect(listed.status).toBe(200);
    expect(bodyOf(listed)).toHaveLength(1);
  });

  it('HEAD answers like GET, without a body and without a trace', async () => {
    const gets = test.app.get(RouteTable).routes.filter(({ method }) => method === 'GET');
    const varying = { date: '', 'x-request-id': '', 'x-ratelimit-reset': '' };
    const wrong: object[] = [];
    for (const route of gets) {
      const headers = route.facts.access?.kind === 'bearer' ? bearer(tokenFor(route)) : {};
      const counted = JSON.stringify(await countRows(test));
      const head = await ask(test, 'HEAD', pathOf(route), headers);
      const leavesTrace = JSON.stringify(await countRows(test)) !== counted;
      const get = await ask(test, 'GET', pathOf(route), headers);
      const differs = route.facts.noHead
        ? head.status !== 405
        : head.status !== get.status ||
          JSON.stringify({ ...head.headers, ...varying }) !== JSON.stringify({ ...get.headers, ...varying });
      if (leavesTrace || differs || head.text !== '')
        wrong.push({ url: route.url, leavesTrace, differs, body: head.text });
    }
    expect(wrong).toEqual([]);
  });
});

describe('our own URLs (contract.md §0.1, security.md R1)', () => {
  const LIES = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    forwarded: 'host=evil.example;proto=https',
    'x-forwarded-port': '444',
    'x-original-url': '/evil',
    'x-rewrite-url': '/evil',
  };

  it.each(['/.well-known/oauth-authorization-server', '/api/v1/instance', '/api/v2/instance', '/docs/openapi.json'])(
    'are the configured ones in %s, whatever the request says',
    async (path) => {
      const [honest, lied] = [await ask(test, 'GET', path), await ask(test, 'GET', path, LIES)];
      expect(lied.status).toBe(200);
      expect(lied.text).toBe(honest.text);
      expect(lied.text).not.toContain('evil');
    },
  );

  it('are the configured ones also behind a trusted proxy, in redirects, tokens and userinfo', async () => {
    const proxied = await startApp((config) => (config.trustProxy = 1), test.database);
    await proxied.listen();
    const lies = { ...LIES, 'x-forwarded-for': '192.0.2.1' };
    const login = await postLogin(proxied, oauthQuery(client, { scope: 'read' })).set(lies);
    expect(redirectOf(login).to).toBe(`${PUB}/oauth/consent`);
    const refused = await postLogin(proxied, oauthQuery(client, { scope: 'bad' })).set(lies);
    expect(redirectOf(refused).to).toBe(`${PUB}/oauth/authorize`);
    const home = await proxied.http.post('/api/auth/logout').set(lies);
    expect(home.headers['location']).toBe(`${PUB}/`);
    const userinfo = await ask(proxied, 'GET', '/oauth/userinfo', { ...lies, ...bearer(tokens.user) });
    expect(bodyOf(userinfo)).toMatchObject({ iss: PUB, sub: `${PUB}/users/alice` });
    await proxied.close();
  });
});
