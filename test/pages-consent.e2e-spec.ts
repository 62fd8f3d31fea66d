import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  approve,
  countRows,
  createUser,
  oauthQuery,
  pkcePair,
  redemption,
  REDIRECT_URI,
  redirectOf,
  registerClient,
  requestToken,
  type SignedIn,
  signIn,
  type TestClient,
} from './support/flows.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, policy, queryOf, textOf } from './support/pages.js';

const OOB = 'urn:ietf:wg:oauth:2.0:oob';
const STATE = 'a&b=c#d%26%0d%0a+ \t"<\'>\u{1f4a1}\r\nline\n';
const CSP = policy('https://app.example');
const ELSEWHERE = 'This sign-in has expired or was started elsewhere';

let test: TestApp;
let client: TestClient;
let alice: SignedIn;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { website: 'https://app.example/about?x=<y>' });
  await createUser(test, 'alice');
  await createUser(test, 'bob');
  alice = await signIn(test, client, 'alice', { scope: 'read:accounts write follow push', state: STATE });
});
afterAll(() => test.close());

const page = (query: Record<string, string> | URLSearchParams, cookie = alice.cookie) =>
  test.http
    .get(`/oauth/consent?${new URLSearchParams(query)}`)
    .set('Accept', ACCEPT_HTML)
    .set('Cookie', cookie);

/** Sends a form of a page as a browser would, pressing one of its buttons. */
function submit(html: string, decision: 'approve' | 'deny', cookie = alice.cookie) {
  const [form] = formsOf(html);
  return test.http
    .post(form?.action ?? '')
    .set('Cookie', cookie)
    .type('form')
    .send({ ...form?.fields, decision });
}

describe('GET /oauth/consent', () => {
  it('names app, site, redirect host, every scope and the account, in words (R52)', async () => {
    const html = expectPage(await page(alice.consent), 200, CSP);
    const text = textOf(html);
    expect(text).toContain('Allow Test client? It asks to use your account @alice.');
    expect(text).toContain(
      'It will be able to See your accounts read:accounts Change everything in your account write ' +
        'See and change whom you follow, block and mute follow Send you push notifications push',
    );
    expect(text).toContain('Website app.example You return to app.example');
    expect(html).toContain(
      '<a href="https://app.example/about?x=&lt;y>" rel="noopener noreferrer nofollow">app.example</a>',
    );
  });

  it('has one form, which repeats our own row', async () => {
    const html = expectPage(await page(alice.consent), 200, CSP);
    const [form, ...others] = formsOf(html);
    expect(others).toEqual([]);
    const { client_id } = client;
    expect(form).toMatchObject({
      method: 'post',
      fields: { client_id, redirect_uri: REDIRECT_URI, code: alice.code },
      buttons: ['Allow', 'Deny'],
    });
    expect(form?.action.split('?')[0]).toBe('/api/auth/redirect');
    expect(queryOf(form?.action ?? '')).toEqual({
      response_type: 'code',
      scope: 'read:accounts write follow push',
      state: STATE,
    });
    expect(html).toContain('name="decision" value="approve"');
    expect(html).toContain('name="decision" value="deny"');
  });

  it('believes the row and not the URL', async () => {
    const lies = {
      application: 'Your bank',
      website: 'https://bank.example',
      client_id: 'x',
      redirect_uri: 'https://bank.example/cb',
      scope: 'profile',
      state: 'bank',
      code: alice.code,
    };
    const html = expectPage(await page(lies), 200, CSP);
    expect(html).not.toContain('bank');
    expect(html).toBe((await page(alice.consent)).text);
    expect(html).toBe((await page({ code: alice.code })).text);
  });

  it('changes nothing: the code stays inert', async () => {
    const before = await countRows(test);
    await page(alice.consent);
    await test.http.head(`/oauth/consent?${alice.consent}`).set('Cookie', alice.cookie);
    expect(await countRows(test)).toEqual(before);
    const answer = await requestToken(test, client, redemption(client, alice.code));
    expect(answer.body.error).toBe('invalid_grant');
    expectPage(await page(alice.consent), 200, CSP);
  });

  it('leads to the app with code, state and iss, or with a denial', async () => {
    for (const decision of ['approve', 'deny'] as const) {
      const browser = await signIn(test, client, 'alice', { state: STATE });
      const html = expectPage(await page(browser.consent, browser.cookie), 200, CSP);
      const answer = await submit(html, decision, browser.cookie);
      const result =
        decision === 'approve'
          ? `code=${browser.code}`
          : 'error=access_denied&error_description=The%20request%20was%20denied';
      expect(answer.headers['location']).toBe(
        `${REDIRECT_URI}&${result}&state=${encodeURIComponent(STATE)}&iss=${encodeURIComponent(PUB)}`,
      );
    }
  });

  it('leads back to the same sign-in when the session has ended meanwhile, the state as it was', async () => {
    const { challenge } = pkcePair();
    const sent = { scope: 'read', state: STATE, code_challenge: challenge, code_challenge_method: 'S256' };
    const browser = await signIn(test, client, 'alice', sent);
    const html = expectPage(await page(browser.consent, browser.cookie), 200, CSP);
    await test.http.post('/api/auth/logout').set('Cookie', browser.cookie);
    const { to, sent: back } = redirectOf(await submit(html, 'approve', browser.cookie));
    expect(to).toBe(`${PUB}/oauth/authorize`);
    expect(back).toEqual({
      ...oauthQuery(client, sent),
      error: 'invalid_request',
      error_description: 'Please sign in again',
    });
  });

  it.each([
    ['http://localhost:8080/cb', 'http://localhost:8080'],
    ['http://127.0.0.1:8080/cb?x=1', 'http://127.0.0.1:8080'],
    ['https://app.example:8443/cb', 'https://app.example:8443'],
    // A policy cannot name an IPv6 address, and a host must not end the directive.
    ['http://[::1]:8080/cb', 'http:'],
    ["https://a;script-src'none',b/cb", 'https:'],
    ['myapp://cb', 'myapp:'],
    ['com.example.app:/cb', 'com.example.app:'],
    ['urn:example:cb', 'urn:'],
  ])('lets the form end at %s by the policy source %s', async (redirect_uris, source) => {
    const other = await registerClient(test, { redirect_uris });
    const browser = await signIn(test, other, 'alice');
    const answer = await page(browser.consent, browser.cookie);
    expect(answer.headers['content-security-policy']).toBe(policy(source));
  });

  it('lets the form end at home only when the code is to be copied', async () => {
    const byHand = await registerClient(test, { redirect_uris: OOB });
    const browser = await signIn(test, byHand, 'alice');
    const html = expectPage(await page(browser.consent, browser.cookie), 200, policy());
    expect(textOf(html)).toContain('You get a code to copy');
  });

  it('shows hostile names and sites as text, and links to the web only (R17)', async () => {
    const hostile = await registerClient(test, { client_name: '<img src=x onerror=alert(1)>\u202Egnp' });
    const browser = await signIn(test, hostile, 'alice');
    const html = expectPage(await page(browser.consent, browser.cookie), 200, CSP);
    expect(html).toContain('<bdi>&lt;img src=x onerror=alert(1)> gnp</bdi>');
    expect(textOf(html)).not.toContain('Website');
    for (const website of ['javascript:alert(1)', 'data:text/html,x', '//evil.example', '"><script>']) {
      await test.dataSource.query('update application set website = $1, name = $2 where id = $3', [
        website,
        'x\u202Ey',
        hostile.id,
      ]);
      const stored = expectPage(await page(browser.consent, browser.cookie), 200, CSP);
      expect(Object.values(linksOf(stored))).toEqual(['/', '/docs']);
      expect(stored).not.toContain('<script');
      expect(stored).toContain('<bdi>x\u202Ey</bdi>');
      expect(textOf(stored)).toContain(`Website ${website}`);
    }
  });
});

describe('GET /oauth/consent that is not this browser’s', () => {
  /** How a person and a program are answered, and what of the request shows through. */
  async function answersTo(query: Record<string, string>, cookie: string) {
    const html = expectPage(await page(query, cookie), 400);
    const program = await test.http.get('/oauth/consent').query(query).set('Cookie', cookie);
    const [, sentence] = /role="alert">([^<]*)/.exec(html) ?? [];
    const [leak = null] = /Test client|app\.example|alice|bob|write/.exec(html) ?? [];
    return { sentence, leak, status: program.status, body: program.body };
  }
  const REFUSED = {
    sentence: ELSEWHERE,
    leak: null,
    status: 400,
    body: { error: 'invalid_grant', error_description: ELSEWHERE },
  };

  it.each([
    ['unknown', 'A'.repeat(43)],
    ['of no code’s form', '<script>alert(1)</script>'],
    ['empty', ''],
  ])('refuses a code that is %s', async (_, code) => {
    expect(await answersTo({ code }, alice.cookie)).toEqual(REFUSED);
  });

  it('refuses a URL without a code', async () => {
    const html = expectPage(await page({ application: 'x', client_id: client.client_id }), 400);
    expect(textOf(html)).toContain('Missing field: code.');
  });

  it.each(['', 'jwt=nonsense'])('refuses the cookie "%s"', async (cookie) => {
    expect(await answersTo({ code: alice.code }, cookie)).toEqual(REFUSED);
  });

  it('refuses another person, and another browser of the same person', async () => {
    const bob = await signIn(test, client, 'bob');
    const again = await signIn(test, client, 'alice');
    expect(await answersTo({ code: alice.code }, bob.cookie)).toEqual(REFUSED);
    expect(await answersTo({ code: alice.code }, again.cookie)).toEqual(REFUSED);
  });

  it('refuses a browser that has gone on to another app', async () => {
    const other = await registerClient(test, { client_name: 'Other client' });
    const browser = await signIn(test, client, 'alice');
    const answer = await test.http.post('/api/auth/continue').query(oauthQuery(other)).set('Cookie', browser.cookie);
    const [cookie = ''] = (answer.headers['set-cookie'] as unknown as string[]).map((line) => line.split(';')[0] ?? '');
    expect(await answersTo({ code: browser.code }, cookie)).toEqual(REFUSED);
    expectPage(await page(redirectOf(answer).sent, cookie), 200, CSP);
  });

  it('refuses a code that has expired', async () => {
    const browser = await signIn(test, client, 'alice');
    expectPage(await page(browser.consent, browser.cookie), 200, CSP);
    await test.dataSource.query(
      `update authorization_code set expires_at = now() - interval '1 second'
       where browser_session_id = (select max(id::text)::uuid from browser_session)`,
    );
    expect(await answersTo({ code: browser.code }, browser.cookie)).toEqual(REFUSED);
  });

  it('refuses a code that was denied, or redeemed', async () => {
    const denied = await signIn(test, client, 'alice');
    await submit((await page(denied.consent, denied.cookie)).text, 'deny', denied.cookie);
    expect(await answersTo({ code: denied.code }, denied.cookie)).toEqual(REFUSED);
    const redeemed = await signIn(test, client, 'alice');
    const code = await approve(test, client, redeemed);
    expect((await requestToken(test, client, redemption(client, code))).status).toBe(200);
    expect(await answersTo({ code: redeemed.code }, redeemed.cookie)).toEqual(REFUSED);
  });

  it('refuses a browser that was signed out', async () => {
    const browser = await signIn(test, client, 'alice');
    await test.http.post('/api/auth/logout').set('Cookie', browser.cookie);
    expect(await answersTo({ code: browser.code }, browser.cookie)).toEqual(REFUSED);
  });
});
