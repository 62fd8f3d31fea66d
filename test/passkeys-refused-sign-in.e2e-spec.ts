import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { type Fault, SoftwareAuthenticator } from './support/authenticator.js';
import { redirectOf, registerClient, type TestClient } from './support/flows.js';
import { meaningOf, stopAtFactor } from './support/mfa.js';
import { FAULTS, FORGED, GARBLED, longAgo } from './support/passkey-faults.js';
import { addPasskey, callPasskeys, eventsOf, factorOptions, postPasskey, signInOptions } from './support/passkeys.js';

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

describe('a sign-in by passkey alone', () => {
  let device: SoftwareAuthenticator;
  beforeEach(async () => {
    ({ device } = await addPasskey(test, person));
  });

  /** Where it leads, and what it leaves in the journal. */
  async function outcome(response: unknown) {
    const answer = await postPasskey(test, client, response, { state: 'a' });
    const { to, sent } = redirectOf(answer);
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect({ to, error: sent['error'], words: sent['error_description'], state: sent['state'] }).toEqual({
      to: 'http://localhost:3000/oauth/authorize',
      error: 'invalid_grant',
      words: 'Invalid identifier or password',
      state: 'a',
    });
    return eventsOf(test, person.id, 'passkey.');
  }
  const REFUSED = ['passkey.added', 'passkey.refused'];

  it.each([...FAULTS, ...FORGED])('with %s is refused, and its owner’s journal tells', async (_, fault) => {
    expect(await outcome(device.get(await signInOptions(test), fault))).toEqual(REFUSED);
  });

  it.each([
    ['nobody verified', { isUserVerified: false }],
    ['no owner named', { userHandle: undefined }],
    ['another owner named', { userHandle: 'AAAAAAAAAAAAAAAAAAAAAA' }],
  ] as [string, Fault][])('with %s is refused', async (_, fault) => {
    expect(await outcome(device.get(await signInOptions(test), fault))).toEqual(REFUSED);
  });

  it.each(GARBLED)('that is %j is refused', async (text) => {
    expect(await outcome(text)).toEqual(['passkey.added']);
  });

  it('with an unknown passkey is refused, in nobody’s journal', async () => {
    const stranger = new SoftwareAuthenticator();
    stranger.userHandle = device.userHandle;
    expect(await outcome(stranger.get(await signInOptions(test)))).toEqual(['passkey.added']);
    const [event] = await test.dataSource.query('select type, user_id from audit_event order by id desc limit 1');
    expect(event).toEqual({ type: 'login.failed', user_id: null });
  });

  it('with the passkey of another, under the own name, is refused in that one’s journal', async () => {
    const other = await newPerson(test, client);
    const { device: theirs } = await addPasskey(test, other);
    expect(await outcome(device.get(await signInOptions(test), { id: theirs.id }))).toEqual(['passkey.added']);
    expect(await eventsOf(test, other.id, 'passkey.')).toEqual(REFUSED);
  });

  it('answers each challenge once, also when two answer it at once', async () => {
    const options = await signInOptions(test);
    const answers = await Promise.all([1, 2].map(() => postPasskey(test, client, device.get(options))));
    answers.push(await postPasskey(test, client, device.get(options)));
    const refusals = answers.map(meaningOf).filter((meaning) => meaning !== 'signed in');
    expect(refusals).toEqual(['Invalid identifier or password', 'Invalid identifier or password']);
  });

  it('does not answer the challenge of a registration or of a second factor, nor one that has ended', async () => {
    const { body } = await callPasskeys(test, person, 'post', '/options');
    await outcome(device.get({ ...(await signInOptions(test)), challenge: body.challenge }));
    const stopped = await stopAtFactor(test, client, person.name);
    await outcome(device.get(await factorOptions(test, stopped)));
    const events = await outcome(device.get(await longAgo(301, () => signInOptions(test))));
    expect(events).toEqual(['passkey.added', ...Array.from({ length: 3 }, () => 'passkey.refused')]);
  });

  it('may take five minutes', async () => {
    const options = await longAgo(290, () => signInOptions(test));
    expect(meaningOf(await postPasskey(test, client, device.get(options)))).toBe('signed in');
  });

  it('of two with one counter takes one: the other is a copy’s', async () => {
    const [one, two] = [await signInOptions(test), await signInOptions(test)];
    const counter = (device.counter ?? 0) + 1;
    const answers = await Promise.all(
      [one, two].map((options) => postPasskey(test, client, device.get(options, { counter }))),
    );
    const refusals = answers.map(meaningOf).filter((meaning) => meaning !== 'signed in');
    expect(refusals).toEqual(['Invalid identifier or password']);
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual(REFUSED);
  });

  it('takes passkeys that keep no count as often as they sign', async () => {
    const { device: synced } = await addPasskey(test, person, { device: new SoftwareAuthenticator({ counts: false }) });
    for (const _ of [1, 2]) {
      expect(meaningOf(await postPasskey(test, client, synced.get(await signInOptions(test))))).toBe('signed in');
    }
  });
});
