import { describe, expect, it } from 'vitest';
import { RemoteHosts } from './remote-hosts.js';

describe('RemoteHosts', () => {
  function town() {
    const clock = { now: 1_000_000 };
    return { clock, hosts: new RemoteHosts(() => clock.now) };
  }

  /** A request that ends when the test says so. */
  function ask(hosts: RemoteHosts, name: string) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const asking = hosts.get(name).turns.run(new AbortController().signal, () => promise);
    const end = async (): Promise<void> => {
      resolve();
      await asking;
    };
    return { end };
  }

  it('knows a host for five minutes after its last use', () => {
    const { clock, hosts } = town();
    const first = hosts.get('a.example');
    clock.now += 299_999;
    expect(hosts.get('a.example')).toBe(first);
    clock.now += 299_999;
    hosts.get('b.example');
    expect(hosts.size).toBe(2);
    clock.now += 1;
    hosts.get('b.example');
    expect(hosts.size).toBe(1);
    expect(hosts.get('a.example')).not.toBe(first);
  });

  it('does not forget one that is being asked', async () => {
    const { clock, hosts } = town();
    const asking = ask(hosts, 'a.example');
    const busy = hosts.get('a.example');
    clock.now += 1_000_000;
    hosts.get('b.example');
    expect(hosts.get('a.example')).toBe(busy);
    await asking.end();
    clock.now += 1_000_000;
    hosts.get('b.example');
    expect(hosts.size).toBe(1);
  });

  it('knows two thousand at most, but for those that are being asked', async () => {
    const { hosts } = town();
    const asking = [ask(hosts, 'busy-1.example'), ask(hosts, 'busy-2.example')];
    const busy = hosts.get('busy-1.example');
    const early = hosts.get('early.example');
    for (let i = 0; i < 2500; i += 1) hosts.get(`${i}.example`);
    expect(hosts.size).toBe(2000);
    expect(hosts.get('busy-1.example')).toBe(busy);
    expect(hosts.get('early.example')).not.toBe(early);
    await Promise.all(asking.map(({ end }) => end()));
  });
});
