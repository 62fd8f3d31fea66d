import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { renderAsync } from '@resvg/resvg-js';
import type { Test } from 'supertest';
import svgCaptcha from 'svg-captcha';
import { expect } from 'vitest';
import type { TestApp } from './app.js';

/** A captcha as clients get it. */
export interface CaptchaOnWire {
  type: string;
  token: string;
  url: string;
  question: string;
  answer_data: string;
  seconds_valid: number;
}

/** Asks for a captcha. */
export async function fetchCaptcha({ http }: TestApp): Promise<CaptchaOnWire> {
  const answer = await http.get('/api/pleroma/captcha');
  expect(answer.status).toBe(200);
  return answer.body;
}

/** The fields that solve a fresh captcha. */
export async function solveCaptcha(test: TestApp): Promise<Record<string, string>> {
  const captcha = await fetchCaptcha(test);
  return guessAt(captcha, String(answerTo(captcha.question)));
}

/** Moves every unused captcha towards its end. */
export async function letCaptchasAge({ dataSource }: TestApp, time: string): Promise<void> {
  await dataSource.query('update captcha set expires_at = expires_at - $1::interval where used_at is null', [time]);
}

/** What came of an attempt to register: status, body, and whether anything was written. */
export async function outcomeOf({ dataSource }: TestApp, attempt: () => Test): Promise<object> {
  const count = () =>
    dataSource.query(
      `select (select count(*) from "user") users, (select count(*) from session) sessions, (select count(*) from audit_event) events`,
    );
  const before = await count();
  const { status, body } = await attempt();
  return { status, body, isWritten: !isDeepStrictEqual(await count(), before) };
}

/** The outcome of a registration that is refused for its captcha and nothing else. */
export function refusedFor(description: string): object {
  const details = { captcha: [{ error: 'ERR_INVALID', description }] };
  return { status: 422, body: { error: `Validation failed: ${description}`, details }, isWritten: false };
}

/** The fields of a registration that answer a captcha. */
export function guessAt({ token, answer_data }: CaptchaOnWire, solution: string): Record<string, string> {
  return { captcha_token: token, captcha_answer_data: answer_data, captcha_solution: solution };
}

const ONES =
  'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const WORD = [...ONES, ...TENS, 'hundred'].toSorted((a, b) => b.length - a.length).join('|');
const NUMBER = new RegExp(`\\b(?:${WORD})(?:(?: and |-| )(?:${WORD}))*\\b`, 'g');

/** The numbers that a sentence names in words. */
export function numbersIn(text: string): number[] {
  return (text.match(NUMBER) ?? []).map((number) =>
    number.split(/ and |-| /).reduce((total, word) => {
      if (word === 'hundred') return total * 100;
      return total + (TENS.includes(word) ? 20 + TENS.indexOf(word) * 10 : ONES.indexOf(word) + 1);
    }, 0),
  );
}

/** Answers a question as somebody does who hears it. */
export function answerTo(question: string): number {
  const [low, high, ...others] = numbersIn(question).toSorted((a, b) => a - b);
  if (low === undefined || high === undefined || others.length > 0) throw new Error(`Not understood: ${question}`);
  return /minus|take|less|gives/.test(question) ? high - low : high + low;
}

/** Gives a captcha a picture with known characters, as far as the database tells. */
export async function replacePicture({ dataSource, config }: TestApp, token: string, characters: string) {
  const key = Buffer.from(hkdfSync('sha256', config.secretKey, '', 'gatehouse captcha', 32));
  const digest = createHmac('sha256', key).update(`${token} ${characters}`).digest();
  const [, count] = await dataSource.query('update captcha set answers[1] = $1 where hash = $2', [
    digest,
    createHash('sha256').update(token).digest(),
  ]);
  expect(count).toBe(1);
}

const ALPHABET = 'ACEHKMNTWXY349';
const [CELL, HEIGHT, STEP] = [86, 90, 46];

/** The darkness of every pixel, 0 to 1, row by row. */
async function darkness(svg: string): Promise<{ width: number; dark: Float32Array }> {
  const { width, pixels } = await renderAsync(svg, { font: { loadSystemFonts: false }, background: '#fff' });
  return { width, dark: Float32Array.from({ length: pixels.length / 4 }, (_, at) => 1 - pixels[at * 4]! / 255) };
}

interface Template {
  character: string;
  dark: Float32Array;
}

let templates: Promise<Template[]> | null = null;

function drawTemplates(): Promise<Template[]> {
  const angles = Array.from({ length: 15 }, (_, index) => -21 + index * 3);
  return Promise.all(
    [...ALPHABET].flatMap((character) =>
      angles.map(async (angle) => {
        const size = { size: 1, width: CELL, height: HEIGHT, fontSize: 84, noise: 0 };
        const { data } = svgCaptcha.create({ ...size, charPreset: character });
        const turned = `<g transform="rotate(${angle} ${CELL / 2} ${HEIGHT / 2})">${data}</g>`;
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${CELL}" height="${HEIGHT}">${turned}</svg>`;
        return { character, dark: (await darkness(svg)).dark };
      }),
    ),
  );
}

/** How like a template the picture is at a place: a correlation. */
function likeness(dark: Float32Array, width: number, left: number, down: number, template: Float32Array): number {
  let [n, a, b, ab, aa, bb] = [0, 0, 0, 0, 0, 0];
  for (let y = Math.max(0, -down); y < HEIGHT && y + down < HEIGHT; y++) {
    for (let x = 0; x < CELL && x + left < width; x++) {
      const [p, t] = [dark[(y + down) * width + x + left]!, template[y * CELL + x]!];
      n++;
      a += p;
      b += t;
      ab += p * t;
      aa += p * p;
      bb += t * t;
    }
  }
  return (ab - (a * b) / n) / Math.sqrt((aa - (a * a) / n) * (bb - (b * b) / n));
}

/** Reads a picture, mostly right: each cell is compared with every character at every angle. */
export async function read(url: string): Promise<string> {
  const image = `<svg xmlns="http://www.w3.org/2000/svg" width="270" height="90"><image href="${url}" width="270" height="90"/></svg>`;
  const { width, dark } = await darkness(image);
  const known = await (templates ??= drawTemplates());
  return Array.from({ length: 5 }, (_, cell) => {
    let best = { character: '?', score: -1 };
    for (const { character, dark: template } of known) {
      for (let down = -8; down <= 8; down += 2) {
        const score = likeness(dark, width, cell * STEP, down, template);
        if (score > best.score) best = { character, score };
      }
    }
    return best.character;
  }).join('');
}
