import { afterEach, describe, expect, it, vi } from 'vitest';
import { Patience } from './patience.js';
import { Unresolved } from './resolution.js';

describe('Patience', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  function patience() {
    const clock = { now: 1000 };
    vi.spyOn(performance, 'now').mockImplementation(() => clock.now);
    const limits = vi.spyOn(AbortSignal, 'timeout');
    const stop = new AbortController();
    const time = new Patience(5000, stop.signal);
    const spend = (milliseconds: number) =>
      time.spend(async (deadline) => {
        clock.now += milliseconds;
        return deadline;
      });
    return { clock, limits, stop, time, spend };
  }

  it('lets requests have the rest of the time that others took', async () => {
    const { clock, limits, time, spend } = patience();
    await spend(1000.5);
    clock.now += 60_000;
    await spend(1499.5);
    expect(time.isFair).toBe(true);
    await spend(1);
    expect(time.isFair).toBe(false);
    expect(limits.mock.calls).toEqual([[5000], [4000], [2500]]);
  });

  it('counts what failed, and begins nothing when no time is left', async () => {
    const { clock, time, spend } = patience();
    const failing = time.spend(() => {
      clock.now += 5000;
      return Promise.reject(new Error('in vain'));
    });
    await expect(failing).rejects.toThrow('in vain');
    const begin = vi.fn<() => Promise<void>>();
    const error: unknown = await time.spend(begin).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unresolved);
    expect(error).toMatchObject({ outcome: { reason: 'host_timeout', retryable: true }, tellsOfHost: false });
    expect(begin).not.toHaveBeenCalled();
    await expect(spend(0)).rejects.toThrow(Unresolved);
  });

  it('ends a request when nobody waits any more', async () => {
    const { stop, spend } = patience();
    const deadline = await spend(1);
    expect(deadline.aborted).toBe(false);
    stop.abort(new Error('enough'));
    expect(deadline.reason).toEqual(new Error('enough'));
  });
});
