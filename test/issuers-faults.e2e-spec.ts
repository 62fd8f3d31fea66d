import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { AUTHORIZE_FAULTS, type AuthorizeFault, DISCOVERY_FAULTS, EVIL_DESCRIPTION } from './support/evil-answers.js';
import { evilCallback, type EvilFaults, type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { ID_TOKEN_FAULTS, type IdTokenFault, LOGOUT_TOKEN_FAULTS } from './support/evil-tokens.js';
import { WIRE_FAULTS, type WireFault } from './support/evil-wire.js';
import { CLIENT_ID, PATHS } from './support/issuer-server.js';
import { discover, outcome, signIn } from './support/relying-party.js';

// Every switch of the evil issuer does something: a client that nobody of this house wrote refuses it, or it can be seen.

const PLACES = ['discovery', 'token', 'userinfo', 'jwks'] as const;

/** What the published client says to an ID token; what it accepts is ours to refuse. */
const ID_TOKENS: Record<IdTokenFault, string | RegExp> = {
  'wrong iss': /"iss"/,
  'wrong aud': /"aud"/,
  'strangers in aud': /untrusted audiences/,
  'strangers in aud, azp ours': 'accepted',
  'strangers in aud, azp theirs': /"azp"/,
  'wrong azp': 'accepted',
  expired: /"exp"/,
  'no exp': /"exp"/,
  'future iat': 'accepted',
  'no iat': /"iat"/,
  'no nonce': /"nonce"/,
  'wrong nonce': /"nonce"/,
  'nonce array': /"nonce"/,
  'no sub': /"sub"/,
  'null sub': /"sub"/,
  'empty sub': /"sub"/,
  'numeric sub': /"sub"/,
  'sub "null"': 'accepted',
  'alg none': /"alg"/,
  'HS256 with the secret': /"alg"/,
  'bad signature': /signature verification failed/,
  'unknown kid': /no applicable keys/,
  'fresh kid': /no applicable keys/,
  'no kid': 'accepted',
};

/** What it says to a callback. */
const CALLBACKS: Record<AuthorizeFault, RegExp> = {
  'wrong iss': /"iss"/,
  'no iss': /"iss"/,
  'wrong state': /"state"/,
  'no state': /"state"/,
  'no code': /no authorization code/,
  access_denied: /error/,
  server_error: /error/,
};

/** What it says to an answer that comes in time. */
const ANSWERS: Partial<Record<WireFault, string | RegExp>> = {
  'says 500': /status code/,
  redirects: /status code/,
  'is 10 MB long': 'accepted',
  'is not JSON': /content-type/,
};

/** What is seen of an answer within a while, and of no more than its first 12 MB. */
const WIRE: Record<WireFault, object> = {
  'says 500': { status: 500, isOver: true },
  redirects: { isOver: true, hasFollowed: true },
  'is 10 MB long': { bytes: expect.closeTo(10.5e6, -6), isOver: true, isJson: true },
  'never ends': { bytes: expect.closeTo(12.1e6, -6), isOver: false },
  'is not JSON': { isOver: true, isJson: false },
  'sends 1 byte per second': { bytes: 1, isOver: false },
  'never answers': { status: 0, bytes: 0, isOver: false },
};

/** `patience` is in milliseconds. */
async function look(url: string, patience: number, method = 'GET') {
  const seen = { status: 0, bytes: 0, isOver: false, isJson: false };
  let start = '';
  try {
    const response = await fetch(url, { method, signal: AbortSignal.timeout(patience) });
    seen.status = response.status;
    for await (const chunk of response.body ?? []) {
      seen.bytes += chunk.length;
      start ||= Buffer.from(chunk).toString();
      if (seen.bytes > 12e6) return seen;
    }
    return { ...seen, isOver: true, isJson: start.startsWith('{') };
  } catch {
    return seen;
  }
}

describe('the evil issuer', () => {
  let issuer: EvilIssuer;
  beforeAll(async () => {
    issuer = await startEvilIssuer();
  });
  afterEach(() => {
    issuer.faults = {};
    issuer.forget();
  });
  afterAll(() => issuer.stop());

  it.each<[EvilFaults, string | RegExp]>([
    ...Object.entries(ID_TOKENS).map(([idToken, said]) => [{ idToken }, said] as [EvilFaults, RegExp]),
    ...Object.entries(CALLBACKS).map(([authorize, said]) => [{ authorize }, said] as [EvilFaults, RegExp]),
    ...PLACES.flatMap((place) =>
      Object.entries(ANSWERS).map(([fault, said]) => [{ [place]: fault }, said] as [EvilFaults, RegExp]),
    ),
    [{ token: 'invalid_grant' }, /error in the response body/],
    [{ token: 'no ID token' }, /id_token/],
    [{ userinfo: 'another sub' }, /"sub"/],
    [{ userinfo: 'no sub' }, /"sub"/],
    [{ jwks: 'empty' }, /no applicable keys/],
    [{ discovery: 'names another issuer' }, /does not match the expected issuer/],
    [{ discovery: 'has no endpoints' }, /authorization_endpoint/],
    [{ discovery: 'has no jwks_uri' }, /jwks_uri/],
    [{ discovery: 'has a script for its authorization endpoint' }, /only HTTP and HTTPS/],
  ])('%j: the published client says %s', async (faults, said) => {
    issuer.faults = faults;
    const work = discover(issuer.url).then((config) => signIn(config, evilCallback));
    expect(await outcome(work)).toMatch(said);
    expect(issuer.elsewhere.total).toBe(0);
  });

  it('misbehaves in no way that this file does not know', () => {
    expect(Object.keys(ID_TOKENS)).toEqual(ID_TOKEN_FAULTS);
    expect(Object.keys(CALLBACKS)).toEqual([...AUTHORIZE_FAULTS]);
  });

  it.each(DISCOVERY_FAULTS.filter((fault) => fault.includes('link-local')))('%s', async (discovery) => {
    issuer.faults = { discovery };
    const document = await (await fetch(issuer.url + PATHS.discovery)).text();
    expect(document.match(/http:\/\/169\.254\.169\.254\/\w+/g)).toHaveLength(1);
  });

  it.each(PLACES.flatMap((place) => WIRE_FAULTS.map((fault) => [place, fault] as const)))(
    '%s %s, as anybody can see',
    async (place, fault) => {
      issuer.faults = { [place]: fault };
      issuer.elsewhere.forget();
      const patience = fault === 'never answers' || fault === 'sends 1 byte per second' ? 500 : 10_000;
      const seen = await look(issuer.url + PATHS[place], patience, place === 'token' ? 'POST' : 'GET');
      const hasFollowed = issuer.elsewhere.count(place) === 1;
      expect({ ...seen, hasFollowed }).toMatchObject(WIRE[fault]);
      expect(issuer.count(place)).toBe(1);
    },
  );

  it('is as late as a test wants', async () => {
    issuer.faults = { delayMs: 100 };
    const begun = performance.now();
    await fetch(issuer.url + PATHS.jwks);
    expect(performance.now() - begun).toBeGreaterThan(95);
    const { promise, resolve } = Promise.withResolvers<void>();
    issuer.faults = { until: promise };
    const answers = Promise.all([1, 2, 3].map(async () => fetch(issuer.url + PATHS.jwks)));
    await vi.waitFor(() => expect(issuer.mostAtOnce).toBe(3));
    resolve();
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(issuer.connections).toBeGreaterThanOrEqual(4);
  });

  it('says nothing on any connection, and ends them when it goes away', async () => {
    issuer.faults = { isHalfOpen: true };
    expect(await look(issuer.url + PATHS.discovery, 200)).toMatchObject({ status: 0, bytes: 0, isOver: false });
    const silent = outcome(fetch(issuer.url + PATHS.discovery));
    await vi.waitFor(() => expect(issuer.count('discovery')).toBe(2));
    await issuer.stop();
    expect(await silent).toMatch(/^fetch failed/);
    await issuer.restart();
  });

  it('says what is not fit to be shown', async () => {
    issuer.faults = { authorize: 'server_error' };
    let callback = '';
    await outcome(signIn(await discover(issuer.url), async (url) => (callback = await evilCallback(url))));
    expect(callback).toContain('%0D%0A');
    expect(new URL(callback).searchParams.get('error_description')).toBe(EVIL_DESCRIPTION);
  });

  it.each(LOGOUT_TOKEN_FAULTS)('makes a logout token: %s', async (fault) => {
    const { keys } = (await (await fetch(issuer.url + PATHS.jwks)).json()) as JSONWebKeySet;
    const check = async (token: string) => {
      const expected = { issuer: issuer.url, audience: CLIENT_ID, typ: 'logout+jwt', maxTokenAge: 600 };
      const required = { ...expected, requiredClaims: ['events', 'jti', 'iat', 'exp'] };
      const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys }), required);
      expect(protectedHeader.kid).toBe(issuer.kid);
      expect(payload).not.toHaveProperty('nonce');
      expect(payload.sub ?? payload['sid']).toBeDefined();
      expect(payload['events']).toHaveProperty(['http://schemas.openid.net/event/backchannel-logout'], {});
    };
    expect(await outcome(check(await issuer.logoutToken({ sub: 'bob', sid: 's-1' })))).toBe('accepted');
    expect(await outcome(check(await issuer.logoutToken({ sub: 'bob', sid: 's-1', fault })))).not.toBe('accepted');
  });
});
