import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import type { SoftwareAuthenticator } from './support/authenticator.js';
import { registerClient, type TestClient } from './support/flows.js';
import { meaningOf, showFactor, stopAtFactor } from './support/mfa.js';
import { FAULTS, FORGED, GARBLED } from './support/passkey-faults.js';
import { addPasskey, asFactor, eventsOf, factorOptions, signInOptions } from './support/passkeys.js';

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

describe('a passkey as the second factor', () => {
  let device: SoftwareAuthenticator;
  beforeEach(async () => {
    ({ device } = await addPasskey(test, person));
  });

  /** What showing it leads to, and what that leaves in the journal. */
  async function outcome(answer: (options: Parameters<SoftwareAuthenticator['get']>[0]) => unknown) {
    const stopped = await stopAtFactor(test, client, person.name);
    const shown = showFactor(test, stopped, asFactor(answer(await factorOptions(test, stopped))));
    return { meaning: meaningOf(await shown), events: await eventsOf(test, person.id, 'mfa.') };
  }
  const REFUSED = { meaning: 'Invalid code', events: ['mfa.failed'] };

  it.each([...FAULTS, ...FORGED])('with %s is refused, and in the journal', async (_, fault) => {
    expect(await outcome((options) => device.get(options, fault))).toEqual(REFUSED);
  });

  it.each(GARBLED)('that is %j is refused', async (text) => {
    expect(await outcome(() => text)).toEqual(REFUSED);
  });

  it('of somebody else is refused', async () => {
    const { device: theirs } = await addPasskey(test, await newPerson(test, client));
    expect(await outcome((options) => theirs.get(options))).toEqual(REFUSED);
  });

  it('with the challenge of a sign-in, or of somebody else’s second factor, is refused', async () => {
    const { challenge } = await signInOptions(test);
    expect(await outcome((options) => device.get({ ...options, challenge }))).toEqual(REFUSED);
    const other = await newPerson(test, client);
    await addPasskey(test, other);
    const { challenge: theirs } = await factorOptions(test, await stopAtFactor(test, client, other.name));
    const { meaning } = await outcome((options) => device.get({ ...options, challenge: theirs }));
    expect(meaning).toBe('Invalid code');
  });

  it('with the same signature again is refused', async () => {
    let shown: unknown;
    expect((await outcome((options) => (shown = device.get(options)))).meaning).toBe('signed in');
    expect(await outcome(() => shown)).toEqual({ meaning: 'Invalid code', events: ['mfa.passed', 'mfa.failed'] });
  });
});
