import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { outcomeOf, refusedFor, solveCaptcha } from './support/captcha.js';
import { clientToken, createUser, PASSWORD, registerClient } from './support/flows.js';

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
const INVALID = refusedFor('Invalid CAPTCHA');
const USED = refusedFor('CAPTCHA already used');

describe('a captcha is spent (security.md R87)', () => {
  it('by the right answer', async () => {
    const guess = await solveCaptcha(test);
    expect((await post(guess)).status).toBe(200);
    expect(await outcomeOf(test, () => post(guess))).toEqual(USED);
    expect(await outcomeOf(test, () => post(guess, replica))).toEqual(USED);
  });

  it('by a wrong answer, after which the right one comes too late', async () => {
    const guess = await solveCaptcha(test);
    expect(await outcomeOf(test, () => post({ ...guess, captcha_solution: '20' }))).toEqual(INVALID);
    expect(await outcomeOf(test, () => post(guess))).toEqual(USED);
  });

  it('by the right answer beside other values that are wrong', async () => {
    const guess = await solveCaptcha(test);
    const answer = await post({ ...guess, username: 'alice' });
    expect(answer.status).toBe(422);
    expect(answer.body.details).toEqual({ username: [{ error: 'ERR_TAKEN', description: 'has already been taken' }] });
    expect(await outcomeOf(test, () => post(guess))).toEqual(USED);
  });

  it('once, by one of many at once on two replicas', async () => {
    const guess = await solveCaptcha(test);
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => post(guess, n % 2 ? replica : test)));
    const [won, lost] = [200, 422].map((status) => answers.filter((answer) => answer.status === status));
    expect([won?.length, lost?.length]).toEqual([1, 7]);
    expect(lost?.map(({ status, body }) => ({ status, body, isWritten: false }))).toEqual(lost?.map(() => USED));
  });

  it('not by who may not register', async () => {
    const guess = await solveCaptcha(test);
    expect((await test.http.post('/api/v1/accounts').send(fields(guess))).status).toBe(401);
    expect((await post(guess)).status).toBe(200);
  });
});

describe('POST /api/v1/accounts where no captcha is asked for', () => {
  it('ignores what is sent about one', async () => {
    const off = await startApp(({ registrations }) => (registrations.confirm_email = false), test.database);
    const guess = await solveCaptcha(test);
    const answers = [
      await post({}, off),
      await post({ captcha_token: 'x', captcha_answer_data: '', captcha_solution: 'x' }, off),
      await post(guess, off),
    ];
    await off.close();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await post(guess)).status).toBe(200);
  });
});
