import type { JSONWebKeySet } from 'jose';
import { describe, expect, it } from 'vitest';
import { ProviderKeys } from './provider-keys.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The keys of a provider that publishes `kids`. */
function startKeys() {
  const provider = { fetches: 0, isAway: false, kids: ['old'], now: 1_000_000 };
  const load = async (): Promise<JSONWebKeySet> => {
    provider.fetches += 1;
    if (provider.isAway) throw new Error('away');
    return { keys: provider.kids.map((kid) => ({ kty: 'EC', kid })) };
  };
  const keys = new ProviderKeys(load, () => provider.now);
  const kids = (set: JSONWebKeySet) => set.keys.map(({ kid }) => kid);
  return {
    provider,
    current: async () => kids(await keys.current()),
    lookUp: async () => kids(await keys.lookUp()),
  };
}

describe('ProviderKeys (security.md D14, D15)', () => {
  it('are fetched once, and a new one is found at once', async () => {
    const { provider, current, lookUp } = startKeys();
    expect(await current()).toEqual(['old']);
    provider.kids = ['new'];
    expect(await current()).toEqual(['old']);
    expect(await lookUp()).toEqual(['new']);
    expect(await current()).toEqual(['new']);
    expect(provider.fetches).toBe(2);
  });

  it('are not looked up more than twice a minute, however many unknown keys are named', async () => {
    const { provider, lookUp } = startKeys();
    for (let n = 0; n < 20; n += 1) expect(await lookUp()).toEqual(['old']);
    await Promise.all(Array.from({ length: 20 }, lookUp));
    expect(provider.fetches).toBe(2);
    provider.kids = ['new'];
    provider.now += MINUTE - 1;
    expect(await lookUp()).toEqual(['old']);
    provider.now += 1;
    expect(await lookUp()).toEqual(['new']);
    for (let n = 0; n < 20; n += 1) await lookUp();
    expect(provider.fetches).toBe(4);
  });

  it('are looked up not more often when that fails, and those at hand go on to count', async () => {
    const { provider, current, lookUp } = startKeys();
    await current();
    provider.now += HOUR;
    await current();
    provider.isAway = true;
    for (let n = 0; n < 20; n += 1) expect(await lookUp()).toEqual(['old']);
    expect(provider.fetches).toBe(3);
  });

  it('are forgotten within five minutes of their removal while the provider answers', async () => {
    const { provider, current } = startKeys();
    await current();
    provider.kids = ['new'];
    provider.now += 5 * MINUTE - 1;
    expect(await current()).toEqual(['old']);
    provider.now += 1;
    expect(await current()).toEqual(['new']);
  });

  it('are taken for a day while it does not', async () => {
    const { provider, current, lookUp } = startKeys();
    await current();
    provider.isAway = true;
    provider.now += 24 * HOUR - 1;
    expect(await current()).toEqual(['old']);
    provider.now += 1;
    await expect(current()).rejects.toThrow('away');
    await expect(lookUp()).rejects.toThrow('away');
  });
});
