import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  createUser,
  oauthQuery,
  redemption,
  REDIRECT_URI,
  redirectOf,
  registerClient,
  requestToken,
  type SignedIn,
  signIn,
  type TestClient,
} from './support/flows.js';

const ISS = encodeURIComponent(PUB);
const EXPIRED = { error: 'invalid_grant', error_description: 'This sign-in has expired' };
const MISMATCH = { error: 'invalid_request', error_description: 'client_id or redirect_uri does not match' };
const AGAIN = { error: 'invalid_request', error_description: 'Please sign in again' };

let test: TestApp;
let client: TestClient;
let other: TestClient;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { redirect_uris: [REDIRECT_URI, 'https://app.example/second'] });
  client.redirect_uri = REDIRECT_URI;
  other = await registerClient(test, { client_name: 'Other client' });
  await createUser(test, 'alice');
  await createUser(test, 'bob');
});
afterAll(() => test.close());

/** Posts a decision; fields come on top of what the consent page knows, and undefined ones are left out. */
function decide(browser: Pick<SignedIn, 'cookie' | 'code'>, fields: Record<string, string | undefined> = {}) {
  const { client_id, redirect_uri } = client;
  const all = { client_id, redirect_uri, code: browser.code, ...fields };
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return test.http.post('/api/auth/redirect').set('Cookie', browser.cookie).type('form').send(sent);
}

const redeem = (code: string) => requestToken(test, client, redemption(client, code));
const audits = async () =>
  (await test.dataSource.query(`select type from audit_event where type like 'consent.%' order by id`)).map(
    ({ type }: { type: string }) => type,
  );

describe.each(['/api/auth/redirect', '/oauth/authorize'])('POST %s', (path) => {
  let browser: SignedIn;
  beforeEach(async () => {
    await test.dataSource.query('truncate audit_event, browser_session, authorization_code');
    browser = await signIn(test, client, 'alice', { state: 'a&b=c#d' });
  });
  const post = () => test.http.post(path).set('Cookie', browser.cookie);
  const fields = () => ({ client_id: client.client_id, redirect_uri: REDIRECT_URI, code: browser.code });

  it('approves: to the client with code, state and iss; the code lives for 60 seconds', async () => {
    const answer = await post().type('form').send(fields());
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers['location']).toBe(`${REDIRECT_URI}&code=${browser.code}&state=a%26b%3Dc%23d&iss=${ISS}`);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(cookiesOf(answer)).toEqual([]);
    const [row] = await test.dataSource.query(
      'select extract(epoch from expires_at - now()) as left, scope from authorization_code where approved_at is not null',
    );
    expect(Math.round(Number(row.left) / 5)).toBe(12);
    expect(row.scope).toBe('read write');
    expect(await audits()).toEqual(['consent.approved']);
    expect((await redeem(browser.code)).body.scope).toBe('read write');
  });

  it('reads its fields from query, form, JSON and multipart, but none from two places', async () => {
    const expected = `${REDIRECT_URI}&code=${browser.code}&state=a%26b%3Dc%23d&iss=${ISS}`;
    for (const request of [
      post().query(fields()),
      post().type('form').send(fields()),
      post().send(fields()),
      post().field(fields()),
    ]) {
      expect((await request).headers['location']).toBe(expected);
    }
    const both = await post().query({ code: browser.code }).type('form').send(fields());
    expect(both.status).toBe(400);
    expect(both.body).toEqual({ error: 'invalid_request', error_description: 'A parameter is given more than once' });
  });

  it('ignores what the page shows: the row counts', async () => {
    const lies = {
      state: 'evil',
      response_type: 'token',
      code_challenge: 'x',
      code_challenge_method: 'plain',
      application: 'Bank',
      website: 'x',
    };
    const answer = await post()
      .type('form')
      .send({ ...fields(), ...lies });
    expect(answer.headers['location']).toContain('&state=a%26b%3Dc%23d&');
  });

  it('approves nothing by GET (R50)', async () => {
    await test.http.get(path).set('Cookie', browser.cookie).query(fields());
    expect((await redeem(browser.code)).body.error).toBe('invalid_grant');
  });
});

describe('GET /api/auth/redirect', () => {
  it('is answered 405 (contract.md §3.5.3)', async () => {
    const answer = await test.http.get('/api/auth/redirect');
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
    expect(answer.body).toEqual({ error: 'Method not allowed' });
  });
});

describe('POST /api/auth/redirect: order and failures (contract.md §3.5.1)', () => {
  let browser: SignedIn;
  beforeEach(async () => {
    await test.dataSource.query('truncate audit_event, browser_session, authorization_code');
    browser = await signIn(test, client, 'alice');
  });
  const expectInert = async (code = browser.code) => {
    expect((await redeem(code)).body).toEqual(expect.objectContaining({ error: 'invalid_grant' }));
    const [row] = await test.dataSource.query('select approved_at, failed_attempts from authorization_code');
    expect(row).toEqual({ approved_at: null, failed_attempts: 0 });
    expect((await decide(browser)).headers['location']).toContain(`code=${code}`);
  };

  it('1: refuses another site before it misses a field', async () => {
    const answer = await test.http
      .post('/api/auth/redirect')
      .set('Origin', 'https://evil.example')
      .set('Cookie', browser.cookie);
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'Cross-site request refused' });
  });

  it.each([{ client_id: undefined }, { redirect_uri: undefined }])(
    '2: misses %j before the cookie',
    async (missing) => {
      const answer = await decide({ cookie: '', code: browser.code }, missing);
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({
        error: 'invalid_request',
        error_description: 'client_id and redirect_uri are required',
      });
    },
  );

  it.each<[string, string]>([
    ['no cookie', ''],
    ['garbage', 'jwt=garbage'],
    ['an empty cookie', 'jwt='],
  ])('3: asks to sign in again with %s, keeping what was sent, also when the code is unknown', async (_, cookie) => {
    const sent = oauthQuery(client, { scope: 'read', state: 's', code_challenge: 'c', code_challenge_method: 'S256' });
    const answer = await decide({ cookie, code: 'A'.repeat(43) }, sent);
    expect(answer.status).toBe(302);
    expect(redirectOf(answer)).toEqual({ to: `${PUB}/oauth/authorize`, sent: { ...sent, ...AGAIN } });
    expect(cookiesOf(answer)).toEqual([]);
    await expectInert();
  });

  it.each([
    ['an unknown client', () => ({ client_id: 'A'.repeat(43) })],
    ['an unregistered redirect URI', () => ({ redirect_uri: 'https://evil.example/cb' })],
    [
      'a redirect URI of another client',
      () => ({ client_id: other.client_id, redirect_uri: 'https://app.example/second' }),
    ],
  ])('3: never redirects for %s without a session', async (_, fields) => {
    const answer = await decide({ cookie: '', code: browser.code }, fields());
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe('invalid_request');
    expect(answer.headers).not.toHaveProperty('location');
  });

  it('3: does not let another person, another browser or another client of the same person approve (R48)', async () => {
    const strangers = [
      await signIn(test, client, 'bob'),
      await signIn(test, client, 'alice'),
      await signIn(test, other, 'alice'),
    ];
    for (const { cookie } of strangers) {
      const answer = await decide({ cookie, code: browser.code });
      expect(redirectOf(answer).sent).toMatchObject(AGAIN);
      expect((await redeem(browser.code)).status).toBe(400);
    }
    expect((await decide(browser)).headers['location']).toContain(`code=${browser.code}`);
  });

  it('3: knows a session no more whose row has expired, or whose person was disabled', async () => {
    await test.dataSource.query(`update browser_session set expires_at = now() - interval '1 second'`);
    expect(redirectOf(await decide(browser)).sent).toMatchObject(AGAIN);
    await test.dataSource.query(`update browser_session set expires_at = now() + interval '1 hour'`);
    await test.dataSource.query(`update "user" set disabled_at = now() where username = 'alice'`);
    expect(redirectOf(await decide(browser)).sent).toMatchObject(AGAIN);
    await test.dataSource.query(`update "user" set disabled_at = null where username = 'alice'`);
    await expectInert();
  });

  it.each([
    ['unknown', 'A'.repeat(43)],
    ['empty', ''],
    ['of another form', '../../x'],
  ])('4: says that a code has expired that is %s', async (_, code) => {
    const answer = await decide({ ...browser, code });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(EXPIRED);
  });

  it('4: ends a pending code after 10 minutes, an approved one after its minute', async () => {
    await test.dataSource.query(`update authorization_code set expires_at = now() - interval '1 second'`);
    expect((await decide(browser)).body).toEqual(EXPIRED);
    await test.dataSource.query(`update authorization_code set expires_at = now() + interval '1 minute'`);
    expect((await decide(browser)).status).toBe(302);
    await test.dataSource.query(`update authorization_code set expires_at = now() - interval '1 second'`);
    expect((await decide(browser)).body).toEqual(EXPIRED);
    expect((await redeem(browser.code)).body.error).toBe('invalid_grant');
  });

  it('4: ends a code with its redemption', async () => {
    await decide(browser);
    expect((await redeem(browser.code)).status).toBe(200);
    expect((await decide(browser)).body).toEqual(EXPIRED);
    expect((await decide(browser, { decision: 'deny' })).body).toEqual(EXPIRED);
    expect((await decide(browser, { code: undefined })).body).toEqual(EXPIRED);
  });

  it.each([
    ['another registered client', () => ({ client_id: other.client_id })],
    ['an unknown client', () => ({ client_id: 'A'.repeat(43) })],
    ['another URI of this client', () => ({ redirect_uri: 'https://app.example/second' })],
    ['an unregistered URI', () => ({ redirect_uri: 'https://evil.example/cb' })],
    ['a longer URI', () => ({ redirect_uri: `${REDIRECT_URI}&x` })],
  ])('5: discloses nothing to %s, with a session (R47, R24)', async (_, fields) => {
    const answer = await decide(browser, fields());
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(MISMATCH);
    expect(answer.headers).not.toHaveProperty('location');
    expect(answer.text).not.toContain(browser.code);
    await expectInert();
  });

  it.each(['read write follow', 'admin', 'read:nonsense', '', 'read  write', 'READ'])(
    'refuses the scope %j, which is more than was asked for or none',
    async (scope) => {
      const answer = await decide(browser, { scope });
      expect(answer.status).toBe(400);
      expect(answer.body).toMatchObject({ error: 'invalid_scope' });
      await expectInert();
    },
  );

  it.each(['Approve', 'yes', ''])('refuses the decision %j', async (decision) => {
    const answer = await decide(browser, { decision });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'decision - Invalid value.' });
    await expectInert();
  });
});
