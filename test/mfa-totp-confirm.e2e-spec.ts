import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { asForm, asMultipart, FORM, MULTIPART } from './support/bodies.js';
import { ask, BODY_FORMS, outcomeOf, PASSWORD, registerClient, sendAs, type TestClient } from './support/flows.js';
import {
  type Authenticator,
  callMfa,
  confirmTotp,
  factorLetterKinds,
  MFA,
  MFA_PREFIXES,
  setUpTotp,
  signInWith,
  stopAtFactor,
} from './support/mfa.js';

let test: TestApp;
let client: TestClient;
let person: Person;
let app: Authenticator;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
  app = await setUpTotp(test, person);
});

const DONE = { status: 200, body: {} };
const refused = (error: string) => ({ status: 422, body: { error } });
const isOn = async () => (await callMfa(test, person, 'get', '')).body.settings.totp;

describe('POST /api/pleroma/accounts/mfa/confirm/totp', () => {
  it.each(MFA_PREFIXES.flatMap((prefix) => BODY_FORMS.map((form) => [prefix, form] as const)))(
    'under %s, with a %s body, turns the app on',
    async (prefix, form) => {
      const request = callMfa(test, person, 'post', '/confirm/totp', prefix);
      const answer = await sendAs(request, form, { password: PASSWORD, code: app.code() });
      expect({ status: answer.status, body: answer.body, text: answer.text }).toStrictEqual({ ...DONE, text: '{}' });
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      });
      expect(await isOn()).toBe(true);
      expect((await stopAtFactor(test, client, person.name)).token).toMatch(/^[\w-]{43}$/);
    },
  );

  it('tells the owner by mail and the journal, once', async () => {
    await newEvents(test, person.id);
    const answer = confirmTotp(test, person, { password: PASSWORD, code: app.code() }).set('User-Agent', 'Phone/1');
    expect(await outcomeOf(answer)).toStrictEqual(DONE);
    const [event, ...others] = await test.dataSource.query(
      `select type, host(ip::inet) as ip, user_agent, request_id from audit_event where user_id = $1 and type like 'mfa%'`,
      [person.id],
    );
    expect(event).toEqual({
      type: 'mfa.enabled',
      ip: '127.0.0.1',
      user_agent: 'Phone/1',
      request_id: (await answer).headers['x-request-id'],
    });
    expect(others).toEqual([]);
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added']);
  });

  it('checks the password first: neither half is enough (security.md R71)', async () => {
    const cases: [object, string][] = [
      [{ password: 'wrong', code: app.code() }, 'Invalid password.'],
      [{ password: 'wrong', code: app.wrongCode }, 'Invalid password.'],
      [{ password: '', code: app.code() }, 'Invalid password.'],
      [{ password: 'x'.repeat(2000), code: app.code() }, 'Invalid password.'],
      [{ password: PASSWORD, code: app.wrongCode }, 'invalid_token'],
    ];
    for (const [fields, error] of cases) {
      const answer = await confirmTotp(test, person, fields);
      expect({ status: answer.status, body: answer.body }).toStrictEqual(refused(error));
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(await isOn()).toBe(false);
    }
    expect(await factorLetterKinds(test, person)).toEqual([]);
    // What was refused spent nothing.
    expect(await outcomeOf(confirmTotp(test, person, { password: PASSWORD, code: app.code() }))).toStrictEqual(DONE);
  });

  it('says so when nothing was begun', async () => {
    const other = await newPerson(test, client);
    for (const code of ['123456', '', 'x', 123456, ['123456']]) {
      expect(await outcomeOf(confirmTotp(test, other, { password: PASSWORD, code }))).toStrictEqual(
        refused('Start the setup first.'),
      );
    }
  });

  it.each<[string, (code: string) => unknown]>([
    ['nothing', () => ''],
    ['five digits', (code) => code.slice(1)],
    ['seven', (code) => `0${code}`],
    ['thirteen', (code) => `${code}0${code}`],
    ['a space before', (code) => ` ${code}`],
    ['a space behind', (code) => `${code} `],
    ['a space within', (code) => `${code.slice(0, 3)} ${code.slice(3)}`],
    ['a hyphen within', (code) => `${code.slice(0, 3)}-${code.slice(3)}`],
    ['a line break behind', (code) => `${code}\n`],
    ['fullwidth digits', (code) => code.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))],
    ['Arabic digits', (code) => code.replace(/\d/g, (digit) => String.fromCharCode(0x660 + Number(digit)))],
    ['a number', (code) => Number(code)],
    ['an array', (code) => [code]],
    ['an object', (code) => ({ code })],
    ['null', () => null],
    ['true', () => true],
    ['letters', () => 'abcdef'],
    ['a sign', (code) => `+${code.slice(1)}`],
    ['an exponent', () => '1e5000'],
  ])('refuses what is not exactly six ASCII digits: %s', async (_, distorted) => {
    expect(
      await outcomeOf(confirmTotp(test, person, { password: PASSWORD, code: distorted(app.code()) })),
    ).toStrictEqual(refused('invalid_token'));
    expect(await isOn()).toBe(false);
  });

  it.each([
    [{ password: PASSWORD }, 'Missing field: code.'],
    [{ code: '123456' }, 'Missing field: password.'],
    [{ password: ['a'], code: '123456' }, 'password - Invalid string.'],
    [{ password: null, code: '123456' }, 'password - Invalid string.'],
    [{ password: 12345678, code: '123456' }, 'password - Invalid string.'],
    [{ password: { a: 1 }, code: '123456' }, 'password - Invalid string.'],
    [{}, 'Missing field: password.'],
  ])('answers malformed fields with 422 and one sentence: %j', async (fields, error) => {
    expect(await outcomeOf(confirmTotp(test, person, fields))).toStrictEqual(refused(error));
  });

  it('answers a malformed body with 422 and one sentence', async () => {
    const auth = { Authorization: `Bearer ${person.token}` };
    const send = async (type: string, body: string | Buffer) => {
      const { status, text, headers } = await ask(
        test,
        'POST',
        `${MFA}/confirm/totp`,
        { ...auth, 'Content-Type': type },
        body,
      );
      expect(headers['cache-control']).toBe('no-store');
      return { status, body: JSON.parse(text) };
    };
    const twice = refused('A parameter is given more than once');
    const broken = refused('Malformed request body');
    const fields = { password: PASSWORD, code: app.code() };
    expect(await send('application/json', '{"password":')).toStrictEqual(broken);
    expect(await send('application/json', '["a"]')).toStrictEqual(broken);
    expect(await send('multipart/form-data', 'x')).toStrictEqual(broken);
    expect(await send(FORM, `${asForm(fields)}&code=1`)).toStrictEqual(twice);
    expect(await send(FORM, `${asForm({ ...fields, password: 'a' })}&password=b`)).toStrictEqual(twice);
    const nul = refused('A parameter has characters that are not allowed');
    expect(await send('application/json', JSON.stringify({ ...fields, code: '12\u00003456' }))).toStrictEqual(nul);
    // What is no refusal of the fields keeps its status.
    expect(await send('text/plain', 'password=a')).toMatchObject({ status: 415 });
    expect(await send('application/json', ' '.repeat(70_000))).toMatchObject({ status: 413 });
    expect(await isOn()).toBe(false);
    expect(await send(MULTIPART, asMultipart(fields))).toStrictEqual(DONE);
  });

  it('reads nothing from the query', async () => {
    const fields = { password: PASSWORD, code: app.code() };
    const inQuery = callMfa(test, person, 'post', '/confirm/totp').query(fields);
    expect(await outcomeOf(inQuery)).toStrictEqual(refused('Missing field: password.'));
    const half = callMfa(test, person, 'post', '/confirm/totp').query({ code: fields.code });
    expect(await outcomeOf(half.send({ password: PASSWORD }))).toStrictEqual(refused('Missing field: code.'));
    const wrong = callMfa(test, person, 'post', '/confirm/totp').query(fields);
    expect(await outcomeOf(wrong.send({ ...fields, password: 'wrong' }))).toStrictEqual(refused('Invalid password.'));
    expect(await isOn()).toBe(false);
  });

  it('opens nothing to a sign-in that waits, whose token is no bearer token (security.md R75)', async () => {
    expect(await outcomeOf(confirmTotp(test, person, { password: PASSWORD, code: app.code() }))).toStrictEqual(DONE);
    const { token } = await stopAtFactor(test, client, person.name);
    for (const [method, path] of [
      ['get', ''],
      ['get', '/setup/totp'],
      ['get', '/backup_codes'],
      ['post', '/confirm/totp'],
      ['delete', '/totp'],
    ] as const) {
      const answer = callMfa(test, { token }, method, path).send(method === 'get' ? undefined : { password: PASSWORD });
      expect(await outcomeOf(answer)).toEqual({ status: 401, body: { error: 'The access token is invalid' } });
    }
  });

  it('spends the step of the code: it does not sign in as well (security.md R72)', async () => {
    const code = app.code();
    expect(await outcomeOf(confirmTotp(test, person, { password: PASSWORD, code }))).toStrictEqual(DONE);
    expect(await signInWith(test, client, person.name, { code })).toBe('Invalid code');
    expect(await signInWith(test, client, person.name, { code: app.code(1) })).toBe('signed in');
  });
});
