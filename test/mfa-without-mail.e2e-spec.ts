import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, DONE, newAddress, refused, rowOf } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { PASSWORD, registerClient } from './support/flows.js';
import { disableTotp, type Guarded, newGuarded } from './support/mfa.js';

let test: TestApp;
let person: Guarded;
beforeAll(async () => {
  test = await startApp((config) => {
    config.registrations.email_required = false;
  });
  await test.listen();
  person = await newGuarded(test, await registerClient(test));
});
afterAll(() => test.close());

const change = (fields: object) =>
  act(test, person, 'change_email', { email: newAddress(), password: PASSWORD, ...fields });
const addressNow = async () => (await rowOf(test, person.id))['email'];

describe('POST /api/pleroma/change_email with a second factor on, without mail (contract.md §5.7)', () => {
  it('needs the code at once, because no link can ask for it', async () => {
    for (const fields of [{}, { code: '' }, { email: '' }]) {
      expect(await change(fields)).toStrictEqual(refused('Two-factor code required.'));
    }
    expect(await change({ code: person.app.wrongCode })).toStrictEqual(refused('Invalid code.'));
    const code = person.app.code();
    expect(await change({ password: 'wrong', code })).toStrictEqual(refused('Invalid password.'));
    expect(await addressNow()).toBe(person.email);
    const email = newAddress();
    expect(await change({ email, code })).toStrictEqual(DONE);
    expect(await addressNow()).toBe(email);
    expect(await change({ email: '', code: person.app.code(1) })).toStrictEqual(DONE);
    expect(await addressNow()).toBeNull();
  });

  it('needs none once the factor is off', async () => {
    await disableTotp(test, person);
    expect(await change({})).toStrictEqual(DONE);
  });
});
