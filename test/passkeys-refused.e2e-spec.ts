import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { type Fault, SoftwareAuthenticator } from './support/authenticator.js';
import { outcomeOf, registerClient, type TestClient } from './support/flows.js';
import { FAULTS, GARBLED, longAgo, prolonged } from './support/passkey-faults.js';
import { callPasskeys, eventsOf, makePasskey, signInOptions } from './support/passkeys.js';

const UNPROVED = { status: 422, body: { error: 'The passkey could not be verified' } };

let test: TestApp;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
});

/** Registers what was made, and answers status and body. */
const register = (response: unknown, who = person) => outcomeOf(callPasskeys(test, who, 'post').send({ response }));

describe('a registration', () => {
  /** What it is answered with, which passkeys the person has then, and what the journal tells. */
  const outcome = async (response: unknown) => ({
    answer: await register(response),
    passkeys: (await callPasskeys(test, person, 'get')).body,
    events: await eventsOf(test, person.id, 'passkey.'),
  });
  const REFUSED = { answer: UNPROVED, passkeys: [], events: ['passkey.refused'] };

  it.each([...FAULTS, ['the type of a sign-in', { type: 'webauthn.get' }] as [string, Fault]])(
    'with %s is refused, and in the journal',
    async (_, fault) => {
      expect(await outcome(await makePasskey(test, person, undefined, fault))).toEqual(REFUSED);
    },
  );

  it.each(GARBLED)('that is %j is refused', async (text) => {
    expect(await outcome(text)).toEqual(REFUSED);
  });

  it.each([
    ['a key in place of the attestation', { attestationObject: 'AAAA' }],
    ['an attestation that is a number', { attestationObject: 5 }],
    ['client data that is no JSON', { clientDataJSON: 'AAAA' }],
    ['client data that is null', { clientDataJSON: Buffer.from('null').toString('base64url') }],
  ])('with %s is refused', async (_, more) => {
    const made = await makePasskey(test, person);
    expect(await outcome({ ...made, response: { ...made.response, ...more } })).toEqual(REFUSED);
  });

  it('keeps of the ways to reach it only what is a word', async () => {
    const transports = ['usb', ['nfc'], null, 5, { length: 1 }, 'x'.repeat(30), 'SHOUT', 'ble'];
    const made = await makePasskey(test, person, undefined, { transports });
    expect(await register(made)).toMatchObject({ status: 200, body: { transports: ['usb', 'ble'] } });
    const other = await makePasskey(test, person, undefined, { transports: 'usb' });
    expect(await register(other)).toMatchObject({ status: 200, body: { transports: [] } });
  });

  it('answers each challenge once, also when two answer it at once', async () => {
    const { body: options } = await callPasskeys(test, person, 'post', '/options');
    const answers = [1, 2, 3].map(() => new SoftwareAuthenticator().create(options));
    const outcomes = await Promise.all(answers.slice(0, 2).map((answer) => register(answer)));
    outcomes.push(await register(answers[2]));
    expect(outcomes.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(outcomes.filter(({ status }) => status !== 200)).toEqual([UNPROVED, UNPROVED]);
  });

  it('does not answer the challenge of somebody else, of a sign-in, one that has ended, or whose end was put off', async () => {
    const other = await newPerson(test, client);
    expect(await register(await makePasskey(test, other))).toEqual(UNPROVED);
    const { challenge } = await signInOptions(test);
    expect(await register(await makePasskey(test, person, undefined, { challenge }))).toEqual(UNPROVED);
    const late = await longAgo(301, () => makePasskey(test, person));
    expect(await register(late)).toEqual(UNPROVED);
    const { body: options } = await callPasskeys(test, person, 'post', '/options');
    const put = { ...options, challenge: prolonged(options.challenge) };
    expect(await register(new SoftwareAuthenticator().create(put))).toEqual(UNPROVED);
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual(Array.from({ length: 4 }, () => 'passkey.refused'));
    expect(await eventsOf(test, other.id, 'passkey.')).toEqual([]);
    const slow = await longAgo(290, () => makePasskey(test, person));
    expect(await register(slow)).toMatchObject({ status: 200 });
  });
});
