import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, DONE, newAddress, refused } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { outcomeOf, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import {
  answerChallenge,
  challengeOf,
  confirmTotp,
  type Guarded,
  meaningOf,
  newGuarded,
  setUpTotp,
  showFactor,
  signInWith,
  stepNow,
  stopAtFactor,
} from './support/mfa.js';

let test: TestApp;
let replica: TestApp;
let client: TestClient;
let person: Guarded;
beforeAll(async () => {
  test = await startApp((config) => {
    config.oauth.password_grant = true;
  });
  replica = await startApp((config) => {
    config.oauth.password_grant = true;
  }, test.database);
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

const lastStep = async () => {
  const [row] = await test.dataSource.query('select last_step as step from totp_credential where user_id = $1', [
    person.id,
  ]);
  return row.step as number;
};

/** The routes that take a code, each with what it answers to a right and to a spent one. */
const ROUTES = {
  'the browser flow': {
    use: (code: string, app = test) => signInWith(app, client, person.name, { code }),
    right: 'signed in',
    spent: 'Invalid code',
  },
  'the password grant': {
    use: async (code: string, app = test) => {
      const mfa_token = await challengeOf(app, client, person.name);
      const { status, body } = await answerChallenge(app, client, { mfa_token, code });
      return status === 200 ? 'signed in' : body.error;
    },
    right: 'signed in',
    spent: 'Invalid code',
  },
  change_email: {
    use: (code: string, app = test) =>
      act(app, person, 'change_email', { email: newAddress(), password: PASSWORD, code }),
    right: DONE,
    spent: refused('Invalid code.'),
  },
  delete_account: {
    use: (code: string, app = test) => act(app, person, 'delete_account', { password: PASSWORD, code }),
    right: DONE,
    spent: refused('Invalid code.'),
  },
};

describe('one code of an authenticator app (security.md R72)', () => {
  const names = Object.keys(ROUTES) as (keyof typeof ROUTES)[];
  // A deleted account has no second use.
  const pairs = names
    .filter((first) => first !== 'delete_account')
    .flatMap((first) => names.map((second) => [first, second] as const));

  it.each(pairs)('used at %s is spent at %s, here and at a replica', async (first, second) => {
    const code = person.app.code();
    expect(await ROUTES[first].use(code)).toEqual(ROUTES[first].right);
    expect(await ROUTES[second].use(code)).toEqual(ROUTES[second].spent);
    expect(await ROUTES[second].use(code, replica)).toEqual(ROUTES[second].spent);
    expect(await ROUTES[second].use(person.app.code(1))).toEqual(ROUTES[second].right);
  });

  it('used at a replica is spent here', async () => {
    const code = person.app.code();
    expect(await ROUTES['the browser flow'].use(code, replica)).toBe('signed in');
    expect(await ROUTES['the browser flow'].use(code)).toBe('Invalid code');
  });

  it('confirms an app and does nothing more', async () => {
    const app = await setUpTotp(test, person);
    const code = app.code();
    expect(await outcomeOf(confirmTotp(test, person, { password: PASSWORD, code }))).toEqual({ status: 200, body: {} });
    for (const name of names) expect(await ROUTES[name].use(code)).toEqual(ROUTES[name].spent);
  });

  it('spends every earlier step: t, then t−1 (RFC 6238 §5.2)', async () => {
    const codes = [1, 0, -1].map((offset) => person.app.code(offset));
    expect(await ROUTES['the browser flow'].use(codes[0] ?? '')).toBe('signed in');
    for (const code of codes) {
      for (const name of names) expect(await ROUTES[name].use(code)).toEqual(ROUTES[name].spent);
    }
  });

  it('is remembered by its own step, not by the moment', async () => {
    const before = stepNow();
    expect(await ROUTES['the browser flow'].use(person.app.code(1))).toBe('signed in');
    expect([before + 1, stepNow() + 1]).toContain(await lastStep());
  });

  it('is not spent by what is refused', async () => {
    const code = person.app.code();
    const stopped = await stopAtFactor(test, client, person.name);
    await showFactor(test, { ...stopped, cookie: `gh_mfa=${'A'.repeat(43)}` }, { code });
    await showFactor(test, stopped, { code, challenge_type: 'recovery' });
    await act(test, person, 'change_email', { email: newAddress(), password: 'wrong', code });
    await act(test, person, 'delete_account', { password: 'wrong', code });
    const mfa_token = await challengeOf(test, client, person.name, { code });
    await answerChallenge(test, await registerClient(test), { mfa_token, code });
    expect(await lastStep()).toBeNull();
    expect(meaningOf(await showFactor(test, stopped, { code }))).toBe('signed in');
  });
});
