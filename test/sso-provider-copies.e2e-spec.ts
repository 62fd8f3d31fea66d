import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { createUser, oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { deliver, finishVisit, forgetProviders, giveIdentity, provider, startVisit } from './support/sso.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SIGNED_IN = 'signed in';

let test: TestApp;
let client: TestClient;
let evil: EvilIssuer;

beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url)];
  });
  await test.listen();
  client = await registerClient(test);
  await giveIdentity(test, { id: await createUser(test, 'alice') }, evil.url, 'alice');
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(() => {
  // Before anything is known of the provider, whose age is told by this clock.
  vi.useFakeTimers({ toFake: ['Date'] });
  forgetProviders(test);
});
afterEach(() => {
  vi.useRealTimers();
  evil.faults = {};
  evil.metadata = {};
  evil.forget();
});

const pass = (milliseconds: number) => vi.setSystemTime(Date.now() + milliseconds);
const visit = () => startVisit(test, { ...oauthQuery(client), issuer: 'evil' });
const outcomeOf = (answer: Parameters<typeof redirectOf>[0]) => {
  const { to, sent } = redirectOf(answer);
  return to === `${PUB}/oauth/consent` ? SIGNED_IN : sent['error'];
};

/** What becomes of a whole sign-in. */
const signIn = async () => outcomeOf(await finishVisit(test, await visit()));
const asked = () => (['discovery', 'jwks'] as const).map((place) => evil.count(place));

describe('what is known of a provider (security.md D14)', () => {
  it('is asked for once an hour, its keys every five minutes', async () => {
    expect([await signIn(), await signIn()]).toEqual([SIGNED_IN, SIGNED_IN]);
    expect(asked()).toEqual([1, 1]);
    pass(5 * MINUTE);
    expect(await signIn()).toBe(SIGNED_IN);
    expect(asked()).toEqual([1, 2]);
    pass(HOUR);
    expect(await signIn()).toBe(SIGNED_IN);
    expect(asked()).toEqual([2, 3]);
  });

  it.each(['says 500', 'is not JSON', 'is 10 MB long', 'never ends', 'redirects'] as const)(
    'serves on for a day while every new answer %s',
    async (fault) => {
      expect(await signIn()).toBe(SIGNED_IN);
      evil.faults = { discovery: fault, jwks: fault };
      pass(2 * HOUR);
      expect([await signIn(), await signIn()]).toEqual([SIGNED_IN, SIGNED_IN]);
      // It was tried, once.
      expect(asked()).toEqual([2, 2]);
      pass(22 * HOUR - MINUTE);
      expect(await signIn()).toBe(SIGNED_IN);
      pass(MINUTE);
      const answer = await test.http.get('/oauth/sso').query({ ...oauthQuery(client), issuer: 'evil' });
      expect(redirectOf(answer).sent['error']).toBe('temporarily_unavailable');
      evil.faults = {};
      expect(await signIn()).toBe(SIGNED_IN);
      expect(evil.elsewhere.total).toBe(0);
    },
  );

  it('leads people to the provider also while it is away, and ends well if it is back by then', async () => {
    expect(await signIn()).toBe(SIGNED_IN);
    await evil.stop();
    pass(2 * HOUR);
    const { location, cookie } = await visit();
    await evil.restart();
    expect(outcomeOf(await deliver(test, await evilCallback(location), cookie))).toBe(SIGNED_IN);
  });

  it('does not change its issuer: a document that names another is none', async () => {
    expect(await signIn()).toBe(SIGNED_IN);
    evil.faults = { discovery: 'names another issuer' };
    pass(2 * HOUR);
    expect(await signIn()).toBe(SIGNED_IN);
    pass(23 * HOUR);
    const answer = await test.http.get('/oauth/sso').query({ ...oauthQuery(client), issuer: 'evil' });
    expect(redirectOf(answer).sent['error']).toBe('temporarily_unavailable');
  });
});

describe('the keys of a provider (security.md D15)', () => {
  it('are looked up in the very sign-in that is signed by a new one', async () => {
    expect(await signIn()).toBe(SIGNED_IN);
    const old = evil.kid;
    await evil.rotateKey();
    evil.removeKey(old);
    expect([await signIn(), await signIn()]).toEqual([SIGNED_IN, SIGNED_IN]);
    expect(asked()).toEqual([1, 2]);
  });

  it('are looked up twice a minute at most, whatever keys are named', async () => {
    const flood = async () => {
      evil.faults = { idToken: 'fresh kid' };
      const outcomes = await Promise.all(Array.from({ length: 6 }, async () => signIn()));
      outcomes.push(await signIn(), await signIn());
      evil.faults = {};
      return new Set(outcomes);
    };
    expect(await flood()).toEqual(new Set(['server_error']));
    expect(evil.count('jwks')).toBe(2);
    expect(await signIn()).toBe(SIGNED_IN);
    pass(MINUTE);
    expect(await flood()).toEqual(new Set(['server_error']));
    expect(await signIn()).toBe(SIGNED_IN);
    expect(evil.count('jwks')).toBe(4);
    // Nobody is kept out by it for longer.
    const old = evil.kid;
    await evil.rotateKey();
    evil.removeKey(old);
    expect(await signIn()).toBe('server_error');
    pass(MINUTE);
    expect(await signIn()).toBe(SIGNED_IN);
  });

  it('are refused once they are removed, after five minutes at the latest', async () => {
    expect(await signIn()).toBe(SIGNED_IN);
    evil.removeKey(evil.kid);
    pass(5 * MINUTE - 1);
    expect(await signIn()).toBe(SIGNED_IN);
    pass(1);
    expect(await signIn()).toBe('server_error');
    await evil.rotateKey();
    pass(MINUTE);
    expect(await signIn()).toBe(SIGNED_IN);
  });

  it('are not forgotten because they cannot be looked up', async () => {
    expect(await signIn()).toBe(SIGNED_IN);
    evil.faults = { jwks: 'says 500', idToken: 'unknown kid' };
    expect(await signIn()).toBe('server_error');
    evil.faults = { jwks: 'says 500' };
    expect(await signIn()).toBe(SIGNED_IN);
    await evil.rotateKey();
    expect(await signIn()).toBe('server_error');
  });
});
