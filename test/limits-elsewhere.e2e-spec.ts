import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetConfig } from '../src/config/config.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import {
  clientToken,
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  postLogin,
  registerClient,
  type TestClient,
} from './support/flows.js';

const enabled: Adjust = (config) => {
  config.limits.enabled = true;
  config.trustProxy = 1;
};

let test: TestApp;
let replica: TestApp;
let client: TestClient;
let token: string;
let names = 0;
beforeAll(async () => {
  test = await startApp(enabled);
  replica = await startApp(enabled, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test, { scopes: 'read write' });
  token = await clientToken(test, client);
});
afterAll(async () => {
  await replica.close();
  await test.close();
});
beforeEach(() => test.dataSource.query('truncate attempt_budget'));

const register = (fields: Record<string, unknown> = {}, { app = test, bearer = token, ip = '192.0.2.1' } = {}) => {
  const username = `person_${++names}`;
  return app.http
    .post('/api/v1/accounts')
    .auth(bearer, { type: 'bearer' })
    .set('X-Forwarded-For', ip)
    .send({ username, email: `${username}@example.org`, password: PASSWORD, agreement: true, ...fields });
};

describe('registrations of an address (contract.md §1.1)', () => {
  it('are 5 in 30 minutes, told in headers; failures count as well', async () => {
    for (const remaining of [4, 3, 2, 1, 0]) {
      const answer = await register(remaining === 3 ? { username: 'x' } : {});
      expect(answer.status).toBe(remaining === 3 ? 422 : 200);
      expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': String(remaining) });
      expect(answer.headers['x-ratelimit-reset']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      const seconds = (Date.parse(answer.headers['x-ratelimit-reset'] ?? '') - Date.now()) / 1000;
      expect(seconds).toBeGreaterThan(1790);
      expect(seconds).toBeLessThanOrEqual(1800);
    }
    const [{ users }] = await test.dataSource.query('select count(*)::int as users from "user"');
    const answer = await register();
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ error: 'Throttled' });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(1790);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(1800);
    expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '0' });
    expect(answer.headers['access-control-expose-headers']).toContain('X-RateLimit-Reset');
    expect(await test.dataSource.query('select count(*)::int as users from "user"')).toEqual([{ users }]);

    expect((await register({}, { ip: '192.0.2.2' })).status).toBe(200);
    await test.dataSource.query('update attempt_budget set expire = 1');
    expect((await register()).status).toBe(200);
  });

  it('are 5 of 12 at once over two replicas', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) => register({}, { app: n % 2 ? test : replica })),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([...Array.from({ length: 5 }, () => 200), ...Array.from({ length: 7 }, () => 429)]);
  });

  it('are counted per /64', async () => {
    for (let n = 0; n < 5; n++) await register({}, { ip: `2001:db8::${n}` });
    expect((await register({}, { ip: '2001:db8::ffff' })).status).toBe(429);
  });

  it('are counted after the token and before the scope (contract.md §0.4)', async () => {
    for (let n = 0; n < 6; n++) expect((await register({}, { bearer: 'A'.repeat(43) })).status).toBe(401);
    expect(await test.dataSource.query('select * from attempt_budget')).toEqual([]);
    const narrow = await clientToken(test, client, 'read');
    await test.dataSource.query('truncate attempt_budget');
    for (let n = 0; n < 5; n++) expect((await register({}, { bearer: narrow })).status).toBe(403);
    expect((await register({}, { bearer: narrow })).status).toBe(429);
  });
});

describe('POST /api/v1/apps', () => {
  it('is limited to 100 in 10 minutes by address', async () => {
    await test.dataSource.query(`insert into attempt_budget values ('app_registrations:127.0.0.1', 99, $1)`, [
      Date.now() + 600_000,
    ]);
    const post = () => test.http.post('/api/v1/apps').send({ client_name: 'x', redirect_uris: 'https://app.example' });
    expect((await post()).headers).toMatchObject({ 'x-ratelimit-limit': '100', 'x-ratelimit-remaining': '0' });
    const answer = await post();
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ error: 'Throttled' });
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(600);
  });
});

describe('the switches (contract.md §1)', () => {
  const wrong = (app: TestApp, identifier: string) =>
    postLogin(app, oauthQuery(client, { scope: 'read' }), { identifier, password: 'wrong' });

  it('turn one row off by 0 points, or all of them', async () => {
    const one = await startApp((config) => {
      enabled(config);
      config.limits.password_identifier = BudgetConfig.of(0, 900);
      config.limits.password_address = BudgetConfig.of(0, 300);
    }, test.database);
    const all = await startApp(() => {}, test.database);
    await Promise.all([one.listen(), all.listen()]);
    for (const app of [one, all]) {
      for (let n = 0; n < 28; n++) expect((await wrong(app, 'nobody_here')).status).toBe(302);
    }
    const rows = await test.dataSource.query(
      "select distinct split_part(key, ':', 1) as name from attempt_budget order by 1",
    );
    expect(rows).toEqual([{ name: 'password_account' }, { name: 'password_streak' }]);
    await Promise.all([one.close(), all.close()]);
  });

  it('follow the operator’s numbers, and say 429 as a page to a browser', async () => {
    const strict = await startApp((config) => {
      enabled(config);
      config.limits.password_identifier = BudgetConfig.of(2, 60);
    }, test.database);
    await strict.listen();
    for (let n = 0; n < 2; n++) expect((await wrong(strict, 'nobody_there')).status).toBe(302);
    const answer = await wrong(strict, 'nobody_there').set('Accept', 'text/html,application/xhtml+xml');
    expect(answer.status).toBe(429);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(answer.text).toContain('Throttled');
    await strict.close();
  });
});

describe('hashing has its own queue (contract.md §1.1, security.md R46)', () => {
  it('answers a surplus of sign-ins 503 at once, the others in full, and everything else as ever', async () => {
    const calm = await startApp(() => {}, test.database);
    await calm.listen();
    await createUser(calm, 'alice');
    const { access_token } = await obtainTokens(calm, client, 'alice', 'read');
    const query = oauthQuery(client, { scope: 'read' });
    const storm = Array.from({ length: 200 }, () => postLogin(calm, query));
    const meanwhile = await Promise.all([
      calm.http.get('/health/live'),
      calm.http.get('/health/ready'),
      calm.http.get('/api/oauth_tokens').auth(access_token, { type: 'bearer' }),
    ]);
    expect(meanwhile.map(({ status }) => status)).toEqual([200, 200, 200]);
    const answers = await Promise.all(storm);
    const refused = answers.filter(({ status }) => status === 503);
    const done = answers.filter(({ status }) => status === 302);
    expect(refused.length + done.length).toBe(200);
    expect(refused.length).toBeGreaterThan(0);
    expect(done.length).toBeGreaterThanOrEqual(50);
    for (const { headers, body } of refused) {
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(headers).not.toHaveProperty('set-cookie');
      expect(body).toEqual({ error: 'temporarily_unavailable', error_description: 'Service unavailable' });
    }
    for (const { headers } of done) expect(headers['location']).toContain('/oauth/consent?');
    await calm.close();
  });
});
