import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, newAddress, newEvents, rowsOf } from './support/account.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import {
  oauthQuery,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import {
  answerChallenge,
  askGrant,
  callMfa,
  challengeOf,
  confirmTotp,
  type Guarded,
  makeCodes,
  meaningOf,
  newGuarded,
  setUpTotp,
  showFactor,
  stopAtFactor,
} from './support/mfa.js';
import { ACCEPT_HTML } from './support/pages.js';

/** Limits as they are by default, but for the address, from where all of this comes. */
const limited: Adjust = (config) => {
  config.oauth.password_grant = true;
  config.limits.enabled = true;
  for (const name of ['password_address', 'token_failures', 'token_requests', 'app_registrations'] as const)
    config.limits[name].points = 0;
};
const THROTTLED = { status: 429, body: { error: 'Throttled' } };

let test: TestApp;
let replica: TestApp;
let client: TestClient;
let person: Guarded;
beforeAll(async () => {
  test = await startApp(limited);
  replica = await startApp(limited, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test);
});
afterAll(async () => {
  await replica.close();
  await test.close();
});
beforeEach(async () => {
  await test.dataSource.query('truncate attempt_budget');
  person = await newGuarded(test, client);
});

const letPass = () => test.dataSource.query(`update attempt_budget set expire = 1 where key like 'second_factor:%'`);
const wrong = { code: '000000' };
/** One attempt with a fresh right password. */
async function attempt(fields: Record<string, string>, app = test): Promise<string | number> {
  return meaningOf(await showFactor(app, await stopAtFactor(app, client, person.name), fields));
}
const attempts = async (count: number, fields: Record<string, string> = wrong, app = test) => {
  for (let n = 0; n < count; n++) expect(await attempt(fields, app)).toBe('Invalid code');
};

/** Every place that looks at a code, with a wrong one; each as the outcome that tells wrong from throttled. */
const PLACES: Record<string, (app: TestApp, code: string) => Promise<{ status: number; body: unknown }>> = {
  'the browser flow': async (app, code) => {
    const answer = await showFactor(app, await stopAtFactor(app, client, person.name), { code });
    return { status: answer.status, body: answer.status === 429 ? answer.body : {} };
  },
  'the browser flow, backup codes': async (app, code) => {
    const fields = { code, challenge_type: 'recovery' };
    const answer = await showFactor(app, await stopAtFactor(app, client, person.name), fields);
    return { status: answer.status, body: answer.status === 429 ? answer.body : {} };
  },
  'the challenge of a client': async (app, code) =>
    outcomeOf(answerChallenge(app, client, { mfa_token: await challengeOf(app, client, person.name), code })),
  'the confirmation of a setup': async (app, code) => {
    await setUpTotp(app, person);
    return outcomeOf(confirmTotp(app, person, { password: PASSWORD, code }));
  },
  change_email: (app, code) => act(app, person, 'change_email', { email: newAddress(), password: PASSWORD, code }),
  delete_account: (app, code) => act(app, person, 'delete_account', { password: PASSWORD, code }),
};

describe('wrong second factors of one account (contract.md §1.1, security.md R74)', () => {
  it('are ten in fifteen minutes over fresh sign-ins; then even the right one is 429', async () => {
    await attempts(10);
    const stopped = await stopAtFactor(test, client, person.name);
    const answer = await showFactor(test, stopped, { code: person.app.code() });
    expect({ status: answer.status, body: answer.body }).toStrictEqual(THROTTLED);
    expect(answer.headers).not.toHaveProperty('location');
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(840);
    expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(900);
    const page = await showFactor(test, stopped, { code: person.app.code() }).set('Accept', ACCEPT_HTML);
    expect([page.status, page.headers['content-type']]).toEqual([429, 'text/html; charset=utf-8']);
    // Another person is not concerned, and after the time this one is let in.
    const other = await newGuarded(test, client);
    const theirs = await showFactor(test, await stopAtFactor(test, client, other.name), { code: other.app.code() });
    expect(meaningOf(theirs)).toBe('signed in');
    await letPass();
    expect(meaningOf(await showFactor(test, stopped, { code: person.app.code() }))).toBe('signed in');
  });

  it('are counted over every place that looks at one, here and at a replica', async () => {
    const places = Object.values(PLACES);
    for (let n = 0; n < 10; n++) {
      const outcome = await places[n % places.length]!(n % 2 ? replica : test, '000000');
      expect(outcome.status).not.toBe(429);
    }
    for (const [name, place] of Object.entries(PLACES)) {
      for (const app of [test, replica]) expect(await place(app, person.app.code()), name).toStrictEqual(THROTTLED);
    }
    expect((await callMfa(test, person, 'get', '')).body).toEqual({ settings: { enabled: true, totp: true } });
  });

  it.each(Object.keys(PLACES))('are ten at %s alone', async (name) => {
    const place = PLACES[name]!;
    // Changes of the address have a budget of their own.
    await test.dataSource.query('delete from attempt_budget');
    for (let n = 0; n < 9; n++) expect((await place(test, '000000')).status).not.toBe(429);
    await attempts(1);
    await test.dataSource.query(`delete from attempt_budget where key like 'address_changes:%'`);
    expect(await place(test, person.app.code())).toStrictEqual(THROTTLED);
  });

  it('are not forgotten for a right password, a right code, or a backup code in between', async () => {
    const [code = ''] = await makeCodes(test, person);
    await attempts(9);
    const login = await postLogin(test, oauthQuery(client), { identifier: person.name, password: PASSWORD });
    expect(redirectOf(login).sent).toHaveProperty('mfa_token');
    expect(await attempt({ code: person.app.code() })).toBe('signed in');
    expect(await attempt({ code })).toBe('signed in');
    await attempts(1);
    expect(await attempt({ code: person.app.code(1) })).toBe(429);
  });

  it('are of all kinds: a spent code, a backup code that is none, an unknown type', async () => {
    const code = person.app.code();
    expect(await attempt({ code })).toBe('signed in');
    await attempts(3, { code });
    await attempts(3, { code: '2222222222', challenge_type: 'recovery' });
    await attempts(3, { code, challenge_type: 'sms' });
    await attempts(1, { code: '' });
    expect(await attempt({ code: person.app.code(1) })).toBe(429);
  });

  it('are ten of twenty at once, over two instances; the rest is not looked at (R34)', async () => {
    const waiting = [];
    for (let n = 0; n < 20; n++) waiting.push(await stopAtFactor(test, client, person.name));
    await newEvents(test, person.id);
    const outcomes = await Promise.all(
      waiting.map(async (one, n) => meaningOf(await showFactor(n % 2 ? replica : test, one, wrong))),
    );
    expect(outcomes.filter((outcome) => outcome === 'Invalid code')).toHaveLength(10);
    expect(outcomes.filter((outcome) => outcome === 429)).toHaveLength(10);
    expect(await newEvents(test, person.id)).toEqual(Array.from({ length: 10 }, () => 'mfa.failed'));
  });

  it('survive a restart (R35)', async () => {
    await attempts(10);
    const reborn = await startApp(limited, test.database);
    expect(await attempt({ code: person.app.code() }, reborn)).toBe(429);
    await reborn.close();
  });

  it('survive a request that fails after it was counted (R35)', async () => {
    await test.dataSource.query(`
      create function break() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
      create trigger break before insert on audit_event for each row when (new.type = 'mfa.failed') execute function break();`);
    try {
      for (let n = 0; n < 10; n++) expect(await attempt(wrong)).toBe(500);
      expect(await attempt({ code: person.app.code() })).toBe(429);
    } finally {
      await test.dataSource.query('drop function break cascade');
    }
  });

  it('are refused where they cannot be counted', async () => {
    const stopped = await stopAtFactor(test, client, person.name);
    await test.dataSource.query('alter table attempt_budget rename to away');
    try {
      const answer = await showFactor(test, stopped, { code: person.app.code() });
      expect({ status: answer.status, body: answer.body }).toEqual({
        status: 503,
        body: { error: 'temporarily_unavailable', error_description: 'Service unavailable' },
      });
      expect(answer.headers).toHaveProperty('retry-after');
    } finally {
      await test.dataSource.query('alter table away rename to attempt_budget');
    }
    expect(meaningOf(await showFactor(test, stopped, { code: person.app.code() }))).toBe('signed in');
  });

  it('leave the sign-in that waits alone when they are not looked at', async () => {
    const stopped = await stopAtFactor(test, client, person.name);
    const mfa_token = await challengeOf(test, client, person.name);
    await attempts(10);
    for (let n = 0; n < 6; n++) {
      expect((await showFactor(test, stopped, wrong)).status).toBe(429);
      expect((await answerChallenge(test, client, { mfa_token, ...wrong })).status).toBe(429);
    }
    await letPass();
    expect(meaningOf(await showFactor(test, stopped, { code: person.app.code() }))).toBe('signed in');
    expect((await answerChallenge(test, client, { mfa_token, code: person.app.code(1) })).status).toBe(200);
  });
});

describe('passwords on the routes of second factors (security.md R77, R79)', () => {
  const confirm = (password: string) => outcomeOf(confirmTotp(test, person, { password, code: '000000' }));
  const disable = (password: string) => outcomeOf(callMfa(replica, person, 'delete', '/totp').send({ password }));
  const grant = (password: string) => outcomeOf(askGrant(test, client, person.name, { password }));
  const INVALID = { status: 422, body: { error: 'Invalid password.' } };

  it('share the budget of the sign-in and of the password grant', async () => {
    for (let n = 0; n < 5; n++) {
      expect(await confirm('wrong')).toStrictEqual(INVALID);
      expect(await (n % 2 ? disable('wrong') : grant('wrong'))).toMatchObject({ status: n % 2 ? 422 : 400 });
    }
    for (const route of [confirm, disable, grant]) expect(await route(PASSWORD)).toStrictEqual(THROTTLED);
    const login = await postLogin(test, oauthQuery(client), { identifier: person.name, password: PASSWORD });
    expect(login.status).toBe(429);
    expect(await rowsOf(test, 'totp_credential', person.id)).toBe(1);
  });

  it('are answered as wrong where another identifier has used the account’s up', async () => {
    for (let n = 0; n < 10; n++) {
      await postLogin(test, oauthQuery(client), { identifier: person.email, password: 'wrong' });
    }
    expect(await disable(PASSWORD)).toStrictEqual(INVALID);
    expect(await rowsOf(test, 'totp_credential', person.id)).toBe(1);
  });
});
