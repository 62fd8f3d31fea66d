import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import type { DiscoveryFault } from './support/evil-answers.js';
import { type EvilFaults, type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { createUser, oauthQuery, postLogin, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { begin } from './support/roadblock.js';
import {
  deliver,
  finishVisit,
  forgetProviders,
  giveIdentity,
  provider,
  startVisit,
  type Visit,
} from './support/sso.js';

const CONSENT = `${PUB}/oauth/consent`;

/** What makes an answer take longer than somebody waits: while one starts, and while one comes back. */
const SLOW_STARTS: EvilFaults[] = [
  { isHalfOpen: true },
  { delayMs: 30_000 },
  { discovery: 'never answers' },
  { discovery: 'sends 1 byte per second' },
];
const SLOW_CALLBACKS: EvilFaults[] = [
  { isHalfOpen: true },
  // Each is quick enough, all of them are not.
  { delayMs: 4000 },
  { jwks: 'never answers' },
  { token: 'never answers' },
  { token: 'sends 1 byte per second' },
  { userinfo: 'never answers' },
  { userinfo: 'sends 1 byte per second' },
];

let test: TestApp;
let client: TestClient;
let evil: EvilIssuer;
let well: EvilIssuer;
let slow: EvilIssuer[];

beforeAll(async () => {
  const issuers = await Promise.all(
    Array.from({ length: 2 + SLOW_STARTS.length + SLOW_CALLBACKS.length }, async () => startEvilIssuer()),
  );
  [evil, well, ...slow] = issuers as [EvilIssuer, EvilIssuer, ...EvilIssuer[]];
  test = await startApp((config) => {
    config.sso.providers = [
      provider('evil', evil.url),
      provider('well', well.url),
      ...slow.map(({ url }, n) => provider(`slow${n}`, url)),
    ];
  });
  await test.listen();
  client = await registerClient(test);
  const alice = { id: await createUser(test, 'alice') };
  for (const { url } of issuers) await giveIdentity(test, alice, url, 'alice');
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil, well, ...slow].map((issuer) => issuer.stop()));
});
afterEach(() => {
  vi.useRealTimers();
  evil.faults = {};
  evil.forget();
  forgetProviders(test);
});

const start = (issuer = 'evil') => test.http.get('/oauth/sso').query({ ...oauthQuery(client), issuer });
const visit = (issuer = 'evil') => startVisit(test, { ...oauthQuery(client), issuer });

/** Where a whole sign-in ends. */
const signIn = async (issuer = 'evil') => redirectOf(await finishVisit(test, await visit(issuer))).to;

const AWAY = () => ({
  to: `${PUB}/oauth/authorize`,
  sent: {
    ...oauthQuery(client),
    error: 'temporarily_unavailable',
    error_description: 'The provider cannot be reached now',
  },
});

/** Everybody else gets in as ever. */
async function expectOthersUnaffected(): Promise<void> {
  expect(await signIn('well')).toBe(CONSENT);
  expect(redirectOf(await postLogin(test, oauthQuery(client))).to).toBe(CONSENT);
}

describe('a provider that is slow (security.md D13)', () => {
  // A conversation may take 9 seconds and no more: what waits for two of them in turn is found out.
  it('ends in an error redirect within ten seconds, wherever it is slow', { timeout: 15_000 }, async () => {
    const begun = SLOW_STARTS.map((faults, n) => {
      slow[n]!.faults = faults;
      return begin(start(`slow${n}`));
    });
    const brought = SLOW_CALLBACKS.map(async (faults, index) => {
      const n = SLOW_STARTS.length + index;
      const { location, cookie } = await visit(`slow${n}`);
      const callback = await evilCallback(location);
      slow[n]!.faults = faults;
      return deliver(test, callback, cookie);
    });
    await expectOthersUnaffected();
    for (const answer of await Promise.all([...begun, ...brought])) expect(redirectOf(answer)).toEqual(AWAY());
    expect(slow.map(({ elsewhere }) => elsewhere.total)).toEqual(slow.map(() => 0));
    await expectOthersUnaffected();
  });

  it('is asked by twenty at once and no more; the others are told at once', async () => {
    expect(await signIn()).toBe(CONSENT);
    const visits: Visit[] = [];
    for (let n = 0; n < 28; n += 1) visits.push(await visit());
    const callbacks = await Promise.all(visits.map(({ location }) => evilCallback(location)));
    const { promise: until, resolve } = Promise.withResolvers<void>();
    evil.faults = { until };
    evil.forget();
    const told: ReturnType<typeof redirectOf>[] = [];
    const all = visits.map(async ({ cookie }, n) => told.push(redirectOf(await deliver(test, callbacks[n]!, cookie))));
    await vi.waitFor(() => expect([told.length, evil.mostAtOnce]).toEqual([8, 20]), 5000);
    expect(told).toEqual(told.map(AWAY));
    await expectOthersUnaffected();
    resolve();
    await Promise.all(all);
    expect(told.slice(8).map(({ to }) => to)).toEqual(Array.from({ length: 20 }, () => CONSENT));
    expect([evil.mostAtOnce, evil.count('token')]).toEqual([20, 20]);
    expect(await signIn()).toBe(CONSENT);
  });
});

describe('a provider that fails (security.md D13)', () => {
  it.each<[string, EvilFaults]>([
    ['starts', { discovery: 'says 500' }],
    ['starts that find nonsense', { discovery: 'is 10 MB long' }],
    ['callbacks', { token: 'says 500' }],
    ['callbacks without keys', { jwks: 'never ends' }],
  ])('is not connected to any more after five failed %s, and tried again after half a minute', async (_, faults) => {
    vi.useFakeTimers({ toFake: ['Date'] });
    forgetProviders(test);
    const tries = [];
    for (let n = 0; n < 9; n += 1) {
      if (faults.discovery) {
        tries.push(() => start());
      } else {
        const { location, cookie } = await visit();
        const callback = await evilCallback(location);
        tries.push(() => deliver(test, callback, cookie));
      }
    }
    // With the keys at hand only the token endpoint fails.
    if (faults.token) await tries.pop()?.();
    evil.forget();
    evil.faults = faults;
    for (const attempt of tries.splice(0, 5)) expect(redirectOf(await attempt())).toEqual(AWAY());
    expect(evil.connections).toBe(5);
    evil.faults = {};
    for (const attempt of tries) expect(redirectOf(await attempt())).toEqual(AWAY());
    expect(evil.connections).toBe(5);
    await expectOthersUnaffected();
    vi.setSystemTime(Date.now() + 30_000);
    expect([await signIn(), await signIn()]).toEqual([CONSENT, CONSENT]);
  });

  it('is not taken for one that is away when what it says is wrong', async () => {
    evil.faults = { idToken: 'bad signature' };
    for (let n = 0; n < 7; n += 1)
      expect(redirectOf(await finishVisit(test, await visit())).sent).toMatchObject({ error: 'server_error' });
    evil.faults = {};
    expect(await signIn()).toBe(CONSENT);
  });

  it('is not needed at our start (security.md D14)', async () => {
    await evil.stop();
    const replica = await startApp((config) => {
      config.sso.providers = [provider('evil', evil.url)];
    }, test.database);
    const answer = await replica.http.get('/oauth/sso').query({ ...oauthQuery(client), issuer: 'evil' });
    expect(redirectOf(answer)).toEqual(AWAY());
    expect(redirectOf(await postLogin(replica, oauthQuery(client))).to).toBe(CONSENT);
    expect((await replica.http.get('/health/ready')).status).toBe(200);
    await evil.restart();
    const { to } = redirectOf(
      await finishVisit(replica, await startVisit(replica, { ...oauthQuery(client), issuer: 'evil' })),
    );
    expect(to).toBe(CONSENT);
    await replica.close();
  });
});

describe('a provider that sends us where nobody may go (security.md A6)', () => {
  it.each<[DiscoveryFault, number]>([
    ['has its token endpoint on a link-local address', 0],
    ['has its keys on a link-local address', 0],
    ['has its userinfo on a link-local address', 1],
  ])('is not followed there: it %s', async (discovery, redeemed) => {
    evil.faults = { discovery };
    const connect = vi.spyOn(Socket.prototype, 'connect');
    const answer = await finishVisit(test, await visit());
    const targets = JSON.stringify(connect.mock.calls);
    connect.mockRestore();
    expect(redirectOf(answer)).toEqual(AWAY());
    expect(targets).toContain(new URL(evil.url).port);
    expect(targets).not.toContain('169.254');
    expect(evil.count('token')).toBe(redeemed);
  });
});
