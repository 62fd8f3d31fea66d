import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
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

const EXPIRED = { error: 'invalid_grant', error_description: 'This sign-in has expired' };

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { redirect_uris: [REDIRECT_URI, 'https://app.example/second'] });
  client.redirect_uri = REDIRECT_URI;
  await createUser(test, 'alice');
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

describe('POST /api/auth/redirect: decisions', () => {
  let browser: SignedIn;
  beforeEach(async () => {
    await test.dataSource.query('truncate audit_event, browser_session, authorization_code');
    browser = await signIn(test, client, 'alice', { state: 's' });
  });

  it.each(['read', 'write:media read:accounts', 'read write'])('narrows the grant to %j', async (scope) => {
    await decide(browser, { scope });
    expect((await redeem(browser.code)).body).toMatchObject({ scope });
  });

  it('answers a repeated approval with the same Location, and neither widens the grant nor lengthens its minute', async () => {
    const first = await decide(browser, { scope: 'read' });
    await test.dataSource.query(`update authorization_code set expires_at = now() + interval '7 seconds'`);
    const again = await decide(browser, { scope: 'read' });
    expect(again.status).toBe(302);
    expect(again.headers['location']).toBe(first.headers['location']);
    expect((await decide(browser)).headers['location']).toBe(first.headers['location']);
    expect((await decide(browser, { scope: 'read write' })).body.error).toBe('invalid_scope');
    const [row] = await test.dataSource.query(
      "select expires_at < now() + interval '8 seconds' as short, scope from authorization_code",
    );
    expect(row).toEqual({ short: true, scope: 'read' });
  });

  it('makes one live code of two approvals at once', async () => {
    const answers = await Promise.all([decide(browser), decide(browser), decide(browser, { code: undefined })]);
    expect(new Set(answers.map(({ headers }) => headers['location'])).size).toBe(1);
    const redeemed = await Promise.all([redeem(browser.code), redeem(browser.code)]);
    expect(redeemed.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400]);
  });

  it('denies: to the client with access_denied, state and iss; the code is dead', async () => {
    const answer = await decide(browser, { decision: 'deny' });
    expect(answer.status).toBe(302);
    expect(answer.headers['location']).toMatch(/^https:\/\/app\.example\/cb\?from=gatehouse&error=access_denied&/);
    const { error_description, ...sent } = redirectOf(answer).sent;
    expect(sent).toEqual({ from: 'gatehouse', error: 'access_denied', state: 's', iss: PUB });
    expect(error_description).toBeTruthy();
    expect(await audits()).toEqual(['consent.denied']);
    expect((await decide(browser)).body).toEqual(EXPIRED);
    expect((await decide(browser, { decision: 'deny' })).body).toEqual(EXPIRED);
    expect((await redeem(browser.code)).body.error).toBe('invalid_grant');
  });

  it('denies an approved code that was not redeemed yet', async () => {
    await decide(browser);
    expect((await decide(browser, { decision: 'deny' })).status).toBe(302);
    expect((await redeem(browser.code)).body.error).toBe('invalid_grant');
  });

  it('takes the newest pending code of this browser when none is sent, for this client and URI only', async () => {
    const second = { client_id: client.client_id, redirect_uri: 'https://app.example/second' };
    expect((await decide(browser, { ...second, code: undefined })).body).toEqual(EXPIRED);
    const location = await test.http
      .post('/api/auth/continue')
      .set('Cookie', browser.cookie)
      .query(oauthQuery(client, { state: 'newer' }));
    const newer = redirectOf(location).sent['code'];
    await signIn(test, client, 'alice', { state: 'of another browser' });
    const answer = await decide(browser, { code: undefined });
    expect(redirectOf(answer).sent).toMatchObject({ code: newer, state: 'newer' });
  });

  it('asks every time: a second sign-in is inert until it is approved itself (R30)', async () => {
    await decide(browser);
    const again = await signIn(test, client, 'alice');
    expect((await redeem(again.code)).body.error).toBe('invalid_grant');
  });
});
