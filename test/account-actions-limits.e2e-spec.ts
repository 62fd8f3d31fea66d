import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ACTIONS,
  act,
  changePassword,
  DONE,
  fieldsOf,
  newAddress,
  newPerson,
  type Person,
  PREFIXES,
  refused,
  rowOf,
} from './support/account.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import { oauthQuery, outcomeOf, PASSWORD, postLogin, registerClient, type TestClient } from './support/flows.js';

/** One trusted hop, so that a test can be at many addresses; limits as they are by default. */
const limited: Adjust = (config) => {
  config.limits.enabled = true;
  config.trustProxy = 1;
};

let test: TestApp;
let strict: TestApp;
let client: TestClient;
let alice: Person;
beforeAll(async () => {
  test = await startApp();
  strict = await startApp(limited, test.database);
  await Promise.all([test.listen(), strict.listen()]);
  client = await registerClient(test);
  alice = await newPerson(test, client, { name: 'alice' });
});
afterAll(async () => {
  await strict.close();
  await test.close();
});

describe('the password budget (contract.md §1.1, security.md R79)', () => {
  const THROTTLED = { status: 429, body: { error: 'Throttled' } };
  let hops = 0;
  beforeEach(() => test.dataSource.query('truncate attempt_budget'));

  const elsewhere = () => `198.51.100.${++hops % 250}`;
  const post = (person: Person, action: string, password: string, prefix: string = PREFIXES[0]) =>
    strict.http
      .post(`${prefix}/${action}`)
      .auth(person.token, { type: 'bearer' })
      .set('X-Forwarded-For', elsewhere())
      .send({ ...fieldsOf(action), password });
  const login = async (identifier: string, password: string) => {
    const answer = await postLogin(strict, oauthQuery(client, { scope: 'read' }), { identifier, password }).set(
      'X-Forwarded-For',
      elsewhere(),
    );
    return answer.status === 302
      ? (answer.headers['location'] ?? '').includes('error=')
        ? 'refused'
        : 'signed in'
      : answer.status;
  };

  it('is one for all four routes, both prefixes and the login', async () => {
    const person = await newPerson(test, client);
    for (let n = 0; n < 10; n++) {
      const answer = await outcomeOf(post(person, ACTIONS[n % 4]!, 'wrong', PREFIXES[n % 2]));
      expect(answer, String(n)).toEqual(refused('Invalid password.'));
    }
    for (const action of ACTIONS) {
      const answer = await post(person, action, PASSWORD);
      expect({ status: answer.status, body: answer.body }).toEqual(THROTTLED);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(await login(person.name, PASSWORD)).toBe(429);
    expect(await login('alice', PASSWORD)).toBe('signed in');
  });

  it('is spent by the login as well: by the name outright, by the address without a word', async () => {
    const person = await newPerson(test, client);
    for (let n = 0; n < 10; n++) expect(await login(person.name, 'wrong')).toBe('refused');
    expect(await outcomeOf(post(person, 'delete_account', PASSWORD))).toEqual(THROTTLED);
    await test.dataSource.query('truncate attempt_budget');
    for (let n = 0; n < 10; n++) expect(await login(person.email, 'wrong')).toBe('refused');
    expect(await outcomeOf(post(person, 'delete_account', PASSWORD))).toEqual(refused('Invalid password.'));
    expect((await rowOf(test, person.id))['deletion_due_at']).toBeNull();
  });

  it('is filled again by a right password', async () => {
    const person = await newPerson(test, client);
    for (let n = 0; n < 9; n++) await post(person, 'change_password', 'wrong');
    expect(await outcomeOf(post(person, 'change_email', PASSWORD))).toEqual(DONE);
    for (let n = 0; n < 9; n++) expect(await login(person.name, 'wrong')).toBe('refused');
    expect(await outcomeOf(post(person, 'disable_account', PASSWORD))).toEqual(DONE);
  });

  it('refuses the address that tries many accounts', async () => {
    const ip = '203.0.113.7';
    const victims = [alice, await newPerson(test, client), await newPerson(test, client)];
    for (let n = 0; n < 25; n++) await post(victims[n % 3]!, 'delete_account', 'wrong').set('X-Forwarded-For', ip);
    const answer = await outcomeOf(post(victims[1]!, 'delete_account', PASSWORD).set('X-Forwarded-For', ip));
    expect(answer).toEqual(THROTTLED);
  });

  it('counts no request that was refused before the password was looked at', async () => {
    const person = await newPerson(test, client);
    await act(strict, person, 'change_password', { password: 'wrong' });
    await act(strict, { token: 'A'.repeat(43) }, 'delete_account', { password: 'wrong' });
    const rows = await test.dataSource.query(`select key from attempt_budget where key like 'password%'`);
    expect(rows).toEqual([]);
  });
});

describe('a new address', () => {
  it('may be asked for ten times a day, by an account, whatever came of it (contract.md §1.1)', async () => {
    await test.dataSource.query('truncate attempt_budget');
    const person = await newPerson(test, client);
    const ask = (password = PASSWORD) => act(strict, person, 'change_email', { email: newAddress(), password });
    for (let n = 0; n < 9; n++) expect(await ask()).toEqual(DONE);
    expect(await ask('wrong')).toEqual(refused('Invalid password.'));
    const before = await rowOf(test, person.id);
    expect(await ask()).toEqual({ status: 429, body: { error: 'Throttled' } });
    expect(await rowOf(test, person.id)).toEqual(before);
    expect(await act(strict, person, 'change_password', changePassword('a new horse'))).toEqual(DONE);
    await test.dataSource.query(`update attempt_budget set expire = 1 where key like 'address_changes:%'`);
    const email = newAddress();
    expect(await act(strict, person, 'change_email', { email, password: 'a new horse' })).toEqual(DONE);
    expect((await rowOf(test, person.id))['email']).toBe(email);
  });
});
