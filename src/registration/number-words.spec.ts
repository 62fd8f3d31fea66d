import { describe, expect, it } from 'vitest';
import { inWords, readNumber } from './number-words.js';

describe('inWords', () => {
  it.each([
    [1, 'one'],
    [12, 'twelve'],
    [20, 'twenty'],
    [41, 'forty-one'],
    [100, 'one hundred'],
    [205, 'two hundred and five'],
    [319, 'three hundred and nineteen'],
    [999, 'nine hundred and ninety-nine'],
  ])('says %i as people do', (number, words) => {
    expect(inWords(number)).toBe(words);
  });
});

describe('readNumber', () => {
  it('reads back every number, in words and in digits', () => {
    for (let number = 1; number < 1000; number++) {
      expect(readNumber(inWords(number))).toBe(number);
      expect(readNumber(String(number))).toBe(number);
    }
  });

  it.each([
    [' 241 ', 241],
    ['241.', 241],
    ['241 apples', 241],
    ['２４１', 241],
    ['Two Hundred Forty One', 241],
    ['two-hundred-and-forty-one!', 241],
    ['a hundred and five', 105],
    ['There are now forty-five coins.', 45],
  ])('takes %j as people write it', (typed, number) => {
    expect(readNumber(typed)).toBe(number);
  });

  it.each(['', ' ', '?', 'ACEHK', 'zero', 'many', '1 2', '2.41', '1,000'])('finds no number in %j', (typed) => {
    expect(readNumber(typed)).toBeNull();
  });
});
