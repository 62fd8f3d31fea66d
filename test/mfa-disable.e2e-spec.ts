import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, rowsOf, signInOutcome } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { FORM } from './support/bodies.js';
import { ask, BODY_FORMS, outcomeOf, PASSWORD, registerClient, sendAs, type TestClient } from './support/flows.js';
import {
  callMfa,
  confirmTotp,
  factorLetters,
  type Guarded,
  makeCodes,
  MFA,
  MFA_PREFIXES,
  newGuarded,
  setUpTotp,
  signInWith,
} from './support/mfa.js';
import { begin, Roadblock } from './support/roadblock.js';

let test: TestApp;
let client: TestClient;
let person: Guarded;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newGuarded(test, client);
});

const DONE = { status: 200, body: {} };
const refused = (error: string) => ({ status: 422, body: { error } });
const isOn = async () => (await callMfa(test, person, 'get', '')).body.settings.enabled;
const givePasskey = () =>
  test.dataSource.query(
    `insert into passkey (id, user_id, credential_id, public_key, name)
     values (gen_random_uuid(), $1, gen_random_uuid(), '', 'a key')`,
    [person.id],
  );

/** Both routes: the app alone, and every factor. */
const PATHS = ['/totp', ''];

describe.each(PATHS)('DELETE /api/pleroma/accounts/mfa%s', (path) => {
  const remove = (fields?: object) => outcomeOf(callMfa(test, person, 'delete', path).send(fields));

  it.each(MFA_PREFIXES.flatMap((prefix) => BODY_FORMS.map((form) => [prefix, form] as const)))(
    'under %s, with a %s body, turns the app off',
    async (prefix, form) => {
      const request = callMfa(test, person, 'delete', path, prefix);
      const answer = await sendAs(request, form, { password: PASSWORD });
      expect({ status: answer.status, body: answer.body, text: answer.text }).toStrictEqual({ ...DONE, text: '{}' });
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      });
      expect(await isOn()).toBe(false);
      expect(await signInOutcome(test, client, person.name)).toBe('signed in');
    },
  );

  it('takes the active secret, one that waits, and all backup codes; mail and journal tell of it', async () => {
    await makeCodes(test, person);
    const waiting = await setUpTotp(test, person);
    await newEvents(test, person.id);
    expect(await remove({ password: PASSWORD })).toStrictEqual(DONE);
    for (const table of ['totp_credential', 'backup_code']) expect(await rowsOf(test, table, person.id)).toBe(0);
    expect(await newEvents(test, person.id)).toEqual(['mfa.disabled']);
    expect((await factorLetters(test, person)).at(-1)).toMatchObject({
      template: 'factor_removed',
      recipient: person.email,
    });
    const late = confirmTotp(test, person, { password: PASSWORD, code: waiting.code() });
    expect(await outcomeOf(late)).toStrictEqual(refused('Start the setup first.'));
  });

  it('answers 200 {} where nothing is on, tells nobody, and takes a setup that waits', async () => {
    expect(await remove({ password: PASSWORD })).toStrictEqual(DONE);
    const letters = await factorLetters(test, person);
    await setUpTotp(test, person);
    await newEvents(test, person.id);
    expect(await remove({ password: PASSWORD })).toStrictEqual(DONE);
    expect(await rowsOf(test, 'totp_credential', person.id)).toBe(0);
    expect(await newEvents(test, person.id)).toEqual([]);
    expect(await factorLetters(test, person)).toEqual(letters);
    expect(await remove({ password: 'wrong' })).toStrictEqual(refused('Invalid password.'));
  });

  it.each([
    [{ password: 'wrong' }, 'Invalid password.'],
    [{ password: '' }, 'Invalid password.'],
    [{}, 'Invalid password.'],
    [undefined, 'Invalid password.'],
    [{ password: ` ${PASSWORD}` }, 'Invalid password.'],
    [{ password: ['a'] }, 'password - Invalid string.'],
    [{ password: null }, 'password - Invalid string.'],
    [{ password: 1 }, 'password - Invalid string.'],
    [{ password: true }, 'password - Invalid string.'],
  ])('refuses %j: still on', async (fields, error) => {
    const answer = await callMfa(test, person, 'delete', path).send(fields);
    expect({ status: answer.status, body: answer.body }).toStrictEqual(refused(error));
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(await isOn()).toBe(true);
    expect(await signInWith(test, client, person.name, { code: person.app.code() })).toBe('signed in');
  });

  it('sees no password in the query, and no code instead of one (security.md R77)', async () => {
    const inQuery = callMfa(test, person, 'delete', path).query({ password: PASSWORD });
    expect(await outcomeOf(inQuery)).toStrictEqual(refused('Invalid password.'));
    const wrongInBody = callMfa(test, person, 'delete', path).query({ password: PASSWORD });
    expect(await outcomeOf(wrongInBody.send({ password: 'wrong' }))).toStrictEqual(refused('Invalid password.'));
    expect(await remove({ code: person.app.code() })).toStrictEqual(refused('Invalid password.'));
    expect(await isOn()).toBe(true);
    const rightInBody = callMfa(test, person, 'delete', path).query({ password: 'wrong' });
    expect(await outcomeOf(rightInBody.send({ password: PASSWORD }))).toStrictEqual(DONE);
  });

  it('answers a malformed body with 422 and one sentence', async () => {
    const headers = { Authorization: `Bearer ${person.token}`, 'Content-Type': FORM };
    const twice = await ask(test, 'DELETE', `${MFA}${path}`, headers, 'password=a&password=b');
    expect({ status: twice.status, body: JSON.parse(twice.text) }).toStrictEqual(
      refused('A parameter is given more than once'),
    );
    const json = { ...headers, 'Content-Type': 'application/json' };
    const broken = await ask(test, 'DELETE', `${MFA}${path}`, json, '{');
    expect({ status: broken.status, body: JSON.parse(broken.text) }).toStrictEqual(refused('Malformed request body'));
    expect(await isOn()).toBe(true);
  });

  it('counts for nothing when the password was changed while it was under way', async () => {
    const change = 'update "user" set credential_epoch = credential_epoch + 1 where id = $1';
    const block = await Roadblock.put(test, change, [person.id]);
    const late = begin(remove({ password: PASSWORD }));
    await block.queue(1);
    await block.settle();
    expect(await late).toStrictEqual(refused('Invalid password.'));
    expect(await isOn()).toBe(true);
  });
});

describe('with a passkey beside the app', () => {
  beforeEach(givePasskey);

  it('DELETE …/mfa/totp leaves the passkey on', async () => {
    expect(await outcomeOf(callMfa(test, person, 'delete', '/totp').send({ password: PASSWORD }))).toStrictEqual(DONE);
    expect(await outcomeOf(callMfa(test, person, 'get', ''))).toStrictEqual({
      status: 200,
      body: { settings: { enabled: true, totp: false } },
    });
    expect(await rowsOf(test, 'passkey', person.id)).toBe(1);
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('DELETE …/mfa takes both', async () => {
    await newEvents(test, person.id);
    expect(await outcomeOf(callMfa(test, person, 'delete', '').send({ password: PASSWORD }))).toStrictEqual(DONE);
    expect(await rowsOf(test, 'passkey', person.id)).toBe(0);
    expect(await isOn()).toBe(false);
    expect(await newEvents(test, person.id)).toEqual(['mfa.disabled']);
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
  });
});
