import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  act,
  DONE,
  linksOf,
  newAddress,
  newEvents,
  newPerson,
  type Person,
  refused,
  rowOf,
  rowsOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import { posted } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { PASSWORD, registerClient, statusOf, type TestClient } from './support/flows.js';

const TAKEN = refused('Email has already been taken.');

let test: TestApp;
let client: TestClient;
let bob: Person;
beforeAll(async () => {
  test = await startApp((config) => {
    config.registrations.email_required = false;
    config.accounts.blocked_email_domains = ['blocked.example'];
  });
  await test.listen();
  client = await registerClient(test);
  bob = await newPerson(test, client, { name: 'bob' });
});
afterAll(() => test.close());

const change = (person: Person, email: string, password = PASSWORD) =>
  act(test, person, 'change_email', { email, password });
/** The kinds of mails that were written to somebody, and to which address. */
const written = async ({ id }: Person) => {
  await posted(test);
  const rows = await test.dataSource.query(
    `select template, recipient from mail_outbox where user_id = $1 and template like 'address%' order by created_at`,
    [id],
  );
  return rows.map(({ template, recipient }: Record<string, string>) => [template, recipient]);
};

describe('POST /api/pleroma/change_email, without a mail transport (contract.md §5.7)', () => {
  it('changes the address at once, unverified, and revokes nothing', async () => {
    const person = await newPerson(test, client);
    const held = await takeFootholds(test, client, person.name);
    const email = newAddress();
    await newEvents(test, person.id);
    expect(await change(person, ` ${email.toUpperCase()} `)).toStrictEqual(DONE);
    expect(await rowOf(test, person.id)).toMatchObject({ email, email_verified_at: null });
    expect(await newEvents(test, person.id)).toEqual(['email.change_requested', 'email.changed']);
    expect(await signInOutcome(test, client, email)).toBe('signed in');
    expect(await signInOutcome(test, client, person.email)).toBe('Invalid identifier or password');
    for (const token of [person.token, held.other.access_token]) expect(await statusOf(test, token)).toBe(200);
    expect(await rowsOf(test, 'pending_sign_in', person.id)).toBe(0);
  });

  it('writes a mail with the way back to the old address, for the operator to pass on', async () => {
    const person = await newPerson(test, client);
    await change(person, newAddress());
    expect(await written(person)).toEqual([['address_changed', person.email]]);
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'undo_address', address: person.email }]);
  });

  it('says the sentences of the contract in their order, and changes nothing then', async () => {
    const person = await newPerson(test, client);
    const before = await rowOf(test, person.id);
    expect(await change(person, bob.email, 'wrong')).toStrictEqual(refused('Invalid password.'));
    expect(await change(person, 'nonsense')).toStrictEqual(refused('Email has invalid format.'));
    expect(await change(person, bob.email)).toStrictEqual(TAKEN);
    expect(await change(person, bob.email.toUpperCase())).toStrictEqual(TAKEN);
    expect(await change(person, 'a@blocked.example')).toStrictEqual(refused('Email domain is not allowed.'));
    expect(await rowOf(test, person.id)).toEqual(before);
    expect(await written(person)).toEqual([]);
    expect(await newEvents(test, person.id)).not.toContain('email.change_requested');
  });

  it('gives an address to one of two who ask for it at once', async () => {
    const people = [await newPerson(test, client), await newPerson(test, client)];
    const email = newAddress();
    const answers = await Promise.all(people.map((person) => change(person, email)));
    expect(answers.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))).toStrictEqual([TAKEN, DONE]);
    const emails = await Promise.all(people.map(async ({ id }) => (await rowOf(test, id))['email']));
    expect(emails.filter((taken) => taken === email)).toHaveLength(1);
  });

  it('removes the address where none is needed; the old one can take that back', async () => {
    const person = await newPerson(test, client);
    expect(await change(person, ' ')).toStrictEqual(DONE);
    expect(await rowOf(test, person.id)).toMatchObject({ email: null, email_verified_at: null });
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'undo_address', address: person.email }]);
    expect(await written(person)).toEqual([['address_changed', person.email]]);
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
    // Nobody can be told of what has no address before.
    expect(await change(person, '')).toStrictEqual(DONE);
    expect(await written(person)).toHaveLength(1);
  });

  it.each([
    ['required', { email_required: true }],
    ['confirmed', { confirm_email: true }],
  ])('does not remove an address where one is %s', async (_, registrations) => {
    const strict = await startApp((config) => {
      config.registrations.email_required = false;
      Object.assign(config.registrations, registrations);
    }, test.database);
    expect(await act(strict, bob, 'change_email', { email: '', password: PASSWORD })).toStrictEqual(
      refused("Email can't be blank."),
    );
    expect((await rowOf(test, bob.id))['email']).toBe(bob.email);
    await strict.close();
  });
});
