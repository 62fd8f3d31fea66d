import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inWords } from '../src/registration/number-words.js';
import { startApp, type TestApp } from './support/app.js';
import {
  answerTo,
  type CaptchaOnWire,
  fetchCaptcha,
  guessAt,
  letCaptchasAge,
  outcomeOf,
  read,
  refusedFor,
  replacePicture,
  solveCaptcha,
} from './support/captcha.js';
import { clientToken, createUser, PASSWORD, registerClient, sendAs } from './support/flows.js';

let test: TestApp;
let replica: TestApp;
let token: string;
let names = 0;
beforeAll(async () => {
  const adjust = ({ registrations }: TestApp['config']) => {
    registrations.captcha = true;
    registrations.confirm_email = false;
  };
  test = await startApp(adjust);
  replica = await startApp(adjust, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  token = await clientToken(test, await registerClient(test, { scopes: 'write' }));
  await createUser(test, 'alice');
});
afterAll(async () => {
  await replica.close();
  await test.close();
});

/** A registration that nothing is wrong with but perhaps its captcha. */
function fields(more: Record<string, unknown> = {}): Record<string, unknown> {
  const username = `person_${++names}`;
  return { username, email: `${username}@example.org`, password: PASSWORD, agreement: true, ...more };
}

const post = (more: Record<string, unknown>, { http } = test) =>
  http.post('/api/v1/accounts').auth(token, { type: 'bearer' }).send(fields(more));
const rightAnswer = (captcha: CaptchaOnWire) => String(answerTo(captcha.question));
const INVALID = refusedFor('Invalid CAPTCHA');
const EXPIRED = refusedFor('CAPTCHA expired');
const USED = refusedFor('CAPTCHA already used');

describe('POST /api/v1/accounts with the right answer to a captcha (contract.md §5.1, §5.2)', () => {
  it.each<[string, (number: number) => string]>([
    ['digits', String],
    ['words', inWords],
    ['words without "and", in capitals', (number) => inWords(number).replace(' and ', ' ').toUpperCase()],
    ['digits among blanks, with a full stop', (number) => ` ${number}. `],
  ])('takes the number in %s', async (_, form) => {
    const captcha = await fetchCaptcha(test);
    const answer = await post(guessAt(captcha, form(answerTo(captcha.question))));
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer' });
  });

  it('takes the characters that are in the picture', async () => {
    // Now and then a machine misreads one, as people do; then it asks for another.
    const readOne = async (left: number): Promise<number> => {
      const captcha = await fetchCaptcha(test);
      const { status } = await post(guessAt(captcha, await read(captcha.url)));
      return status === 200 || left === 0 ? status : readOne(left - 1);
    };
    expect(await readOne(4)).toBe(200);
  });

  it.each(['K3XTA', 'k3xta', ' K3xTa ', 'K3X TA'])('takes %j for K3XTA', async (solution) => {
    const captcha = await fetchCaptcha(test);
    await replacePicture(test, captcha.token, 'K3XTA');
    expect((await post(guessAt(captcha, solution))).status).toBe(200);
  });

  it.each(['json', 'form', 'multipart'] as const)('takes it as %s', async (form) => {
    const captcha = await fetchCaptcha(test);
    const request = test.http.post('/api/v1/accounts').auth(token, { type: 'bearer' });
    const sent = { ...fields(), agreement: 'true', ...guessAt(captcha, rightAnswer(captcha)) };
    expect((await sendAs(request, form, sent as Record<string, string>)).status).toBe(200);
  });

  it('takes it on another replica', async () => {
    const captcha = await fetchCaptcha(test);
    expect((await post(guessAt(captcha, rightAnswer(captcha)), replica)).status).toBe(200);
  });
});

describe('POST /api/v1/accounts without a right answer', () => {
  it('refuses none at all', async () => {
    expect(await outcomeOf(test, () => post({}))).toEqual(INVALID);
  });

  it.each([
    ['captcha_token', INVALID],
    ['captcha_solution', USED],
    ['captcha_answer_data', USED],
  ])('refuses a guess without %s', async (missing, again) => {
    const guess = await solveCaptcha(test);
    expect(await outcomeOf(test, () => post({ ...guess, [missing]: undefined }))).toEqual(INVALID);
    expect(await outcomeOf(test, () => post({ ...guess, [missing]: '' }))).toEqual(again);
  });

  it.each(['AAAAA', '0', '-1', '20', 'twenty', '1000', '?', 'ß'.repeat(30_000), '9'.repeat(60_000), '\u0001'])(
    'refuses a wrong answer: %#',
    async (solution) => {
      const captcha = await fetchCaptcha(test);
      await replacePicture(test, captcha.token, 'K3XTA');
      expect(await outcomeOf(test, () => post(guessAt(captcha, solution)))).toEqual(INVALID);
    },
  );

  it('refuses all answers at once', async () => {
    const captcha = await fetchCaptcha(test);
    const all = Array.from({ length: 999 }, (_, number) => number + 1).join(' ');
    expect(await outcomeOf(test, () => post(guessAt(captcha, all)))).toEqual(INVALID);
  });

  it.each([
    ['unknown', randomBytes(32).toString('base64url')],
    ['too short', 'abc'],
    ['too long', 'A'.repeat(44)],
    ['of another alphabet', `${'A'.repeat(42)}+`],
  ])('refuses a token that is %s', async (_, captcha_token) => {
    const captcha = await fetchCaptcha(test);
    expect(await outcomeOf(test, () => post({ ...guessAt(captcha, rightAnswer(captcha)), captcha_token }))).toEqual(
      INVALID,
    );
    // It was not this one that was guessed at.
    expect((await post(guessAt(captcha, rightAnswer(captcha)))).status).toBe(200);
  });

  it('refuses the answer_data of another captcha, and an altered one (security.md R87)', async () => {
    const [one, other, third] = [await fetchCaptcha(test), await fetchCaptcha(test), await fetchCaptcha(test)];
    expect(
      await outcomeOf(test, () => post(guessAt({ ...one, answer_data: other.answer_data }, rightAnswer(one)))),
    ).toEqual(INVALID);
    expect(await outcomeOf(test, () => post(guessAt({ ...other, token: third.token }, rightAnswer(other))))).toEqual(
      INVALID,
    );
    expect((await post(guessAt(other, rightAnswer(other)))).status).toBe(200);
    const captcha = await fetchCaptcha(test);
    const altered = (captcha.answer_data.startsWith('A') ? 'B' : 'A') + captcha.answer_data.slice(1);
    expect(
      await outcomeOf(test, () => post(guessAt({ ...captcha, answer_data: altered }, rightAnswer(captcha)))),
    ).toEqual(INVALID);
    expect(await outcomeOf(test, () => post(guessAt(captcha, rightAnswer(captcha))))).toEqual(USED);
  });

  it('refuses the answer to another captcha', async () => {
    const [one, other] = [await fetchCaptcha(test), await fetchCaptcha(test)];
    await replacePicture(test, other.token, 'K3XTA');
    expect(await outcomeOf(test, () => post(guessAt(one, 'K3XTA')))).toEqual(INVALID);
  });

  it('refuses it after five minutes, however often it is asked', async () => {
    const guess = await solveCaptcha(test);
    await letCaptchasAge(test, '300 seconds');
    expect(await outcomeOf(test, () => post(guess))).toEqual(EXPIRED);
    expect(await outcomeOf(test, () => post(guess))).toEqual(EXPIRED);
  });

  it('takes it just before', async () => {
    const guess = await solveCaptcha(test);
    await letCaptchasAge(test, '270 seconds');
    expect((await post(guess)).status).toBe(200);
  });

  it('names it beside whatever else is wrong', async () => {
    const answer = await post({ username: 'alice', agreement: false });
    expect(answer.status).toBe(422);
    expect(answer.body.details).toEqual({
      agreement: [{ error: 'ERR_ACCEPTED', description: 'must be accepted' }],
      captcha: [{ error: 'ERR_INVALID', description: 'Invalid CAPTCHA' }],
      username: [{ error: 'ERR_TAKEN', description: 'has already been taken' }],
    });
    expect(answer.body.error).toBe(
      'Validation failed: Agreement must be accepted, Invalid CAPTCHA, Username has already been taken',
    );
  });

  it.each([[['x']], [{}], [1], [null], [true]])(
    'answers 400 to %j for an answer, and spends nothing',
    async (value) => {
      const captcha = await fetchCaptcha(test);
      const guess = guessAt(captcha, rightAnswer(captcha));
      for (const field of Object.keys(guess)) {
        const answer = await post({ ...guess, [field]: value });
        expect(answer.status).toBe(400);
        expect(answer.body.error).toMatch(new RegExp(`^${field} - Invalid (string|value)\\.$`));
      }
      expect((await post(guess)).status).toBe(200);
    },
  );
});
