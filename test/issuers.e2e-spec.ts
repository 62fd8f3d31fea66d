import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { evilCallback, type EvilFaults, type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { type HonestIssuer, startHonestIssuer } from './support/honest-issuer.js';
import { HonestBrowser, walkHonestLogin, walkHonestRefusal } from './support/honest-login.js';
import { CLIENT_SECRET, PATHS } from './support/issuer-server.js';
import { CALLBACK, discover, outcome, signIn } from './support/relying-party.js';

// The providers of the other tests, seen by a client that nobody of this house wrote: what they do right is accepted.

const SIGNED_OUT = 'http://localhost:3000/signed-out';

describe('the honest issuer', () => {
  const ALICE = {
    sub: 'u-1',
    claims: { preferred_username: 'alice', email: 'alice@example.org', email_verified: true, groups: ['staff'] },
  };
  const logoutTokens: string[] = [];
  const listener = createServer(async (request, response) => {
    logoutTokens.push(new URLSearchParams(await text(request)).get('logout_token') ?? '');
    response.end();
  });
  let issuer: HonestIssuer;
  beforeAll(async () => {
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    issuer = await startHonestIssuer({
      host: 'localhost',
      redirectUris: [CALLBACK],
      postLogoutRedirectUris: [SIGNED_OUT],
      backchannelLogoutUri: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`,
      accounts: [ALICE],
      proof: { acr: 'urn:example:two-factors', amr: ['pwd', 'otp'] },
    });
  });
  afterAll(async () => {
    await issuer.stop();
    listener.close();
  });

  it('signs a person in, and says by which means', async () => {
    const { claims, userinfo, callback } = await signIn(await discover(issuer.url), (url) =>
      walkHonestLogin(url, 'u-1'),
    );
    expect(claims).toMatchObject({ iss: issuer.url, sub: 'u-1', acr: 'urn:example:two-factors', amr: ['pwd', 'otp'] });
    expect(claims).not.toHaveProperty('email');
    expect(userinfo).toEqual({ sub: 'u-1', ...ALICE.claims });
    expect(callback.searchParams.get('iss')).toBe(issuer.url);
    expect((['discovery', 'token', 'userinfo', 'jwks'] as const).map((place) => issuer.count(place))).toEqual([
      1, 1, 1, 1,
    ]);
  });

  it('puts the claims into the ID token where a test wants them there', async () => {
    const other = await startHonestIssuer({ redirectUris: [CALLBACK], accounts: [ALICE], claimsIn: 'ID token' });
    const { claims } = await signIn(await discover(other.url), (url) => walkHonestLogin(url, 'u-1'));
    await other.stop();
    expect(claims).toMatchObject(ALICE.claims);
  });

  it('tells when a person says no, before and after signing in', async () => {
    const refuse = [walkHonestRefusal, (url: URL) => new HonestBrowser().refuse(url, 'u-1')];
    for (const walk of refuse)
      expect(await outcome(signIn(await discover(issuer.url), walk))).toMatch(/authorization response.*error/i);
  });

  it('knows who has signed in, and tells the client when they sign out', async () => {
    const browser = new HonestBrowser();
    const config = await discover(issuer.url);
    const { claims } = await signIn(config, (url) => browser.signIn(url, 'u-1'));
    const again = await signIn(config, (url) => browser.signIn(url, 'nobody'));
    expect(again.claims.sub).toBe('u-1');
    const url = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: SIGNED_OUT });
    expect(url.href.startsWith(issuer.logoutUrl)).toBe(true);
    expect(await browser.signOut(url)).toBe(SIGNED_OUT);
    expect(logoutTokens.map((token) => decodeJwt(token))).toMatchObject([{ sub: 'u-1', sid: claims['sid'] }]);
  });

  it('has another key when a test wants it, and goes away and comes back', async () => {
    const config = await discover(issuer.url);
    const kid = await issuer.rotateKeys();
    const { tokens } = await signIn(config, (url) => walkHonestLogin(url, 'u-1'));
    expect(decodeProtectedHeader(tokens.id_token ?? '').kid).toBe(kid);
    await issuer.stop();
    expect(await outcome(fetch(issuer.url))).toContain('ECONNREFUSED');
    await issuer.restart();
    expect(await outcome(discover(issuer.url))).toBe('accepted');
  });
});

describe('the evil issuer', () => {
  let issuer: EvilIssuer;
  beforeAll(async () => {
    issuer = await startEvilIssuer();
  });
  afterEach(() => {
    issuer.faults = {};
    issuer.metadata = {};
    issuer.tokenRequests.length = 0;
    issuer.forget();
  });
  afterAll(() => issuer.stop());

  /** What the published client says to a sign-in with these. */
  const outcomeWith = async (faults: EvilFaults) => {
    issuer.faults = faults;
    return outcome(discover(issuer.url).then((config) => signIn(config, evilCallback)));
  };

  it('is a right provider by itself', async () => {
    issuer.claims = { sub: 'bob', amr: ['mfa'], sid: 's-1' };
    issuer.userinfo = { email: 'bob@example.org' };
    issuer.metadata = { authorization_endpoint: `${issuer.url}${PATHS.authorize}?tenant=1` };
    const { claims, userinfo } = await signIn(await discover(issuer.url), evilCallback);
    expect(claims).toMatchObject({ iss: issuer.url, sub: 'bob', amr: ['mfa'], sid: 's-1' });
    expect(userinfo).toEqual({ sub: 'bob', email: 'bob@example.org' });
    expect(issuer.tokenRequests).toMatchObject([{ authMethod: 'client_secret_basic', code: expect.any(String) }]);
    expect([issuer.total, issuer.count('jwks'), issuer.elsewhere.total]).toEqual([5, 1, 0]);
  });

  it.each([
    ['client_secret_post', oidc.ClientSecretPost(CLIENT_SECRET), 'accepted'],
    ['client_secret_basic', oidc.ClientSecretBasic('another'), /error|unauthorized|status/],
    ['none', oidc.None(), /error|unauthorized|status/],
  ] as const)('sees a client authenticate by %s', async (authMethod, way, expected) => {
    const result = await outcome(signIn(await discover(issuer.url, way), evilCallback));
    expect(issuer.tokenRequests).toMatchObject([{ authMethod }]);
    expect(result).toMatch(expected);
  });

  it('has other keys when a test wants it, and names none when there are two', async () => {
    const [first, config] = [issuer.kid, await discover(issuer.url)];
    await issuer.rotateKey();
    expect(issuer.kid).not.toBe(first);
    expect(await outcome(signIn(config, evilCallback))).toBe('accepted');
    expect(await outcomeWith({ idToken: 'no kid' })).toMatch(/multiple applicable keys/);
    issuer.removeKey(first);
    expect(await outcomeWith({})).toBe('accepted');
    issuer.removeKey(issuer.kid);
    expect(await outcomeWith({})).toMatch(/no applicable keys/);
    await issuer.rotateKey();
  });

  it('goes away and comes back', async () => {
    await issuer.stop();
    expect(await outcome(fetch(issuer.url))).toContain('ECONNREFUSED');
    await issuer.restart();
    expect(await outcomeWith({})).toBe('accepted');
  });
});
