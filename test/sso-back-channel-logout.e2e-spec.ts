import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { type Claims, LOGOUT_TOKEN_FAULTS } from './support/evil-tokens.js';
import {
  BODY_FORMS,
  outcomeOf,
  registerClient,
  sendAs,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { CLIENT_ID } from './support/issuer-server.js';
import { eventsOf } from './support/passkeys.js';
import { CALLBACK, discover, signIn } from './support/relying-party.js';
import { giveIdentity, provider, signInBy, tokensFor } from './support/sso.js';

// What it ends is told by `sso-back-channel-ends`; here it is whom it believes.

const DONE = { status: 200, body: {} };
const REFUSED = {
  status: 400,
  body: { error: 'invalid_request', error_description: 'The logout token is not valid' },
};
const THROTTLED = { status: 429, body: { error: 'Throttled' } };

let test: TestApp;
let evil: EvilIssuer;
let second: EvilIssuer;
let client: TestClient;
let person: Person;
let tokens: Tokens;
beforeAll(async () => {
  [evil, second] = [await startEvilIssuer(), await startEvilIssuer()];
  // Two keys are published, so that a token must name its own.
  await evil.rotateKey();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url), provider('second', second.url)];
  });
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), second.stop()]);
});
beforeEach(async () => {
  person = await newPerson(test, client);
  await giveIdentity(test, person, evil.url, person.name);
  evil.claims = { sub: person.name, sid: `session of ${person.name}` };
  tokens = await tokensFor(test, client, await signInBy(test, client, 'evil'));
});

const post = (logout_token: string, id = 'evil', at = test) =>
  at.http.post(`/oauth/sso/${id}/backchannel-logout`).type('form').send({ logout_token });
const logout = (logout_token: string, id?: string, at?: TestApp) => outcomeOf(post(logout_token, id, at));
const tokenOf = (more: Claims = {}) => evil.logoutToken({ sub: person.name, ...more });
const isOver = async () => (await statusOf(test, tokens.access_token)) !== 200;
const logouts = () => eventsOf(test, person.id, 'sso.logout');

async function expectNothingEnded(): Promise<void> {
  expect(await isOver()).toBe(false);
  expect(await logouts()).toEqual([]);
}

describe('POST /oauth/sso/:issuer/backchannel-logout (Back-Channel Logout 1.0 §2.5)', () => {
  it.each(BODY_FORMS)('ends what the provider vouched for, and writes it down; %s', async (form) => {
    const request = test.http.post('/oauth/sso/evil/backchannel-logout');
    const answer = await sendAs(request, form, { logout_token: await tokenOf() });
    expect({ status: answer.status, body: answer.body }).toStrictEqual(DONE);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(await isOver()).toBe(true);
    expect(await logouts()).toEqual(['sso.logout']);
  });

  it('is repeated without effect', async () => {
    const token = await tokenOf();
    expect([await logout(token), await logout(token)]).toStrictEqual([DONE, DONE]);
    expect(await logouts()).toEqual(['sso.logout']);
  });

  it('has nothing to end of a stranger, of another subject’s session, or of nobody', async () => {
    for (const who of [
      { sub: 'a stranger' },
      { sid: 'a session of nobody' },
      { sub: 'a stranger', sid: `session of ${person.name}` },
      { sub: person.name, sid: 'a session of nobody' },
      { sid: '' },
      { sub: person.name.toUpperCase() },
      { sub: '%' },
    ])
      expect(await logout(await evil.logoutToken(who))).toStrictEqual(DONE);
    await expectNothingEnded();
  });

  it.each(['nowhere', 'Evil', 'evil%00', '__proto__'])('does not know the provider %s', async (id) => {
    expect(await logout(await tokenOf(), id)).toStrictEqual({
      status: 404,
      body: { error: 'invalid_request', error_description: 'Not found' },
    });
    await expectNothingEnded();
  });

  it('needs the token, in the body', async () => {
    const missing = {
      status: 400,
      body: { error: 'invalid_request', error_description: 'Missing field: logout_token.' },
    };
    const url = '/oauth/sso/evil/backchannel-logout';
    expect(await outcomeOf(test.http.post(url))).toStrictEqual(missing);
    expect(await outcomeOf(test.http.post(url).query({ logout_token: await tokenOf() }))).toStrictEqual(missing);
    await expectNothingEnded();
  });

  it('is not asked for by GET', async () => {
    const answer = await test.http.get('/oauth/sso/evil/backchannel-logout');
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
  });
});

describe('a logout token that is not to be believed (§2.6)', () => {
  it.each(LOGOUT_TOKEN_FAULTS)('%s', async (fault) => {
    expect(await logout(await tokenOf({ fault }))).toStrictEqual(REFUSED);
    await expectNothingEnded();
  });

  it.each<Claims>([
    { sub: 5 },
    { sub: '' },
    { sub: 'null' },
    { sub: null },
    { sid: 5 },
    { sid: ['a session'] },
    { events: { 'http://schemas.openid.net/event/backchannel-logout': null } },
    { events: { 'http://schemas.openid.net/event/backchannel-logout': true } },
    { events: null },
    { events: ['http://schemas.openid.net/event/backchannel-logout'] },
    { nonce: '' },
    { aud: [] },
    { jti: 5 },
    { iat: 'yesterday' },
  ])('says %j', async (claims) => {
    expect(await logout(await tokenOf(claims))).toStrictEqual(REFUSED);
    await expectNothingEnded();
  });

  it.each(['', 'x', 'a.b.c', '{}', `${'a'.repeat(16_000)}.a.a`])('is none: %.20s', async (text) => {
    expect(await logout(text)).toStrictEqual(REFUSED);
    await expectNothingEnded();
  });

  it('is that of another provider', async () => {
    const theirs = await second.logoutToken({ sub: person.name });
    expect(await logout(theirs)).toStrictEqual(REFUSED);
    expect(await logout(await tokenOf(), 'second')).toStrictEqual(REFUSED);
    expect(await logout(theirs, 'second')).toStrictEqual(DONE);
    await expectNothingEnded();
  });

  it('is an ID token', async () => {
    const walk = (url: URL) => evilCallback(url);
    const { tokens: got, claims } = await signIn(await discover(evil.url), walk);
    expect(claims).toMatchObject({ sub: person.name, aud: CLIENT_ID });
    expect(new URL(CALLBACK).pathname).toMatch(/callback$/);
    expect(await logout(String(got.id_token))).toStrictEqual(REFUSED);
    await expectNothingEnded();
  });
});

describe('while the provider is in trouble', () => {
  it('says so when its keys are not at hand, and takes the token when it is back', async () => {
    const shaky = await startEvilIssuer();
    const later = await startApp((config) => (config.sso.providers = [provider('shaky', shaky.url)]), test.database);
    const token = await shaky.logoutToken({ sub: 'somebody' });
    await shaky.stop();
    const answer = await post(token, 'shaky', later);
    expect({ status: answer.status, body: answer.body }).toStrictEqual({
      status: 503,
      body: { error: 'temporarily_unavailable', error_description: 'Service unavailable' },
    });
    expect(answer.headers['retry-after']).toBe('2');
    await later.close();
    await shaky.restart();
    const again = await startApp((config) => (config.sso.providers = [provider('shaky', shaky.url)]), test.database);
    expect(await logout(token, 'shaky', again)).toStrictEqual(DONE);
    // Its keys are at hand from now on.
    await shaky.stop();
    expect(await logout(await shaky.logoutToken({ sub: 'somebody' }), 'shaky', again)).toStrictEqual(DONE);
    await again.close();
  });

  it('looks its keys up once more in the same request after it has changed them', async () => {
    const fresh = await startEvilIssuer();
    const other = await startApp((config) => (config.sso.providers = [provider('fresh', fresh.url)]), test.database);
    expect(await logout(await fresh.logoutToken({ sub: 'x' }), 'fresh', other)).toStrictEqual(DONE);
    const before = fresh.kid;
    await fresh.rotateKey();
    fresh.removeKey(before);
    expect(fresh.count('jwks')).toBe(1);
    expect(await logout(await fresh.logoutToken({ sub: 'x' }), 'fresh', other)).toStrictEqual(DONE);
    expect(fresh.count('jwks')).toBe(2);
    await other.close();
    await fresh.stop();
  });
});

describe('failures (contract.md §1.1)', () => {
  it('are limited by address; what is right or cannot be checked is none', async () => {
    const strict = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.token_failures.points = 3;
      config.trustProxy = 1;
      config.sso.providers = [provider('evil', evil.url), provider('away', 'http://127.0.0.1:1')];
    }, test.database);
    const from = (ip: string, token: string, id = 'evil') =>
      outcomeOf(post(token, id, strict).set('X-Forwarded-For', ip));
    const [here, there] = ['198.51.100.1', '198.51.100.2'];
    for (let n = 0; n < 4; n++) {
      expect(await from(here, await evil.logoutToken({ sub: 'x' }))).toStrictEqual(DONE);
      expect(await from(here, 'x', 'away')).toMatchObject({ status: 503 });
    }
    for (let n = 0; n < 3; n++) expect(await from(here, 'x')).toStrictEqual(REFUSED);
    expect(await from(here, await tokenOf())).toStrictEqual(THROTTLED);
    await expectNothingEnded();
    expect(await from(there, await tokenOf())).toStrictEqual(DONE);
    expect(await isOver()).toBe(true);
    await strict.close();
  });
});
