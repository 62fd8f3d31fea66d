import { describe, expect, it } from 'vitest';
import { CircuitBreaker, CircuitOpen } from './circuit-breaker.js';

class Gone extends Error {}

const answer = async (): Promise<string> => 'an answer';
const fail = async (): Promise<never> => Promise.reject(new Gone());
const refuse = async (): Promise<never> => Promise.reject(new Error('invalid_grant'));

describe('CircuitBreaker', () => {
  function circuit({ inFlight = 20 } = {}) {
    const clock = { now: 1_000_000 };
    const breaker = new CircuitBreaker({
      failures: 5,
      probeAfterMs: 30_000,
      inFlight,
      isFailure: (error) => error instanceof Gone,
      now: () => clock.now,
    });
    return { breaker, clock };
  }

  async function failTimes(breaker: CircuitBreaker, times: number): Promise<void> {
    for (let i = 0; i < times; i += 1) await expect(breaker.run(fail)).rejects.toThrow(Gone);
  }

  /** Work that ends when the test says so. */
  function slowWork() {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    return { work: () => promise, resolve, reject };
  }

  /** Work that must not be begun. */
  async function expectOpen(breaker: CircuitBreaker): Promise<void> {
    let hasBegun = false;
    const work = async (): Promise<void> => {
      hasBegun = true;
    };
    await expect(breaker.run(work)).rejects.toThrow(CircuitOpen);
    expect(hasBegun).toBe(false);
  }

  it('passes on what the work answers or throws', async () => {
    const { breaker } = circuit();
    expect(await breaker.run(answer)).toBe('an answer');
    await expect(breaker.run(refuse)).rejects.toThrow('invalid_grant');
    expect(breaker.state).toBe('closed');
  });

  it('opens after five failures in a row, and then begins no work', async () => {
    const { breaker } = circuit();
    await failTimes(breaker, 4);
    expect(breaker.state).toBe('closed');
    await failTimes(breaker, 1);
    expect(breaker.state).toBe('open');
    await expectOpen(breaker);
  });

  it.each([
    ['an answer', answer],
    ['an error that is no failure', refuse],
  ])('counts anew after %s', async (_, work: () => Promise<string>) => {
    const { breaker } = circuit();
    await failTimes(breaker, 4);
    await breaker.run(work).catch(() => undefined);
    await failTimes(breaker, 4);
    expect(breaker.state).toBe('closed');
  });

  it('lets one probe through after thirty seconds, which closes the circuit', async () => {
    const { breaker, clock } = circuit();
    await failTimes(breaker, 5);
    clock.now += 29_999;
    await expectOpen(breaker);
    clock.now += 1;
    expect(breaker.state).toBe('half-open');
    const { work, resolve } = slowWork();
    const probe = breaker.run(work);
    expect(breaker.state).toBe('half-open');
    await expectOpen(breaker);
    resolve('back');
    expect(await probe).toBe('back');
    expect(breaker.state).toBe('closed');
    await failTimes(breaker, 4);
    expect(breaker.state).toBe('closed');
  });

  it('stays open after a failed probe, and probes thirty seconds after the last one began', async () => {
    const { breaker, clock } = circuit();
    await failTimes(breaker, 5);
    clock.now += 30_000;
    const { work, reject } = slowWork();
    const probe = breaker.run(work);
    clock.now += 10_000;
    reject(new Gone());
    await expect(probe).rejects.toThrow(Gone);
    await expectOpen(breaker);
    clock.now += 19_999;
    await expectOpen(breaker);
    clock.now += 1;
    expect(await breaker.run(answer)).toBe('an answer');
    expect(breaker.state).toBe('closed');
  });

  it('is closed by a probe that ends in an error that is no failure', async () => {
    const { breaker, clock } = circuit();
    await failTimes(breaker, 5);
    clock.now += 30_000;
    await expect(breaker.run(refuse)).rejects.toThrow('invalid_grant');
    expect(breaker.state).toBe('closed');
  });

  it('learns nothing from calls that were begun before it opened', async () => {
    const { breaker, clock } = circuit();
    const [early, late] = [slowWork(), slowWork()];
    const calls = [breaker.run(early.work), breaker.run(late.work)];
    await failTimes(breaker, 5);
    clock.now += 20_000;
    early.resolve('at last');
    late.reject(new Gone());
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(breaker.state).toBe('open');
    clock.now += 10_000;
    expect(breaker.state).toBe('half-open');
  });

  it('begins no more work than may be under way, and more when some has ended', async () => {
    const { breaker } = circuit({ inFlight: 2 });
    const [one, two] = [slowWork(), slowWork()];
    const calls = [breaker.run(one.work), breaker.run(two.work)];
    await expectOpen(breaker);
    expect(breaker.state).toBe('closed');
    one.reject(new Gone());
    two.resolve('done');
    await Promise.allSettled(calls);
    expect(await Promise.all([breaker.run(answer), breaker.run(answer)])).toEqual(['an answer', 'an answer']);
  });

  it('counts work that throws before it promises anything', async () => {
    const { breaker } = circuit({ inFlight: 1 });
    const work = (): Promise<never> => {
      throw new Gone();
    };
    for (let i = 0; i < 5; i += 1) await expect(breaker.run(work)).rejects.toThrow(Gone);
    expect(breaker.state).toBe('open');
  });
});
