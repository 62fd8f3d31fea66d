import { describe, expect, it } from 'vitest';
import { Turns } from './turns.js';

const never = new AbortController().signal;

describe('Turns', () => {
  function crowd() {
    const turns = new Turns(2);
    const begun: string[] = [];
    const ends = new Map<string, PromiseWithResolvers<string>>();
    const come = (name: string, signal = never) =>
      turns.run(signal, () => {
        begun.push(name);
        const end = Promise.withResolvers<string>();
        ends.set(name, end);
        return end.promise;
      });
    const end = (name: string) => ends.get(name)?.resolve(name);
    return { turns, begun, come, end, ends };
  }

  /** Everything that can happen now has happened. */
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it('lets two work, and the next in order when one is done', async () => {
    const { turns, begun, come, end, ends } = crowd();
    expect(turns.isIdle).toBe(true);
    const all = ['a', 'b', 'c', 'd'].map((name) => come(name));
    expect(turns.isIdle).toBe(false);
    await settled();
    expect(begun).toEqual(['a', 'b']);
    end('b');
    await settled();
    expect(begun).toEqual(['a', 'b', 'c']);
    ends.get('a')?.reject(new Error('in vain'));
    await expect(all[0]).rejects.toThrow('in vain');
    await settled();
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    end('c');
    end('d');
    expect(await Promise.all(all.slice(1))).toEqual(['b', 'c', 'd']);
    expect(turns.isIdle).toBe(true);
  });

  it('lets those who wait go, and keeps the order of the others', async () => {
    const { turns, begun, come, end } = crowd();
    const stop = new AbortController();
    const all = [come('a'), come('b'), come('c', stop.signal), come('d')];
    stop.abort(new Error('enough'));
    await expect(all[2]).rejects.toThrow('enough');
    end('a');
    await settled();
    expect(begun).toEqual(['a', 'b', 'd']);
    end('b');
    end('d');
    await Promise.all(all.toSpliced(2, 1));
    expect(turns.isIdle).toBe(true);
  });

  it('loses no place with one who goes when their turn has just come', async () => {
    const { turns, begun, come, end } = crowd();
    const stop = new AbortController();
    const all = [come('a'), come('b'), come('c', stop.signal)];
    await settled();
    end('a');
    await all[0];
    stop.abort();
    await settled();
    if (begun.includes('c')) end('c');
    end('b');
    await Promise.allSettled(all);
    expect(turns.isIdle).toBe(true);
  });

  it('does not let in who has gone already', async () => {
    const { turns, begun, come } = crowd();
    await expect(come('a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(begun).toEqual([]);
    expect(turns.isIdle).toBe(true);
  });
});
