import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person, rowsOf } from './support/account.js';
import { startApp, type Adjust, type TestApp } from './support/app.js';
import { outcomeOf, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import {
  answerChallenge,
  callMfa,
  challengeOf,
  confirmTotp,
  factorLetterKinds,
  factorLetters,
  type Guarded,
  makeCodes,
  meaningOf,
  newGuarded,
  setUpTotp,
  showFactor,
  signInWith,
  stopAtFactor,
} from './support/mfa.js';
import { begin, Roadblock } from './support/roadblock.js';

const withGrant: Adjust = (config) => {
  config.oauth.password_grant = true;
};

let test: TestApp;
let replica: TestApp;
let client: TestClient;
let person: Guarded;
beforeAll(async () => {
  test = await startApp(withGrant);
  replica = await startApp(withGrant, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test);
});
afterAll(async () => {
  await replica.close();
  await test.close();
});
beforeEach(async () => {
  person = await newGuarded(test, client);
});

/** Twenty at once, over two instances on one database. */
const twenty = <Result>(work: (app: TestApp, n: number) => PromiseLike<Result>): Promise<Result[]> =>
  Promise.all(Array.from({ length: 20 }, (_, n) => Promise.resolve(work(n % 2 === 0 ? test : replica, n))));
const oneByOne = async <Result>(count: number, work: (n: number) => Promise<Result>): Promise<Result[]> => {
  const results: Result[] = [];
  for (let n = 0; n < count; n++) results.push(await work(n));
  return results;
};
/** How often each result is there. */
const tally = (results: (string | number)[]) =>
  Object.fromEntries([...new Set(results)].map((one) => [one, results.filter((other) => other === one).length]));

describe('twenty at once', () => {
  it('with one right code of the app, for one sign-in: one signs in, five are looked at', async () => {
    const stopped = await stopAtFactor(test, client, person.name);
    await newEvents(test, person.id);
    const code = person.app.code();
    const outcomes = await twenty(async (app) => meaningOf(await showFactor(app, stopped, { code })));
    expect(outcomes.filter((outcome) => outcome === 'signed in')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['signed in', 'Invalid code', 'Please sign in again']));
    const events = tally(await newEvents(test, person.id));
    expect(events).toMatchObject({ 'mfa.passed': 1, 'login.succeeded': 1 });
    expect(events['mfa.failed'] ?? 0).toBeLessThanOrEqual(4);
  });

  it('with one right code of the app, for twenty sign-ins: one signs in', async () => {
    const waiting = await oneByOne(20, () => stopAtFactor(test, client, person.name));
    const code = person.app.code();
    const outcomes = await twenty(async (app, n) => meaningOf(await showFactor(app, waiting[n]!, { code })));
    expect(tally(outcomes)).toEqual({ 'Invalid code': 19, 'signed in': 1 });
  });

  it('with one right code, half in browsers and half at a client: one gets in', async () => {
    const waiting = await oneByOne(10, () => stopAtFactor(test, client, person.name));
    const tokens = await oneByOne(10, () => challengeOf(test, client, person.name));
    const code = person.app.code();
    const outcomes = await twenty(async (app, n) => {
      const at = Math.floor(n / 2);
      const stopped = waiting[at]!;
      // Each instance sees both.
      if ((n + at) % 2 === 0) return meaningOf(await showFactor(app, stopped, { code }));
      const { status, body } = await answerChallenge(app, client, { mfa_token: tokens[at], code });
      return status === 200 ? 'signed in' : body.error;
    });
    expect(tally(outcomes)).toEqual({ 'Invalid code': 19, 'signed in': 1 });
  });

  it('with one right code, for one challenge of a client: one gets tokens', async () => {
    const mfa_token = await challengeOf(test, client, person.name);
    const before = await rowsOf(test, 'session', person.id);
    const code = person.app.code();
    const statuses = await twenty(async (app) => (await answerChallenge(app, client, { mfa_token, code })).status);
    expect(tally(statuses)).toEqual({ 200: 1, 400: 19 });
    expect((await rowsOf(test, 'session', person.id)) - before).toBe(1);
  });

  it('with one backup code, for twenty sign-ins: one signs in, and one mail tells of it', async () => {
    const [code] = await makeCodes(test, person);
    const waiting = await oneByOne(20, () => stopAtFactor(test, client, person.name));
    const fields = { code, challenge_type: 'recovery' };
    const outcomes = await twenty(async (app, n) => meaningOf(await showFactor(app, waiting[n]!, fields)));
    expect(tally(outcomes)).toEqual({ 'Invalid code': 19, 'signed in': 1 });
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(9);
    const used = (await factorLetters(test, person)).filter(({ template }) => template === 'backup_code_used');
    expect(used.map(({ facts }) => facts['left'])).toEqual(['9']);
  });

  it('with ten backup codes, each twice: ten sign in, and the mails count down', async () => {
    const codes = await makeCodes(test, person);
    const waiting = await oneByOne(20, () => stopAtFactor(test, client, person.name));
    const outcomes = await twenty(async (app, n) => {
      const code = codes[Math.floor(n / 2)]!;
      return meaningOf(await showFactor(app, waiting[n]!, { code, challenge_type: 'recovery' }));
    });
    expect(tally(outcomes)).toEqual({ 'Invalid code': 10, 'signed in': 10 });
    const used = (await factorLetters(test, person)).filter(({ template }) => template === 'backup_code_used');
    expect(used.map(({ facts }) => Number(facts['left'])).toSorted((a, b) => a - b)).toEqual([
      ...Array.from({ length: 10 }).keys(),
    ]);
  });

  it('with codes of both kinds, all right, for one sign-in: it is one sign-in', async () => {
    const codes = await makeCodes(test, person);
    const stopped = await stopAtFactor(test, client, person.name);
    const shown = [person.app.code(), ...codes.slice(0, 4)];
    await newEvents(test, person.id);
    const outcomes = await Promise.all(
      shown.map(async (code, n) => meaningOf(await showFactor(n % 2 ? replica : test, stopped, { code }))),
    );
    expect(tally(outcomes)['signed in']).toBe(1);
    expect(tally(await newEvents(test, person.id))['login.succeeded']).toBe(1);
  });

  it('confirm one setup: one does, with one mail', async () => {
    const other: Person = await newPerson(test, client);
    const app = await setUpTotp(test, other);
    await newEvents(test, other.id);
    const code = app.code();
    const outcomes = await twenty(async (at) => {
      const { status, body } = await confirmTotp(at, other, { password: PASSWORD, code });
      return body.error ?? status;
    });
    expect(outcomes.filter((outcome) => outcome === 200)).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set([200, ...outcomes.filter((outcome) => typeof outcome === 'string')]));
    for (const outcome of outcomes) expect([200, 'invalid_token', 'Start the setup first.']).toContain(outcome);
    expect(await newEvents(test, other.id)).toEqual(['mfa.enabled']);
    expect(await factorLetterKinds(test, other)).toEqual(['factor_added']);
  });

  it('turn the app off: all are content, and one mail goes', async () => {
    await newEvents(test, person.id);
    const outcomes = await twenty((at) =>
      outcomeOf(callMfa(at, person, 'delete', '/totp').send({ password: PASSWORD })),
    );
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => ({ status: 200, body: {} })));
    expect(await newEvents(test, person.id)).toEqual(['mfa.disabled']);
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added', 'factor_removed']);
  });

  it('begin a setup: one of them waits, whole', async () => {
    const other = await newPerson(test, client);
    const apps = await twenty((at) => setUpTotp(at, other));
    const outcomes = [];
    for (const app of apps) {
      const { status, body } = await confirmTotp(test, other, { password: PASSWORD, code: app.code() });
      outcomes.push(body.error ?? status);
      if (status === 200) break;
    }
    expect(outcomes.at(-1)).toBe(200);
    for (const outcome of outcomes.slice(0, -1)) expect(outcome).toBe('invalid_token');
  });
});

describe('two at once', () => {
  it('show a right code and the fifth wrong one: who was right signs in', async () => {
    const stopped = await stopAtFactor(test, client, person.name);
    const lock = 'select from totp_credential where user_id = $1 for update';
    const block = await Roadblock.put(test, lock, [person.id]);
    const right = begin(showFactor(test, stopped, { code: person.app.code() }));
    await block.queue(1);
    const wrong = await oneByOne(4, async () =>
      meaningOf(await showFactor(replica, stopped, { code: person.app.wrongCode })),
    );
    await block.lift();
    expect(wrong).toEqual(['Invalid code', 'Invalid code', 'Invalid code', 'Please sign in again']);
    expect(meaningOf(await right)).toBe('signed in');
  });

  it('show a right code and change the password: nobody is signed in (contract.md §4.5)', async () => {
    const stopped = await stopAtFactor(test, client, person.name);
    const mfa_token = await challengeOf(test, client, person.name);
    const sessions = () => Promise.all(['browser_session', 'session'].map((table) => rowsOf(test, table, person.id)));
    const before = await sessions();
    const change = 'update "user" set credential_epoch = credential_epoch + 1 where id = $1';
    const block = await Roadblock.put(test, change, [person.id]);
    const inBrowser = begin(showFactor(test, stopped, { code: person.app.code() }));
    await block.queue(1);
    const atClient = begin(outcomeOf(answerChallenge(replica, client, { mfa_token, code: person.app.code(1) })));
    await block.queue(2);
    await block.settle();
    expect(meaningOf(await inBrowser)).toBe('Please sign in again');
    expect(await atClient).toEqual({ status: 400, body: { error: 'Invalid code' } });
    expect(await sessions()).toEqual(before);
  });

  it('make backup codes: one whole set counts, and the other is void', async () => {
    for (let round = 0; round < 5; round++) {
      const sets = await Promise.all([test, replica, test, replica].map((app) => makeCodes(app, person)));
      expect(await rowsOf(test, 'backup_code', person.id)).toBe(10);
      const worked = [];
      for (const [code] of sets) {
        worked.push(await signInWith(test, client, person.name, { code, challenge_type: 'recovery' }));
      }
      expect(tally(worked)).toEqual({ 'Invalid code': 3, 'signed in': 1 });
    }
  });

  it('use a code and turn the app off: what is off asks for nothing, and nobody is half signed in', async () => {
    for (let round = 0; round < 5; round++) {
      const guarded = await newGuarded(test, client);
      const stopped = await stopAtFactor(test, client, guarded.name);
      const [answer, off] = await Promise.all([
        showFactor(test, stopped, { code: guarded.app.code() }),
        callMfa(replica, guarded, 'delete', '/totp').send({ password: PASSWORD }),
      ]);
      expect(off.status).toBe(200);
      expect(['signed in', 'Invalid code', 'Please sign in again']).toContain(meaningOf(answer));
      expect(await rowsOf(test, 'totp_credential', guarded.id)).toBe(0);
      expect(await rowsOf(test, 'pending_sign_in', guarded.id)).toBe(0);
    }
  });
});
