import { describe, expect, it } from 'vitest';
import { SharedWork } from './shared-work.js';

describe('SharedWork', () => {
  function office() {
    const shared = new SharedWork<string>();
    const begun: { end: PromiseWithResolvers<string>; signal: AbortSignal }[] = [];
    const join = (key: string, signal?: AbortSignal) => {
      const begin = (stop: AbortSignal): Promise<string> => {
        const end = Promise.withResolvers<string>();
        stop.addEventListener('abort', () => end.reject(stop.reason));
        begun.push({ end, signal: stop });
        return end.promise;
      };
      return shared.join(key, begin, signal);
    };
    return { begun, join };
  }

  it('does once what several ask for at once, and anew what is asked for later', async () => {
    const { begun, join } = office();
    const [one, other, another] = [join('a'), join('a', new AbortController().signal), join('b')];
    expect(begun).toHaveLength(2);
    begun[0]?.end.resolve('first');
    begun[1]?.end.reject(new Error('in vain'));
    expect(await Promise.all([one, other])).toEqual(['first', 'first']);
    await expect(another).rejects.toThrow('in vain');
    const again = join('a');
    begun[2]?.end.resolve('second');
    expect(await again).toBe('second');
  });

  it('goes on for the others when one goes', async () => {
    const { begun, join } = office();
    const stop = new AbortController();
    const [one, other] = [join('a', stop.signal), join('a')];
    stop.abort(new Error('enough'));
    await expect(one).rejects.toThrow('enough');
    expect(begun[0]?.signal.aborted).toBe(false);
    begun[0]?.end.resolve('done');
    expect(await other).toBe('done');
  });

  it('is given up when all have gone, and begun anew for whoever comes then', async () => {
    const { begun, join } = office();
    const stop = new AbortController();
    const all = [join('a', stop.signal), join('a', stop.signal)].map((one) => expect(one).rejects.toThrow('enough'));
    stop.abort(new Error('enough'));
    await Promise.all(all);
    expect(begun[0]?.signal.aborted).toBe(true);
    const again = join('a');
    begun[1]?.end.resolve('done');
    expect(await again).toBe('done');
  });

  it('is not begun for who has gone already', async () => {
    const { begun, join } = office();
    await expect(join('a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(begun).toHaveLength(0);
  });
});
