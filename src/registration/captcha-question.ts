import { randomInt } from 'node:crypto';
import { inWords } from './number-words.js';

/** A question that is read out by a screen reader like any text, and that a child can answer by head. */
export interface Question {
  text: string;
  /** A whole number from 21 to 999, which the text does not contain, neither in digits nor in words. */
  answer: number;
}

const NAMES = ['Ada', 'Ben', 'Clara', 'David', 'Emma', 'Felix', 'Grace', 'Hugo', 'Ines', 'Jonas', 'Klara', 'Leo'];
const THINGS = ['apples', 'books', 'buttons', 'coins', 'marbles', 'pencils', 'postcards', 'shells', 'stamps', 'stones'];

/** Ways to ask for a number that is a few more than a given one; `much` and `few` are in words. */
const MORE: ((much: string, few: string) => string)[] = [
  (much, few) => `What is ${much} plus ${few}?`,
  (much, few) => `What do you get when you add ${few} to ${much}?`,
  (much, few) => `Which number is greater than ${much} by ${few}?`,
  (much, few) => `${any(NAMES)} has ${much} ${any(THINGS)} and finds ${few} more. How many are there now?`,
  (much, few) =>
    `There are ${much} ${any(THINGS)} in a box. ${any(NAMES)} puts in another ${few}. How many are in it now?`,
];

/** Ways to ask for a number that is a few less. */
const LESS: typeof MORE = [
  (much, few) => `What is ${much} minus ${few}?`,
  (much, few) => `What is left when you take ${few} away from ${much}?`,
  (much, few) => `Which number is less than ${much} by ${few}?`,
  (much, few) => `${any(NAMES)} has ${much} ${any(THINGS)} and gives ${few} away. How many are left?`,
  (much, few) => `There are ${much} ${any(THINGS)} in a box. ${any(NAMES)} takes out ${few}. How many are still in it?`,
];

/**
 * A fresh question in words. The answer is drawn first, so that a blind guess is right once in nine hundred times; a
 * program that reads the question will solve it, as it will solve the picture: both keep out what tries every form.
 */
export function makeQuestion(): Question {
  // One that ends in zero would begin the words of its neighbours: "forty" stands in "forty-three".
  const answer = randomInt(2, 100) * 10 + randomInt(1, 10);
  const few = randomInt(2, 10);
  // Past 999 there are no words.
  const isMore = answer + few > 999 || randomInt(2) === 0;
  return {
    text: isMore ? any(MORE)(inWords(answer - few), inWords(few)) : any(LESS)(inWords(answer + few), inWords(few)),
    answer,
  };
}

function any<Item>(items: readonly Item[]): Item {
  return items[randomInt(items.length)]!;
}
