import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import type { SoftwareAuthenticator } from './support/authenticator.js';
import {
  approve,
  cookiesOf,
  countRows,
  oauthQuery,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { enableTotp, meaningOf } from './support/mfa.js';
import { addPasskey, callPasskeys, eventsOf, makePasskey, postPasskey, signInOptions } from './support/passkeys.js';

let test: TestApp;
let client: TestClient;
let person: Person;
let device: SoftwareAuthenticator;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
  ({ device } = await addPasskey(test, person));
});

/** Signs in by the passkey. */
const signIn = async (query: Record<string, string | undefined> = {}, of = test) =>
  postPasskey(of, client, device.get(await signInOptions(of)), query);

describe('POST /api/auth/passkey/options', () => {
  it('answers what a browser needs, names nobody, and demands that the owner is verified', async () => {
    const answer = await test.http.post('/api/auth/passkey/options');
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      rpId: 'localhost',
      challenge: expect.stringMatching(/^[\w-]{72}$/),
      allowCredentials: [],
      timeout: 300_000,
      userVerification: 'required',
    });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(cookiesOf(answer)).toEqual([]);
  });

  it('is counted by address', async () => {
    const strict = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.passkey_options.points = 2;
    }, test.database);
    const ask = async () => (await strict.http.post('/api/auth/passkey/options')).status;
    const statuses = [await ask(), await ask(), await ask()];
    await strict.close();
    expect(statuses).toEqual([200, 200, 429]);
  });
});

describe('POST /api/auth/passkey', () => {
  it('signs in without a password, and leads by consent to tokens', async () => {
    const answer = await signIn({ state: 'a&b', scope: 'read' });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 302, text: '' });
    const { to, sent } = redirectOf(answer);
    expect(to).toBe(`${PUB}/oauth/consent`);
    expect(sent).toMatchObject({ ...oauthQuery(client, { scope: 'read', state: 'a&b' }), application: 'Test client' });
    const [jwt = '', ...others] = cookiesOf(answer);
    expect(jwt).toMatch(/^jwt=[\w.-]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(others).toEqual([]);
    const [cookie = ''] = jwt.split(';');
    const browser = { cookie, code: sent['code'] ?? '', consent: new URLSearchParams() };
    const { body } = await requestToken(test, client, redemption(client, await approve(test, client, browser)));
    expect(body).toMatchObject({ scope: 'read', me: `${PUB}/users/${person.name}` });
    expect(await statusOf(test, body.access_token)).toBe(200);
    expect((await eventsOf(test, person.id, 'login.')).at(-1)).toBe('login.succeeded');
    const [listed] = (await callPasskeys(test, person, 'get')).body;
    expect(listed.last_used_at).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('asks for no second factor besides, whichever there are', async () => {
    await enableTotp(test, person);
    expect(meaningOf(await signIn())).toBe('signed in');
  });

  it('is a sign-in of just now for what needs one', async () => {
    const answer = await signIn();
    const [cookie = ''] = (cookiesOf(answer)[0] ?? '').split(';');
    const browser = { cookie, code: redirectOf(answer).sent['code'] ?? '', consent: new URLSearchParams() };
    const { body } = await requestToken(test, client, redemption(client, await approve(test, client, browser)));
    const caller = { token: body.access_token as string };
    const added = callPasskeys(test, caller, 'post').send({ response: await makePasskey(test, caller) });
    expect((await added).status).toBe(200);
  });

  it.each([
    ['disabled_at = now()', '/oauth/reactivate', 'reason', 'disabled'],
    [`deletion_due_at = now() + interval '7 days'`, '/oauth/reactivate', 'reason', 'deletion_pending'],
    ['disabled_at = now(), disabled_by_staff = true', '/oauth/authorize', 'identifier', 'account_is_disabled'],
    ['approval_pending = true', '/oauth/authorize', 'identifier', 'awaiting_approval'],
    ['confirmation_pending = true', '/oauth/authorize', 'identifier', 'missing_confirmed_email'],
    ['password_reset_required = true', '/oauth/reset', 'login_reset', 'true'],
  ])('leads an account with %s to %s', async (change, page, parameter, value) => {
    await changeUser(test, person.id, change);
    const answer = await signIn({ state: 'a' });
    const { to, sent } = redirectOf(answer);
    expect({ to, value: sent[parameter] }).toEqual({ to: `${PUB}${page}`, value });
    expect(cookiesOf(answer).filter((cookie) => cookie.startsWith('jwt='))).toEqual([]);
    expect(sent['state']).toBe(page === '/oauth/reset' ? undefined : 'a');
    expect((await eventsOf(test, person.id, 'login.')).at(-1)).toBe('login.blocked');
  });

  it.each([
    [{ client_id: undefined }, { error: 'invalid_request', error_description: 'client_id is required' }],
    [{ client_id: 'x'.repeat(43) }, { error: 'invalid_client', error_description: 'Unknown client_id' }],
    [
      { redirect_uri: 'https://evil.example/' },
      { error: 'invalid_request', error_description: 'redirect_uri is not registered for this client' },
    ],
  ])('refuses a request with %j, and redirects nowhere', async (query, body) => {
    const answer = await signIn(query);
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 400, body });
    expect(answer.headers).not.toHaveProperty('location');
  });

  it.each([
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ scope: undefined }, 'invalid_request'],
    [{ scope: 'write:nothing' }, 'invalid_scope'],
    [{ code_challenge: 'short', code_challenge_method: 'S256' }, 'invalid_request'],
  ])('leads a request with %j back to the login page', async (query, error) => {
    const { to, sent } = redirectOf(await signIn(query));
    expect({ to, error: sent['error'] }).toEqual({ to: `${PUB}/oauth/authorize`, error });
  });

  it('counts failures by address, and nothing else', async () => {
    const strict = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.password_address.points = 3;
    }, test.database);
    const wrong = async () => (await postPasskey(strict, client, 'wrong')).status;
    for (let n = 0; n < 4; n++) expect(meaningOf(await signIn({}, strict))).toBe('signed in');
    expect([await wrong(), await wrong(), await wrong()]).toEqual([302, 302, 302]);
    const throttled = await signIn({}, strict);
    await strict.close();
    expect({ status: throttled.status, body: throttled.body }).toEqual({ status: 429, body: { error: 'Throttled' } });
    expect(throttled.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect(meaningOf(await signIn())).toBe('signed in');
  });

  it('takes no form of another site (R42)', async () => {
    const response = device.get(await signInOptions(test));
    const { job: _, mail_outbox: __, ...before } = await countRows(test);
    for (const path of ['/api/auth/passkey', '/api/auth/passkey/options']) {
      for (const [header, value] of [
        ['Origin', 'https://evil.example'],
        ['Sec-Fetch-Site', 'cross-site'],
      ] as const) {
        const post = test.http.post(path).query(oauthQuery(client)).set(header, value);
        const answer = await post.type('form').send({ response: JSON.stringify(response) });
        expect({ status: answer.status, body: answer.body }).toEqual({
          status: 403,
          body: { error: 'invalid_request', error_description: 'Cross-site request refused' },
        });
        expect(cookiesOf(answer)).toEqual([]);
      }
    }
    // Mails of earlier tests may go out meanwhile.
    expect(await countRows(test)).toMatchObject(before);
    expect(meaningOf(await postPasskey(test, client, response))).toBe('signed in');
  });

  it('does not call a good passkey wrong because of a fault of ours', async () => {
    const response = device.get(await signInOptions(test));
    await test.dataSource.query('alter table webauthn_challenge rename to elsewhere');
    const answer = await postPasskey(test, client, response);
    await test.dataSource.query('alter table elsewhere rename to webauthn_challenge');
    expect(answer.status).toBe(500);
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual(['passkey.added']);
    expect(meaningOf(await postPasskey(test, client, response))).toBe('signed in');
  });
});

describe('a passkey where passkeys cannot work', () => {
  it.each(['http://192.0.2.7:3000', 'https://[2001:db8::1]', 'http://gatehouse.example'])(
    'is not offered: %s',
    async (publicUrl) => {
      const elsewhere = await startApp((config) => (config.publicUrl = publicUrl), test.database);
      const page = await elsewhere.http.get('/oauth/authorize').query(oauthQuery(client));
      await elsewhere.close();
      expect(page.status).toBe(200);
      expect(page.text).not.toContain('passkey');
    },
  );
});
