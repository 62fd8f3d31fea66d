import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { SoftwareAuthenticator } from './support/authenticator.js';
import { outcomeOf, registerClient, type TestClient } from './support/flows.js';
import { factorLetterKinds, meaningOf, showFactor, stopAtFactor } from './support/mfa.js';
import {
  addPasskey,
  asFactor,
  callPasskeys,
  eventsOf,
  factorOptions,
  makePasskey,
  postPasskey,
  signInOptions,
} from './support/passkeys.js';
import { confirmationLink, requestRecovery, secondsLeft } from './support/recovery.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const TWENTY = Array.from({ length: 20 }, (_, n) => n);

describe('twenty at once, at two replicas', { timeout: 60_000 }, () => {
  let smtp: SmtpListener;
  let replicas: [TestApp, TestApp];
  let test: TestApp;
  let client: TestClient;
  let person: Person;
  beforeAll(async () => {
    smtp = await startSmtp();
    test = await startApp((config) => (config.smtpUrl = smtp.url));
    replicas = [test, await startApp((config) => (config.smtpUrl = smtp.url), test.database)];
    client = await registerClient(test);
  });
  afterAll(async () => {
    await replicas[1].close();
    await test.close();
    await smtp.close();
  });
  beforeEach(async () => {
    person = await newPerson(test, client);
  });
  const replica = (n: number) => replicas[n % 2] ?? test;
  const count = <Item>(items: Item[], wanted: (item: Item) => boolean) => items.filter(wanted).length;

  it('of one and the same signature one signs in', async () => {
    const { device } = await addPasskey(test, person);
    const response = device.get(await signInOptions(test));
    const answers = await Promise.all(TWENTY.map((n) => postPasskey(replica(n), client, response)));
    expect(count(answers, (answer) => meaningOf(answer) === 'signed in')).toBe(1);
    const events = await eventsOf(test, person.id, 'passkey.');
    expect(count(events, (type) => type === 'passkey.refused')).toBe(19);
  });

  it('of different signatures with one counter one signs in', async () => {
    const { device } = await addPasskey(test, person);
    const options = await Promise.all(TWENTY.map(() => signInOptions(test)));
    const responses = options.map((option) => device.get(option, { counter: 100 }));
    const answers = await Promise.all(responses.map((response, n) => postPasskey(replica(n), client, response)));
    expect(count(answers, (answer) => meaningOf(answer) === 'signed in')).toBe(1);
  });

  it('of right answers to one sign-in one signs in', async () => {
    const { device } = await addPasskey(test, person, { device: new SoftwareAuthenticator({ counts: false }) });
    const stopped = await stopAtFactor(test, client, person.name);
    const options = await Promise.all(TWENTY.map(() => factorOptions(test, stopped)));
    const answers = await Promise.all(
      options.map((option, n) => showFactor(replica(n), stopped, asFactor(device.get(option)))),
    );
    expect(count(answers, (answer) => meaningOf(answer) === 'signed in')).toBe(1);
    const events = await eventsOf(test, person.id, 'login.');
    expect(count(events, (type) => type === 'login.succeeded')).toBe(2);
  });

  it('of new passkeys as many are kept as fit', async () => {
    await test.dataSource.query(
      `insert into passkey (id, user_id, credential_id, public_key, name)
       select gen_random_uuid(), $1::uuid, $1::text || n, '', 'Key ' || n from generate_series(1, 15) n`,
      [person.id],
    );
    const made = await Promise.all(TWENTY.map(() => makePasskey(test, person)));
    const outcomes = await Promise.all(
      made.map((response, n) => outcomeOf(callPasskeys(replica(n), person, 'post').send({ response }))),
    );
    expect(count(outcomes, ({ status }) => status === 200)).toBe(5);
    expect(count(outcomes, ({ status }) => status === 422)).toBe(15);
    expect((await callPasskeys(test, person, 'get')).body).toHaveLength(20);
  });

  it('of one new passkey one is kept', async () => {
    const response = await makePasskey(test, person);
    const outcomes = await Promise.all(
      TWENTY.map((n) => outcomeOf(callPasskeys(replica(n), person, 'post').send({ response }))),
    );
    expect(count(outcomes, ({ status }) => status === 200)).toBe(1);
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added']);
  });

  it('of requests and confirmations of a recovery one wait begins', async () => {
    await addPasskey(test, person);
    const link = await confirmationLink(test, smtp, client, person);
    const stopped = await stopAtFactor(test, client, person.name);
    const outcomes = await Promise.all(
      TWENTY.map(async (n) =>
        n < 10 ? (await useLink(replica(n), link)).status : (await requestRecovery(replica(n), stopped)).status,
      ),
    );
    expect(count(outcomes, (status) => status >= 500)).toBe(0);
    // A request that came first has voided the link; then nobody waits yet.
    const began = count(outcomes.slice(0, 10), (status) => status === 200);
    const left = await secondsLeft(test, person.id);
    expect(left === null ? 0 : 1).toBe(began);
    expect(began).toBeLessThanOrEqual(1);
  });
});
