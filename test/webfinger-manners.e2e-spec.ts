import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startWebFingerHost, type WebFingerHost } from './support/webfinger-host.js';
import { FetchFailed } from '../src/outgoing/guarded-fetch.js';
import { type WebFingerOptions, WebFingerClient } from '../src/webfinger/webfinger.client.js';

const UNREACHABLE = { state: 'failed', reason: 'host_unreachable', retryable: true };

describe('the manners of WebFingerClient', () => {
  let host: WebFingerHost;
  let other: WebFingerHost;

  beforeEach(async () => {
    [host, other] = await Promise.all([startWebFingerHost(), startWebFingerHost()]);
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await Promise.all([host.stop(), other.stop()]);
  });

  function guest(options: Partial<WebFingerOptions> = {}) {
    const clock = { now: 1_000_000 };
    const client = new WebFingerClient({ allowPrivateHosts: true, now: () => clock.now, ...options });
    const ask = (username: string, at = host) => client.resolve(username, at.host);
    const askMany = (count: number, at = host) =>
      Promise.all(Array.from({ length: count }, (_, index) => ask(`user${index}`, at)));
    return { client, clock, ask, askMany };
  }

  function addMany(count: number, at: WebFingerHost, script = {}): void {
    for (let index = 0; index < count; index += 1) at.add(`user${index}`, script);
  }

  describe('at once', () => {
    it('asks one host two things, and another meanwhile', async () => {
      addMany(8, host, { delayMs: 20 });
      addMany(8, other, { delayMs: 20 });
      const { askMany } = guest();
      const outcomes = (await Promise.all([askMany(8), askMany(8, other)])).flat();
      expect(outcomes.every(({ state }) => state === 'found')).toBe(true);
      expect([host.mostAtOnce, other.mostAtOnce]).toEqual([2, 2]);
    });

    it('asks in order', async () => {
      addMany(8, host, { delayMs: 5 });
      await guest().askMany(8);
      const names = host.requests.map(({ resource }) => /user\d/.exec(resource ?? '')?.[0]);
      expect(new Set(names.slice(0, 2))).toEqual(new Set(['user0', 'user1']));
      expect(new Set(names.slice(2, 4))).toEqual(new Set(['user2', 'user3']));
    });

    it('counts where redirects lead', async () => {
      addMany(6, host, { redirectTo: `${other.origin}/?resource={resource}` });
      addMany(12, other, { delayMs: 20, subject: 'nobody' });
      const { askMany } = guest();
      await Promise.all([askMany(6), askMany(12, other)]);
      expect(other.requests).toHaveLength(18);
      expect(other.mostAtOnce).toBe(2);
    });

    it('asks thirty things in all', async () => {
      const busy = { now: 0, most: 0 };
      const { client } = guest({
        allowPrivateHosts: false,
        fetch: async () => {
          busy.most = Math.max(busy.most, ++busy.now);
          await new Promise((resolve) => setTimeout(resolve, 5));
          busy.now -= 1;
          return new Response(null, { status: 404 });
        },
      });
      await Promise.all(Array.from({ length: 100 }, (_, index) => client.resolve('alice', `host${index}.example`)));
      expect(busy).toEqual({ now: 0, most: 30 });
    });

    it('does not count waiting for a turn as time that the host takes', async () => {
      addMany(20, host, { delayMs: 60 });
      const outcomes = await guest({ limitMs: 450 }).askMany(20);
      expect(outcomes.every(({ state }) => state === 'found')).toBe(true);
    });

    it('asks for one handle once', async () => {
      host.add('alice', { delayMs: 20 });
      const { ask } = guest();
      const [one, two] = await Promise.all([ask('alice'), ask('Alice')]);
      expect(one).toMatchObject({ state: 'found' });
      expect(two).toEqual(one);
      expect(host.requests).toHaveLength(1);
      await ask('alice');
      expect(host.requests).toHaveLength(2);
    });
  });

  describe('a host that is away', () => {
    it('is not asked again after five failures, but for one probe in thirty seconds', async () => {
      addMany(30, host, { status: 500 });
      other.add('alice');
      const { ask, askMany, clock } = guest();
      expect(await askMany(30)).toEqual(Array.from({ length: 30 }, () => UNREACHABLE));
      // The sixth was under way with the fifth.
      expect(host.requests.length).toBeLessThanOrEqual(6);
      expect(await ask('alice', other)).toMatchObject({ state: 'found' });
      const before = host.requests.length;
      clock.now += 29_000;
      expect(await ask('user0')).toEqual(UNREACHABLE);
      expect(host.requests).toHaveLength(before);
      clock.now += 1000;
      host.add('user0');
      expect(await ask('user0')).toMatchObject({ state: 'found' });
      expect(await ask('user0')).toMatchObject({ state: 'found' });
    });

    it.each([
      ['hangs up', { fault: 'hang-up' }, 5000],
      ['says nothing', { fault: 'silence' }, 100],
      ['limits us without saying for how long', { status: 429 }, 5000],
    ] as const)('is also one that %s', async (_, script, limitMs) => {
      addMany(6, host, script);
      const { ask } = guest({ limitMs });
      for (let index = 0; index < 5; index += 1) expect(await ask(`user${index}`)).toMatchObject({ retryable: true });
      const before = host.requests.length;
      expect(await ask('user5')).toEqual(UNREACHABLE);
      expect(host.requests).toHaveLength(before);
    });

    it('is not one that answers with a refusal', async () => {
      const { ask } = guest();
      for (let index = 0; index < 7; index += 1) await ask(`user${index}`);
      expect(host.requests).toHaveLength(7);
    });

    it('is not one to which another leaves no time', async () => {
      let now = 0;
      vi.spyOn(performance, 'now').mockImplementation(() => now);
      const asked: string[] = [];
      const { client } = guest({
        allowPrivateHosts: false,
        fetch: async (address) => {
          const { host: name } = new URL(address);
          asked.push(name);
          if (name === 'well.example') throw new FetchFailed('too late', { reason: 'deadline' });
          now += 2600;
          return new Response(null, { status: 302, headers: { location: address.replace('evil', 'well') } });
        },
      });
      for (let index = 0; index < 6; index += 1) {
        expect(await client.resolve(`user${index}`, 'evil.example')).toMatchObject({ reason: 'host_timeout' });
      }
      expect(asked.filter((name) => name === 'well.example')).toHaveLength(6);
      // What it does in its own time counts.
      for (let index = 0; index < 6; index += 1) await client.resolve(`user${index}`, 'well.example');
      expect(asked.filter((name) => name === 'well.example')).toHaveLength(11);
    });
  });

  describe('a host that wants time', () => {
    it.each([429, 503])('gets it, for all its accounts: %d', async (status) => {
      host.add('alice', { status, retryAfter: 60 }).add('bob');
      const { ask, clock } = guest();
      expect(await ask('alice')).toEqual({ state: 'later', seconds: 60 });
      clock.now += 20_000;
      expect(await ask('bob')).toEqual({ state: 'later', seconds: 40 });
      expect(host.requests).toHaveLength(1);
      clock.now += 40_000;
      expect(await ask('bob')).toMatchObject({ state: 'found' });
    });

    it('gets five minutes', async () => {
      host.add('alice', { status: 429, retryAfter: 300 }).add('bob', { status: 429, retryAfter: 301 });
      const { ask, clock } = guest();
      expect(await ask('alice')).toEqual({ state: 'later', seconds: 300 });
      clock.now += 300_000;
      expect(await ask('bob')).toEqual(UNREACHABLE);
      expect(await ask('alice')).toEqual(UNREACHABLE);
      expect(host.requests).toHaveLength(2);
    });

    it('is understood when it names a date', async () => {
      const { ask } = guest();
      host.add('alice', { status: 429, retryAfter: new Date(1_030_000).toUTCString() });
      expect(await ask('alice')).toEqual({ state: 'later', seconds: 30 });
    });
  });
});
