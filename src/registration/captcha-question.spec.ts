import { describe, expect, it } from 'vitest';
import { makeQuestion } from './captcha-question.js';
import { inWords } from './number-words.js';

describe('makeQuestion', () => {
  const questions = Array.from({ length: 3000 }, makeQuestion);

  it('asks in words only, for a whole number from 21 to 999', () => {
    for (const { text, answer } of questions) {
      expect(text).toMatch(/^[A-Z][a-z, .-]*([A-Z][a-z, .-]*)*\?$/);
      expect(text).not.toMatch(/undefined|  |-[ .?]| -/);
      expect(Number.isInteger(answer) && answer >= 21 && answer <= 999).toBe(true);
    }
  });

  it('never tells the answer', () => {
    const telling = questions.filter(({ text, answer }) => text.includes(inWords(answer)));
    expect(telling).toEqual([]);
  });

  it('has many answers and many ways to ask', () => {
    expect(new Set(questions.map(({ answer }) => answer)).size).toBeGreaterThan(700);
    expect(new Set(questions.map(({ text }) => text)).size).toBeGreaterThan(2900);
  });
});
