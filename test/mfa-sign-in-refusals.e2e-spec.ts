import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, rowsOf } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import {
  disableTotp,
  enableTotp,
  forgetSteps,
  type Guarded,
  makeCodes,
  meaningOf,
  newGuarded,
  setUpTotp,
  showFactor,
  stepNow,
  stopAtFactor,
  type StoppedAtFactor,
} from './support/mfa.js';
import { stopAtReactivation } from './support/reactivation.js';

let test: TestApp;
let client: TestClient;
let person: Guarded;
let stopped: StoppedAtFactor;
let asked: Record<string, string>;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&b=c d' });
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newGuarded(test, client);
  stopped = await stopAtFactor(test, client, person.name, asked);
});

const submit = (fields: Record<string, string | undefined>, by = stopped) => showFactor(test, by, fields);
const right = () => submit({ code: person.app.code() });

/** Asserts that the answer leads to the login page, with these parameters besides the error. */
function expectSignInAgain(answer: Awaited<ReturnType<typeof submit>>, parameters: Record<string, string>): void {
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 302, text: '' });
  expect(redirectOf(answer)).toEqual({
    to: `${PUB}/oauth/authorize`,
    sent: { ...parameters, error: 'invalid_grant', error_description: 'Please sign in again' },
  });
  expect(cookiesOf(answer).filter((line) => line.startsWith('jwt'))).toEqual([]);
  expect(answer.headers['cache-control']).toBe('no-store');
}

describe('POST /api/auth/mfa with a code that is not right', () => {
  it.each<[string, () => Record<string, string | undefined>]>([
    ['a wrong one', () => ({ code: person.app.wrongCode })],
    ['none', () => ({})],
    ['an empty one', () => ({ code: '' })],
    ['letters', () => ({ code: 'abcdef' })],
    ['a space before it', () => ({ code: ` ${person.app.code()}` })],
    ['a space behind it', () => ({ code: `${person.app.code()} ` })],
    ['thirteen digits', () => ({ code: `${person.app.code()}0${person.app.code()}` })],
    [
      'fullwidth digits',
      () => ({ code: person.app.code().replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit))) }),
    ],
    ['an unknown type', () => ({ code: person.app.code(), challenge_type: 'sms' })],
    ['an empty type', () => ({ code: person.app.code(), challenge_type: '' })],
    ['the type in capitals', () => ({ code: person.app.code(), challenge_type: 'TOTP' })],
    ['the other type', () => ({ code: person.app.code(), challenge_type: 'recovery' })],
    ['a passkey’s type', () => ({ code: person.app.code(), challenge_type: 'webauthn' })],
  ])('goes back to the page for another try: %s', async (_, fields) => {
    await newEvents(test, person.id);
    const answer = await submit(fields());
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 302, text: '' });
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/mfa`,
      sent: { mfa_token: stopped.token, ...asked, error: 'invalid_grant', error_description: 'Invalid code' },
    });
    expect(cookiesOf(answer)).toEqual([]);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(await newEvents(test, person.id)).toEqual(['mfa.failed']);
    // The token survives.
    expect(meaningOf(await right())).toBe('signed in');
  });

  it.each([{ code: ['123456'] }, { code: 123_456 }, { code: null }, { code: '12\u00003456' }, { mfa_token: 5 }])(
    'answers 400 to what is no text, and counts nothing: %j',
    async (fields) => {
      const post = () => test.http.post('/api/auth/mfa').set('Cookie', stopped.cookie);
      for (let n = 0; n < 6; n++) {
        const answer = await post().send({ mfa_token: stopped.token, ...fields });
        expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
      }
      expect(meaningOf(await right())).toBe('signed in');
    },
  );

  it('takes the steps before, of and after this moment, and no others (security.md R73)', async () => {
    const outcomes = async (offset: number) => {
      for (;;) {
        const step = stepNow();
        const again = await stopAtFactor(test, client, person.name);
        await forgetSteps(test, person);
        const outcome = meaningOf(await submit({ code: person.app.code(offset) }, again));
        // Otherwise a step ended meanwhile.
        if (stepNow() === step) return outcome;
      }
    };
    for (const offset of [-1, 0, 1]) expect(await outcomes(offset), `${offset}`).toBe('signed in');
    for (const offset of [-20, -4, -2, 2, 4, 20]) expect(await outcomes(offset), `${offset}`).toBe('Invalid code');
  });

  it('is dead after the fifth, also for the right one (contract.md §1.1)', async () => {
    for (const code of person.app.wrongCodes(4)) expect(meaningOf(await submit({ code }))).toBe('Invalid code');
    expectSignInAgain(await submit({ code: person.app.wrongCode }), asked);
    expectSignInAgain(await right(), asked);
    const again = await stopAtFactor(test, client, person.name);
    expect(meaningOf(await submit({ code: person.app.code() }, again))).toBe('signed in');
  });

  it('counts backup codes and codes of the app as one', async () => {
    const types = ['totp', 'recovery', 'totp', 'recovery'];
    for (const challenge_type of types) {
      expect(meaningOf(await submit({ code: '222222222z', challenge_type }))).toBe('Invalid code');
    }
    expectSignInAgain(await submit({ code: person.app.wrongCode }), asked);
  });

  it('still takes the right one as the fifth', async () => {
    for (const code of person.app.wrongCodes(4)) await submit({ code });
    expect(meaningOf(await right())).toBe('signed in');
  });
});

describe('POST /api/auth/mfa without a sign-in that waits', () => {
  it.each<[string, () => Partial<StoppedAtFactor>]>([
    ['without a cookie', () => ({ cookie: '' })],
    ['with an empty cookie', () => ({ cookie: 'gh_mfa=' })],
    ['in another browser', () => ({ cookie: `gh_mfa=${'A'.repeat(43)}` })],
    ['with the token as cookie', () => ({ cookie: `gh_mfa=${stopped.token}` })],
    ['with the cookie under another name', () => ({ cookie: stopped.cookie.replace('gh_mfa', 'jwt') })],
    ['with an unknown token', () => ({ token: 'A'.repeat(43) })],
    ['with no token', () => ({ token: '' })],
    ['with a token cut short', () => ({ token: stopped.token.slice(1) })],
    ['with an injection as token', () => ({ token: "' or 1=1 --" })],
    ['with the cookie as token', () => ({ token: stopped.cookie.slice('gh_mfa='.length) })],
  ])('goes to the login page %s; nothing is spent or counted (security.md R75)', async (_, change) => {
    const [code] = await makeCodes(test, person);
    stopped = await stopAtFactor(test, client, person.name, asked);
    await newEvents(test, person.id);
    const other = { ...stopped, ...change() };
    for (let n = 0; n < 6; n++) {
      expectSignInAgain(await submit({ code, challenge_type: 'recovery' }, other), {});
      expectSignInAgain(await submit({ code: person.app.code() }, other), {});
    }
    expect(await newEvents(test, person.id)).toEqual([]);
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(10);
    expect(meaningOf(await submit({ code, challenge_type: 'recovery' }))).toBe('signed in');
  });

  it('ends 300 seconds after the password', async () => {
    const age = (seconds: number) =>
      test.dataSource.query(
        `update pending_sign_in set expires_at = expires_at - make_interval(secs => $2) where user_id = $1`,
        [person.id, seconds],
      );
    await age(290);
    expect(meaningOf(await submit({ code: person.app.wrongCode }))).toBe('Invalid code');
    await age(11);
    await newEvents(test, person.id);
    expectSignInAgain(await right(), asked);
    expect(await newEvents(test, person.id)).toEqual([]);
  });

  it('works once', async () => {
    expect(meaningOf(await right())).toBe('signed in');
    await forgetSteps(test, person);
    expectSignInAgain(await right(), {});
  });

  it('is another’s: two people’s tokens and cookies do not go together', async () => {
    const other = await newGuarded(test, client);
    const theirs = await stopAtFactor(test, client, other.name);
    expectSignInAgain(await submit({ code: person.app.code() }, { ...stopped, cookie: theirs.cookie }), {});
    expectSignInAgain(await submit({ code: person.app.code() }, { ...theirs, cookie: stopped.cookie }), {});
    expect(meaningOf(await submit({ code: person.app.code() }, theirs))).toBe('Invalid code');
    expect(meaningOf(await right())).toBe('signed in');
  });

  it('is no reactivation that waits, and a reactivation is none', async () => {
    const other = await newGuarded(test, client);
    await disableTotp(test, other);
    await test.dataSource.query('update "user" set disabled_at = now() where id = $1', [other.id]);
    const waiting = await stopAtReactivation(test, client, other.name);
    expectSignInAgain(await submit({ code: other.app.code() }, waiting), {});
    expect(await rowsOf(test, 'pending_sign_in', other.id)).toBe(1);
  });

  it('is over once a factor was changed (contract.md §4.5)', async () => {
    const changes: (() => Promise<unknown>)[] = [
      () => makeCodes(test, person),
      () => enableTotp(test, person).then((app) => (person.app = app)),
      () => disableTotp(test, person),
    ];
    for (const change of changes) {
      const waiting = await stopAtFactor(test, client, person.name, asked);
      await change();
      expectSignInAgain(await submit({ code: person.app.code() }, waiting), {});
      expect(await rowsOf(test, 'pending_sign_in', person.id)).toBe(0);
    }
  });

  it('goes on where a setup was only begun', async () => {
    await setUpTotp(test, person);
    expect(meaningOf(await right())).toBe('signed in');
  });

  it('is over once the password was changed, even when nothing told it so', async () => {
    await test.dataSource.query('update "user" set credential_epoch = credential_epoch + 1 where id = $1', [person.id]);
    expectSignInAgain(await right(), asked);
    // That code was not spent for nothing.
    const again = await stopAtFactor(test, client, person.name);
    expect(meaningOf(await submit({ code: person.app.code() }, again))).toBe('signed in');
  });
});
