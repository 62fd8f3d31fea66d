import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { clientToken, countRows, createUser, PASSWORD, registerClient } from './support/flows.js';

let test: TestApp;
let token: string;
let names = 0;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  token = await clientToken(test, await registerClient(test, { scopes: 'write' }));
});
afterAll(() => test.close());

/** A registration that nothing is wrong with; undefined fields are left out. */
function valid(more: Record<string, unknown> = {}): Record<string, unknown> {
  const username = `person_${++names}`;
  const all = { username, email: `${username}@example.org`, password: PASSWORD, agreement: true, ...more };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const post = (fields: Record<string, unknown>) =>
  test.http.post('/api/v1/accounts').auth(token, { type: 'bearer' }).send(fields);

describe('POST /api/v1/accounts: refusals', () => {
  let before: Record<string, number>;
  beforeAll(async () => {
    await createUser(test, 'alice');
    before = await countRows(test);
  });

  it.each<[string, Record<string, unknown>, string, string]>([
    ['no name', { username: undefined }, 'username', 'ERR_BLANK'],
    ['a blank name', { username: '  ' }, 'username', 'ERR_BLANK'],
    ['a name of 2', { username: 'ab' }, 'username', 'ERR_TOO_SHORT'],
    ['a name of 31', { username: 'a'.repeat(31) }, 'username', 'ERR_TOO_LONG'],
    ['a name with a dash', { username: 'a-b-c' }, 'username', 'ERR_INVALID'],
    ['a name with a space', { username: 'a b c' }, 'username', 'ERR_INVALID'],
    ['a name in another script', { username: 'алиса' }, 'username', 'ERR_INVALID'],
    ['a name with a Kelvin sign', { username: '\u212Aelvin' }, 'username', 'ERR_INVALID'],
    ['a full-width name', { username: 'ａｄｍｉｎ' }, 'username', 'ERR_INVALID'],
    ['markup as name', { username: '<b>bob</b>' }, 'username', 'ERR_INVALID'],
    ['a reserved name', { username: 'admin' }, 'username', 'ERR_RESERVED'],
    ['a reserved name in capitals', { username: 'OAuth' }, 'username', 'ERR_RESERVED'],
    ['a taken name', { username: 'Alice' }, 'username', 'ERR_TAKEN'],
    ['no address', { email: undefined }, 'email', 'ERR_BLANK'],
    ['an empty address', { email: '' }, 'email', 'ERR_BLANK'],
    ['no address at all', { email: 'alice' }, 'email', 'ERR_INVALID'],
    ['a quoted address', { email: '"a@evil x"@example.org' }, 'email', 'ERR_INVALID'],
    ['two @', { email: 'a@b@example.org' }, 'email', 'ERR_INVALID'],
    ['a full-width @', { email: 'a＠example.org' }, 'email', 'ERR_INVALID'],
    ['a comment', { email: 'a(b)@example.org' }, 'email', 'ERR_INVALID'],
    ['a group', { email: 'a:b@example.org;' }, 'email', 'ERR_INVALID'],
    ['a long address', { email: `${'a'.repeat(10_000)}@example.org` }, 'email', 'ERR_INVALID'],
    ['a taken address', { email: 'ALICE@example.org' }, 'email', 'ERR_TAKEN'],
    ['no password', { password: undefined }, 'password', 'ERR_BLANK'],
    ['a short password', { password: '7letter' }, 'password', 'ERR_TOO_SHORT'],
    ['a long password', { password: 'x'.repeat(1025) }, 'password', 'ERR_TOO_LONG'],
    ['the name as password', { username: 'somebody_new', password: 'Somebody_New' }, 'password', 'ERR_INVALID'],
    ['the address as password', { email: 'some@example.org', password: 'some@example.org' }, 'password', 'ERR_INVALID'],
    ['the instance as password', { password: 'gatehouse' }, 'password', 'ERR_INVALID'],
    ['no agreement', { agreement: undefined }, 'agreement', 'ERR_ACCEPTED'],
    ['a false agreement', { agreement: '0' }, 'agreement', 'ERR_ACCEPTED'],
    ['a long reason', { reason: 'x'.repeat(501) }, 'reason', 'ERR_TOO_LONG'],
    ['a long display name', { display_name: 'x'.repeat(101) }, 'display_name', 'ERR_TOO_LONG'],
    ['a long bio', { bio: 'x'.repeat(5001) }, 'bio', 'ERR_TOO_LONG'],
  ])('answers 422 to %s', async (_, more, field, error) => {
    const answer = await post(valid(more));
    expect(answer.status).toBe(422);
    expect(answer.body.details).toEqual({ [field]: [{ error, description: expect.any(String) }] });
    expect(answer.body.error).toMatch(/^Validation failed: [A-Z]/);
    expect(Object.keys(answer.body)).toEqual(['error', 'details']);
  });

  it('names everything that is wrong at once', async () => {
    const answer = await post({});
    expect(answer.status).toBe(422);
    expect(Object.keys(answer.body.details).sort()).toEqual(['agreement', 'email', 'password', 'username']);
    expect(answer.body.error).toBe(
      "Validation failed: Username can't be blank, Password can't be blank, Agreement must be accepted, Email can't be blank",
    );
  });

  it.each([
    ['username', ['bob']],
    ['username', { a: 1 }],
    ['email', null],
    ['password', 12345678],
    ['password', true],
    ['reason', null],
    ['bio', ['x']],
  ])('answers 400 when %s is %j', async (field, value) => {
    const answer = await post(valid({ [field]: value }));
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      error: `${field} - Invalid string.`,
      errors: [{ title: 'Invalid value', source: { pointer: `/${field}` }, message: `${field} - Invalid string` }],
    });
  });

  it.each(['maybe', 2, null, [true]])('answers 400 when the agreement is %j', async (agreement) => {
    const answer = await post(valid({ agreement }));
    expect(answer.status).toBe(400);
    expect(answer.body.error).toBe('agreement - Invalid value.');
  });

  it.each([
    ['username', 'bob\u0001by'],
    ['username', 'bob\r\nby'],
    ['email', 'bob@example.org\u0000x'],
    ['email', 'bob@exa\nmple.org'],
  ])('answers 400 to a control character in %s', async (field, value) => {
    expect((await post(valid({ [field]: value }))).status).toBe(400);
  });

  it('leaves nothing behind after all of these', async () => {
    expect(await countRows(test)).toEqual(before);
  });

  it.each(['password123', 'qwertyuiop', '1234567890', 'iloveyou'])(
    'refuses %s, one of the commonest passwords',
    async (password) => {
      const answer = await post(valid({ password }));
      expect(answer.status).toBe(422);
      expect(answer.body.details).toHaveProperty('password');
    },
  );
});
