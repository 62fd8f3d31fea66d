import { describe, expect, it } from 'vitest';
import { secondsOfRetryAfter } from './retry-after.js';

const NOW = Date.parse('Sun, 06 Nov 1994 08:49:37 GMT');

describe('secondsOfRetryAfter', () => {
  it.each([
    ['120', 120],
    [' 7 ', 7],
    ['0', 1],
    ['Sun, 06 Nov 1994 08:50:37 GMT', 60],
    ['Sun, 06 Nov 1994 08:00:00 GMT', 1],
  ])('of %j is %d', (header, seconds) => {
    expect(secondsOfRetryAfter(header, NOW)).toBe(seconds);
  });

  it('counts what has begun of a second', () => {
    expect(secondsOfRetryAfter('Sun, 06 Nov 1994 08:50:37 GMT', NOW + 1)).toBe(60);
  });

  it.each([null, '', '-5', '1.5', '1e3', 'soon', '9999999999', '1994-11-06', 'Sun, 99 Nov 1994 08:49:37 GMT'])(
    'of %j is nothing to go by',
    (header) => expect(secondsOfRetryAfter(header, NOW)).toBeNull(),
  );
});
