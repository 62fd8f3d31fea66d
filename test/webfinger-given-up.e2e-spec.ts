import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startWebFingerHost, type WebFingerHost } from './support/webfinger-host.js';
import { WebFingerClient } from '../src/webfinger/webfinger.client.js';

describe('a resolution that is given up', () => {
  let host: WebFingerHost;

  beforeEach(async () => {
    host = await startWebFingerHost();
  });

  afterEach(() => host.stop());

  function guest() {
    const clock = { now: 1_000_000 };
    const client = new WebFingerClient({ allowPrivateHosts: true, now: () => clock.now });
    return { client, clock, ask: (username: string) => client.resolve(username, host.host) };
  }

  const gone = new Error('enough');

  it('ends the request', async () => {
    host.add('alice', { fault: 'silence' });
    const stop = new AbortController();
    const resolving = guest().client.resolve('alice', host.host, stop.signal);
    await vi.waitUntil(() => host.open === 1);
    stop.abort(gone);
    await expect(resolving).rejects.toBe(gone);
    await vi.waitUntil(() => host.open === 0);
  });

  it('asks nothing that has not had its turn', async () => {
    for (let index = 0; index < 4; index += 1) host.add(`user${index}`, { fault: 'silence' });
    const stop = new AbortController();
    const { client, ask } = guest();
    const all = [0, 1, 2, 3].map((index) => client.resolve(`user${index}`, host.host, stop.signal));
    await vi.waitUntil(() => host.open === 2);
    stop.abort(gone);
    expect((await Promise.allSettled(all)).every(({ status }) => status === 'rejected')).toBe(true);
    host.add('alice');
    expect(await ask('alice')).toMatchObject({ state: 'found' });
    expect(host.requests).toHaveLength(3);
  });

  it('goes on for others who want to know', async () => {
    host.add('alice', { delayMs: 30 });
    const stop = new AbortController();
    const { client, ask } = guest();
    const [one, two] = [client.resolve('alice', host.host, stop.signal), ask('alice')];
    stop.abort(gone);
    await expect(one).rejects.toBe(gone);
    expect(await two).toMatchObject({ state: 'found' });
    await expect(client.resolve('alice', host.host, stop.signal)).rejects.toBe(gone);
  });

  it('says nothing of the host: one that is there stays so', async () => {
    const { client, ask } = guest();
    for (let index = 0; index < 6; index += 1) {
      host.add('alice', { fault: 'silence' });
      const stop = new AbortController();
      const resolving = client.resolve('alice', host.host, stop.signal);
      await vi.waitUntil(() => host.requests.length > index);
      stop.abort(gone);
      await expect(resolving).rejects.toBe(gone);
    }
    host.add('alice');
    expect(await ask('alice')).toMatchObject({ state: 'found' });
  });

  it('says nothing of the host: one that is away stays so', async () => {
    host.add('user1', { status: 500 });
    const { client, clock, ask } = guest();
    for (let index = 0; index < 6; index += 1) await ask('user1');
    clock.now += 30_000;
    host.add('user0', { fault: 'silence' });
    const stop = new AbortController();
    const probe = client.resolve('user0', host.host, stop.signal);
    await vi.waitUntil(() => host.open === 1);
    stop.abort(gone);
    await expect(probe).rejects.toBe(gone);
    await vi.waitUntil(() => host.open === 0);
    const before = host.requests.length;
    expect(await ask('user1')).toMatchObject({ state: 'failed', reason: 'host_unreachable' });
    expect(host.requests).toHaveLength(before);
  });
});
