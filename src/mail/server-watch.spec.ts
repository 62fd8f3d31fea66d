import { describe, expect, it } from 'vitest';
import { ServerWatch } from './server-watch.js';

describe('ServerWatch', () => {
  it('lets everybody through while the server answers', () => {
    const watch = new ServerWatch();
    expect(watch.allowance(5, 0)).toBe(5);
    expect(watch.answered()).toBe(false);
    expect(watch.allowance(5, 0)).toBe(5);
  });

  it('pauses when the server is away, then lets one at a time look, and all once it is back', () => {
    const watch = new ServerWatch();
    expect(watch.failed(1000)).toBe(true);
    expect(watch.allowance(5, 1000 + 3749)).toBe(0);
    expect(watch.allowance(5, 1000 + 6251)).toBe(1);
    expect(watch.answered()).toBe(true);
    expect(watch.allowance(5, 1000 + 6252)).toBe(5);
  });

  it('takes attempts that were under way for one failure', () => {
    const watch = new ServerWatch();
    watch.failed(0);
    for (let count = 0; count < 10; count++) expect(watch.failed(10)).toBe(false);
    expect(watch.allowance(5, 6251)).toBe(1);
  });

  it('never pauses for longer than 37.5 seconds, however long the server is away', () => {
    const watch = new ServerWatch();
    let now = 0;
    for (let count = 0; count < 2000; count++) {
      watch.failed(now);
      expect(watch.allowance(5, now + 37_500)).toBe(1);
      now += 37_501;
    }
  });
});
