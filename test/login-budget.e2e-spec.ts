import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetConfig } from '../src/config/config.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import { createUser, oauthQuery, PASSWORD, postLogin, registerClient, type TestClient } from './support/flows.js';

const enabled: Adjust = (config) => {
  config.limits.enabled = true;
  config.trustProxy = 1;
  config.limits.password_address = BudgetConfig.of(3, 300);
};

let test: TestApp;
let client: TestClient;
let query: Record<string, string>;
beforeAll(async () => {
  test = await startApp(enabled);
  await test.listen();
  client = await registerClient(test);
  query = oauthQuery(client);
  await createUser(test, 'alice');
});
afterAll(() => test.close());
beforeEach(() => test.dataSource.query('truncate attempt_budget'));

type Answer = Awaited<ReturnType<typeof postLogin>>;
const attempt = (password: string, ip = '192.0.2.1', more: Record<string, string> = {}) =>
  postLogin(test, { ...query, ...more }, { identifier: 'alice', password }).set('X-Forwarded-For', ip);
const remainingOf = (answer: Answer) => answer.headers['x-ratelimit-remaining'];

/** Limit, what is left, and the end of the window, as on every rate-limited route. */
function expectBudget({ headers }: Answer, remaining: number): void {
  expect(headers).toMatchObject({ 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': String(remaining) });
  expect(headers['x-ratelimit-reset']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const seconds = (Date.parse(headers['x-ratelimit-reset'] ?? '') - Date.now()) / 1000;
  expect(seconds).toBeGreaterThan(240);
  expect(seconds).toBeLessThanOrEqual(300);
}

describe('POST /api/auth/login tells the budget of an address (contract.md §0.8, §1.1)', () => {
  it('counts down with every failure, to the 429', async () => {
    for (const remaining of [2, 1, 0]) {
      const answer = await attempt('wrong');
      expect(answer.status).toBe(302);
      expectBudget(answer, remaining);
    }
    const [{ events }] = await test.dataSource.query('select count(*)::int as events from audit_event');
    const answer = await attempt(PASSWORD);
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ error: 'Throttled' });
    expectBudget(answer, 0);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(240);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(300);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.headers).not.toHaveProperty('location');
    expect(await test.dataSource.query('select count(*)::int as events from audit_event')).toEqual([{ events }]);
    expect(remainingOf(await attempt(PASSWORD, '192.0.2.2'))).toBe('2');
  });

  it('takes nothing for a success: the next attempt is told the same', async () => {
    for (let n = 0; n < 4; n++) {
      const answer = await attempt(PASSWORD);
      expect(answer.headers['location']).toContain('/oauth/consent?');
      expectBudget(answer, 2);
    }
    await attempt('wrong');
    for (let n = 0; n < 2; n++) expectBudget(await attempt(PASSWORD), 1);
  });

  it('says it with refusals that come before the password as well, which cost nothing', async () => {
    for (const name of ['scope', 'redirect_uri', 'client_id'])
      expectBudget(await attempt('wrong', '192.0.2.1', { [name]: 'https://x.example' }), 2);
    const malformed = await postLogin(test, query, { identifier: 'alice' }).set('X-Forwarded-For', '192.0.2.1');
    expect(malformed.status).toBe(422);
    expectBudget(malformed, 2);
    expect(await test.dataSource.query(`select 1 from attempt_budget where key ~ 'password'`)).toEqual([]);
  });

  it('comes after the cross-site check and before the client’s (§3.3.1)', async () => {
    for (let n = 0; n < 3; n++) await attempt('wrong');
    const elsewhere = await attempt('wrong').set('Origin', 'https://evil.example');
    expect(elsewhere.status).toBe(403);
    expect(elsewhere.headers).not.toHaveProperty('x-ratelimit-limit');
    expect((await attempt('wrong', '192.0.2.1', { client_id: 'unknown' })).status).toBe(429);
    expect((await postLogin(test, query, {}).set('X-Forwarded-For', '192.0.2.1')).status).toBe(429);
  });

  it('counts a /64 as one and tells nobody of another', async () => {
    expect(remainingOf(await attempt('wrong', '2001:db8::1'))).toBe('2');
    expect(remainingOf(await attempt('wrong', '2001:db8::ffff:2'))).toBe('1');
    expect(remainingOf(await attempt('wrong', '2001:db8:0:1::1'))).toBe('2');
  });

  it('says nothing where the budget is switched off', async () => {
    const off = await startApp((config) => {
      enabled(config);
      config.limits.password_address = BudgetConfig.of(0, 300);
    }, test.database);
    const answer = await postLogin(off, query);
    expect(answer.status).toBe(302);
    expect(Object.keys(answer.headers).filter((header) => header.startsWith('x-ratelimit'))).toEqual([]);
    await off.close();
  });

  it('refuses with 503 when it cannot be read (security.md D9)', async () => {
    await test.dataSource.query('alter table attempt_budget rename to budget_away');
    const answer = await attempt(PASSWORD);
    await test.dataSource.query('alter table budget_away rename to attempt_budget');
    expect(answer.status).toBe(503);
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });
});
