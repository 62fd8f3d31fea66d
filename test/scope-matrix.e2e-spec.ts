import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KNOWN_SCOPES } from '../src/common/scopes.js';
import { BudgetConfig } from '../src/config/config.js';
import { startApp, type TestApp } from './support/app.js';
import { clientToken, createUser, obtainTokens, registerClient, statusOf, type Tokens } from './support/flows.js';
import { bearerRoutes, call, grantScope } from './support/routes.js';

const REALM = 'Bearer realm="Gatehouse"';
const INVALID = `${REALM}, error="invalid_token", error_description="The access token is invalid"`;
const UNKNOWN = { status: 401, body: { error: 'The access token is invalid' } };

let test: TestApp;
let app: string;
let tokens: Tokens;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  const client = await registerClient(test);
  await createUser(test, 'alice');
  app = await clientToken(test, client);
  tokens = await obtainTokens(test, client, 'alice');
});
afterAll(() => test.close());

/** The words that cover a wanted one, by contract.md §0.5. */
function covering(wanted: string): string[] {
  const [parent = '', child = ''] = wanted.split(':');
  return [wanted, parent, ...(['follows', 'blocks', 'mutes'].includes(child) ? ['follow'] : [])];
}

describe('every bearer route', () => {
  it('is listed here', () => {
    const urls = bearerRoutes(test).map(({ method, url }) => `${method} ${url}`);
    expect(urls).toContain('GET /api/oauth_tokens');
    expect(urls).toContain('DELETE /api/oauth_tokens/1');
    expect(urls).toContain('POST /api/v1/accounts');
    expect(urls).toContain('POST /oauth/userinfo');
  });

  it('refuses a request without, with an unknown and with a broken token, in each spelling of its path', async () => {
    for (const route of bearerRoutes(test)) {
      for (const url of [route.url, `${route.url}/`, `${route.url}?a=b`]) {
        const none = await call(test, { ...route, url });
        expect(none, `${route.method} ${url}`).toMatchObject(UNKNOWN);
        expect(none.headers['www-authenticate']).toBe(REALM);
        expect(none.headers['cache-control']).toBe('no-store');
        const unknown = await call(test, { ...route, url }, 'a'.repeat(43));
        expect(unknown, `${route.method} ${url}`).toMatchObject(UNKNOWN);
        expect(unknown.headers['www-authenticate']).toBe(INVALID);
      }
      const encoded = route.url.replace(/[a-z](?=[a-z_.]*$)/, (c) => `%${c.charCodeAt(0).toString(16)}`);
      for (const url of [encoded, route.url.toUpperCase(), `/${route.url}`, `${route.url};x=1`, `${route.url}//`]) {
        if (url === route.url) continue;
        const { status, body } = await call(test, { ...route, url }, tokens.access_token);
        // Another kind of factor than there is (contract.md §6.2), or another id.
        const isOther = status === 400 && (route.hasParameter || /^undefined (mfa )?method$/.test(body.error));
        expect(isOther || [401, 403, 404, 405].includes(status), `${route.method} ${url} answers ${status}`).toBe(true);
      }
    }
  });

  it('refuses HEAD as it does GET, and at once where GET makes something', async () => {
    for (const { method, url, facts } of bearerRoutes(test).filter((route) => route.method === 'GET')) {
      const answer = await call(test, { method: 'HEAD', url }, 'a'.repeat(43));
      const seen = { status: answer.status, challenge: answer.headers['www-authenticate'] };
      expect(seen, `${method} ${url}`).toEqual(
        facts.noHead ? { status: 405, challenge: undefined } : { status: 401, challenge: INVALID },
      );
    }
  });

  it('refuses an app token where a person is needed, and a person’s where an app is', async () => {
    await grantScope(test, tokens.id, KNOWN_SCOPES.join(' '));
    for (const route of bearerRoutes(test)) {
      const { principal } = route.access;
      if (principal === 'any') continue;
      const answer = await call(test, route, principal === 'user' ? app : tokens.access_token);
      expect({ status: answer.status, body: answer.body }, `${route.method} ${route.url}`).toStrictEqual({
        status: 403,
        body: {
          error:
            principal === 'user' ? 'This method requires an authenticated user' : 'This method requires an app token',
        },
      });
    }
    await grantScope(test, tokens.id, 'read write');
  });

  it('refuses every scope that does not cover it, and names what it needs', async () => {
    const [row] = await test.dataSource.query('select id from session where user_id is null limit 1');
    const routes = bearerRoutes(test).filter(({ access }) => access.scopes.length > 0);
    expect(routes.length).toBeGreaterThan(5);
    for (const word of [...KNOWN_SCOPES, 'rea', 'READ', 'writes', 'read:', '*', '']) {
      await grantScope(test, tokens.id, word);
      await grantScope(test, row.id, word);
      for (const route of routes) {
        const { principal, scopes } = route.access;
        if (scopes.flatMap(covering).includes(word)) continue;
        const answer = await call(test, route, principal === 'app' ? app : tokens.access_token);
        expect({ status: answer.status, body: answer.body }, `${route.method} ${route.url} by ${word}`).toStrictEqual({
          status: 403,
          body: { error: `Insufficient permissions: ${scopes.join(' | ')}.` },
        });
        expect(answer.headers['www-authenticate']).toBe(
          `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"`,
        );
      }
    }
    await grantScope(test, tokens.id, 'read write');
    expect(await statusOf(test, tokens.access_token)).toBe(200);
  });
});

describe('the order of the checks', () => {
  it('is size and type, token, account, rate limit, scope', async () => {
    const limited = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.account_registrations = BudgetConfig.of(1, 600);
    }, test.database);
    await limited.listen();
    const route = { method: 'POST', url: '/api/v1/accounts' };
    const [row] = await test.dataSource.query('select id from session where user_id is null limit 1');
    await grantScope(test, row.id, 'read');
    expect((await call(limited, route).type('text/plain').send('x')).status).toBe(415);
    expect((await call(limited, route).send({ reason: 'a'.repeat(65_536) })).status).toBe(413);
    expect((await call(limited, route)).status).toBe(401);
    expect((await call(limited, route, tokens.access_token)).status).toBe(403);
    const narrow = await call(limited, route, app);
    expect(narrow).toMatchObject({ status: 403, body: { error: 'Insufficient permissions: write:accounts.' } });
    expect(narrow.headers['x-ratelimit-remaining']).toBe('0');
    expect(await call(limited, route, app)).toMatchObject({ status: 429, body: { error: 'Throttled' } });
    expect((await call(limited, route)).status).toBe(401);
    await grantScope(test, row.id, 'write');
    expect((await call(test, route, app)).status).toBe(422);
    await limited.close();
  });
});

describe('the scopes of a token', () => {
  it.each([
    ['read', '/api/oauth_tokens', 200],
    ['read:accounts', '/api/oauth_tokens', 403],
    ['read', '/api/v1/accounts/verify_credentials', 200],
    ['read:accounts', '/api/v1/accounts/verify_credentials', 200],
    ['profile', '/api/v1/accounts/verify_credentials', 200],
    ['follow write admin push', '/api/v1/accounts/verify_credentials', 403],
    ['push', '/api/v1/apps/verify_credentials', 200],
  ])('%s at %s answer %i', async (scope, url, status) => {
    await grantScope(test, tokens.id, scope);
    expect((await call(test, { method: 'GET', url }, tokens.access_token)).status).toBe(status);
    await grantScope(test, tokens.id, 'read write');
  });
});
