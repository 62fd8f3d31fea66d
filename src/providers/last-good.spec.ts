import { describe, expect, it } from 'vitest';
import { LastGood } from './last-good.js';

const MINUTE = 60_000;

/** A copy of a number that another server counts up; `server` is what the test does to it. */
function startCopy() {
  const server = { loads: 0, isAway: false, now: 1_000_000 };
  const load = async () => {
    server.loads += 1;
    if (server.isAway) throw new Error('away');
    return server.loads;
  };
  return { server, copy: new LastGood(load, { fresh: 5 * MINUTE, usable: 60 * MINUTE }, () => server.now) };
}

describe('LastGood', () => {
  it('loads once, and again when the copy is not fresh any more', async () => {
    const { server, copy } = startCopy();
    expect(copy.known).toBeNull();
    expect([await copy.get(), await copy.get()]).toEqual([1, 1]);
    server.now += 5 * MINUTE - 1;
    expect(await copy.get()).toBe(1);
    server.now += 1;
    expect(await copy.get()).toBe(2);
    expect(copy.known).toBe(2);
    expect(server.loads).toBe(2);
  });

  it('loads once for many callers at once', async () => {
    const { server, copy } = startCopy();
    expect(await Promise.all([copy.get(), copy.get(), copy.renew()])).toEqual([1, 1, 1]);
    expect(await copy.renew()).toBe(2);
    expect(server.loads).toBe(2);
  });

  it('keeps the last good copy while the server is away, until it is too old', async () => {
    const { server, copy } = startCopy();
    await copy.get();
    server.isAway = true;
    server.now += 5 * MINUTE;
    expect(await copy.get()).toBe(1);
    server.now += 55 * MINUTE - 1;
    expect(await copy.get()).toBe(1);
    server.now += 1;
    await expect(copy.get()).rejects.toThrow('away');
    expect(copy.known).toBe(1);
    server.isAway = false;
    expect(await copy.get()).toBe(5);
  });

  it('does not ask again at once while it has a copy to go on with', async () => {
    const { server, copy } = startCopy();
    await copy.get();
    server.isAway = true;
    server.now += 5 * MINUTE;
    await copy.get();
    server.now += 29_999;
    await copy.get();
    expect(server.loads).toBe(2);
    server.now += 1;
    await copy.get();
    expect(server.loads).toBe(3);
  });

  it('asks every time while it has none', async () => {
    const { server, copy } = startCopy();
    server.isAway = true;
    await expect(copy.get()).rejects.toThrow('away');
    await expect(copy.get()).rejects.toThrow('away');
    expect(server.loads).toBe(2);
    server.isAway = false;
    expect(await copy.get()).toBe(3);
  });

  it('is renewed when that is wanted, and keeps what it has when that fails', async () => {
    const { server, copy } = startCopy();
    await copy.get();
    expect(await copy.renew()).toBe(2);
    server.isAway = true;
    await expect(copy.renew()).rejects.toThrow('away');
    expect(await copy.get()).toBe(2);
    expect(server.loads).toBe(3);
  });
});
