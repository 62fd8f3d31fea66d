const ONES = [
  '',
  'one',
  'two',
  'three',
  'four',
  'five',
  'six',
  'seven',
  'eight',
  'nine',
  'ten',
  'eleven',
  'twelve',
  'thirteen',
  'fourteen',
  'fifteen',
  'sixteen',
  'seventeen',
  'eighteen',
  'nineteen',
];
const TENS = ['', '', 'twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety'];

const VALUES = new Map<string, number>([
  ...ONES.map((word, value) => [word, value] as const).slice(1),
  ...TENS.map((word, tens) => [word, tens * 10] as const).slice(2),
]);

/** A whole number from 1 to 999 as people say it: "two hundred and forty-one". */
export function inWords(number: number): string {
  const [hundreds, rest] = [Math.floor(number / 100), number % 100];
  const said = ONES[rest] ?? [TENS[Math.floor(rest / 10)], ONES[rest % 10]].filter(Boolean).join('-');
  return [hundreds > 0 && `${ONES[hundreds]} hundred`, said].filter(Boolean).join(' and ');
}

/**
 * The number that somebody typed, in digits or in words, with or without "and", hyphens and what is counted ("41 apples");
 * null when there is none, or more than one in digits.
 */
export function readNumber(typed: string): number | null {
  const words =
    typed
      .normalize('NFKC')
      .toLowerCase()
      .match(/\d+|[a-z]+/g) ?? [];
  const digits = words.filter((word) => /^\d/.test(word));
  if (digits.length > 0) return digits.length === 1 ? Number(digits[0]) : null;
  const sum = words.reduce(
    (total, word) => (word === 'hundred' ? (total || 1) * 100 : total + (VALUES.get(word) ?? 0)),
    0,
  );
  return sum || null;
}
