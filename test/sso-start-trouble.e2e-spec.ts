import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SsoFlowsService } from '../src/sso-flows/sso-flows.service.js';
import { type Adjust, PUB, startApp, type TestApp } from './support/app.js';
import { type EvilFaults, type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { cookiesOf, countRows, oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { PATHS } from './support/issuer-server.js';
import { forgetProviders, provider } from './support/sso.js';

let evil: EvilIssuer;
beforeAll(async () => {
  evil = await startEvilIssuer();
});
afterAll(() => evil.stop());
afterEach(() => {
  evil.faults = {};
  evil.forget();
});

const withEvil: Adjust = (config) => {
  config.sso.providers = [provider('evil', evil.url)];
};

describe('a start at a provider that is not as it should be (contract.md §3.6)', () => {
  let test: TestApp;
  let client: TestClient;
  beforeAll(async () => {
    test = await startApp(withEvil);
    await test.listen();
    client = await registerClient(test);
  });
  afterAll(() => test.close());
  afterEach(() => forgetProviders(test));

  const start = () =>
    test.http.get('/oauth/sso').query({ ...oauthQuery(client, { state: 'a state' }), issuer: 'evil' });
  const away = () => ({
    status: 302,
    to: `${PUB}/oauth/authorize`,
    sent: {
      ...oauthQuery(client, { state: 'a state' }),
      error: 'temporarily_unavailable',
      error_description: 'The provider cannot be reached now',
    },
    cookies: [],
  });

  /** Starts, and tells the whole answer; nothing must be left behind. */
  async function tell() {
    const before = await countRows(test);
    const answer = await start();
    expect(await countRows(test)).toEqual(before);
    return { status: answer.status, ...redirectOf(answer), cookies: cookiesOf(answer) };
  }

  it.each<NonNullable<EvilFaults['discovery']>>([
    'names another issuer',
    'has no endpoints',
    'has no jwks_uri',
    'has a script for its authorization endpoint',
    'says 500',
    'redirects',
    'is 10 MB long',
    'never ends',
    'is not JSON',
  ])('leads back to the login page, and leaves nothing behind: its discovery document %s', async (discovery) => {
    evil.faults = { discovery };
    expect(await tell()).toEqual(away());
    expect([evil.total, evil.count('discovery'), evil.elsewhere.total]).toEqual([1, 1, 0]);
    evil.faults = {};
    forgetProviders(test);
    expect(redirectOf(await start()).to).toBe(`${evil.url}${PATHS.authorize}`);
  });

  it('leads back while nobody listens there, and goes on as soon as somebody does', async () => {
    await evil.stop();
    const answer = await tell();
    await evil.restart();
    expect(answer).toEqual(away());
    expect(redirectOf(await start()).to).toBe(`${evil.url}${PATHS.authorize}`);
  });

  it('asks for the discovery document once, however many start at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, async () => start()));
    for (const answer of answers) expect(redirectOf(answer).to).toBe(`${evil.url}${PATHS.authorize}`);
    await start();
    expect([evil.total, evil.count('discovery')]).toEqual([1, 1]);
  });

  it('leaves a flow that is kept for ten minutes, used or not, and then goes', async () => {
    await test.dataSource.query('truncate sso_flow');
    for (let n = 0; n < 3; n += 1) await start();
    const change = (set: string) =>
      test.dataSource.query(
        `update sso_flow set ${set} where id = (select id from sso_flow where used_at is null and expires_at > now() limit 1)`,
      );
    await change('used_at = now()');
    await change(`expires_at = now() - interval '1 second'`);
    await test.app.get(SsoFlowsService).purge();
    const left = await test.dataSource.query('select used_at is null as fresh from sso_flow where expires_at > now()');
    expect(left).toHaveLength(2);
    expect((await countRows(test))['sso_flow']).toBe(2);
  });
});

describe('the starts of an address (contract.md §1.1)', () => {
  let test: TestApp;
  let client: TestClient;
  beforeAll(async () => {
    test = await startApp((config) => {
      withEvil(config);
      config.limits.enabled = true;
      config.trustProxy = 1;
    });
    await test.listen();
    client = await registerClient(test);
  });
  afterAll(() => test.close());

  it('are 20 a minute over all routes, right or wrong; more are not looked at', async () => {
    const request = { ...oauthQuery(client), issuer: 'evil' };
    const from = (ip: string, n: number) => {
      const { issuer: _, ...path } = request;
      const starts = [
        () => test.http.get('/oauth/sso').query(request),
        () => test.http.post('/oauth/sso').type('form').send(request),
        () => test.http.post('/oauth/sso/evil').type('form').send(path),
        () => test.http.get('/oauth/sso').query({ ...request, issuer: 'nobody' }),
        () => test.http.get('/oauth/sso'),
      ];
      return starts[n % starts.length]?.().set('X-Forwarded-For', ip) ?? starts[0]!();
    };
    for (let n = 0; n < 20; n += 1) {
      const answer = await from('192.0.2.1', n);
      expect(answer.status).toBe(n % 5 === 4 ? 400 : 302);
      expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': String(19 - n) });
      expect(answer.headers['x-ratelimit-reset']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const before = await countRows(test);
    evil.forget();
    for (let n = 0; n < 5; n += 1) {
      const { status, body, headers } = await from('192.0.2.1', n);
      expect({ status, body }).toEqual({ status: 429, body: { error: 'Throttled' } });
      expect(headers).toMatchObject({ 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '0' });
      expect(headers).not.toHaveProperty('location');
      expect(cookiesOf({ headers })).toEqual([]);
      const seconds = Number(headers['retry-after']);
      expect(seconds > 0 && seconds <= 60).toBe(true);
    }
    expect([await countRows(test), evil.total]).toEqual([before, 0]);
    expect((await from('192.0.2.2', 0)).status).toBe(302);
    await test.dataSource.query('update attempt_budget set expire = 1');
    expect((await from('192.0.2.1', 0)).status).toBe(302);
  });
});
