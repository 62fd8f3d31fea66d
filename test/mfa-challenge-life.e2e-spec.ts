import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, changePassword, newEvents, rowsOf } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { outcomeOf, registerClient, type TestClient } from './support/flows.js';
import {
  answerChallenge,
  askGrant,
  challengeOf,
  disableTotp,
  forgetSteps,
  type Guarded,
  makeCodes,
  newGuarded,
  showFactor,
  stopAtFactor,
  wrongAnswers,
} from './support/mfa.js';

const INVALID = { status: 400, body: { error: 'Invalid code' } };

let test: TestApp;
let client: TestClient;
let person: Guarded;
let mfa_token: string;
beforeAll(async () => {
  test = await startApp((config) => {
    config.oauth.password_grant = true;
  });
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newGuarded(test, client);
  mfa_token = await challengeOf(test, client, person.name);
});

const answer = (fields: Record<string, unknown> = {}, as = client) =>
  outcomeOf(answerChallenge(test, as, { mfa_token, code: person.app.code(), ...fields }));
const granted = async (fields: Record<string, unknown> = {}) => (await answer(fields)).status === 200;
const held = () => wrongAnswers(test, mfa_token);

describe('the mfa_token of POST /oauth/mfa/challenge', () => {
  it('burns nothing and counts nothing for another client (contract.md §2.6)', async () => {
    const [code] = await makeCodes(test, person);
    mfa_token = await challengeOf(test, client, person.name);
    const other = await registerClient(test);
    await newEvents(test, person.id);
    for (let n = 0; n < 6; n++) {
      expect(await answer({ code, challenge_type: 'recovery' }, other)).toStrictEqual(INVALID);
      expect(await answer({}, other)).toStrictEqual(INVALID);
    }
    expect(await held()).toBe(0);
    expect(await rowsOf(test, 'backup_code', person.id)).toBe(10);
    expect(await newEvents(test, person.id)).toEqual([]);
    expect(await granted({ code, challenge_type: 'recovery' })).toBe(true);
  });

  it('dies with success, with the fifth wrong code, and after 300 seconds', async () => {
    expect(await granted()).toBe(true);
    await forgetSteps(test, person);
    expect(await answer()).toStrictEqual(INVALID);

    mfa_token = await challengeOf(test, client, person.name);
    for (const code of person.app.wrongCodes(5)) expect(await answer({ code })).toStrictEqual(INVALID);
    expect(await answer()).toStrictEqual(INVALID);

    mfa_token = await challengeOf(test, client, person.name);
    const age = (seconds: number) =>
      test.dataSource.query(
        `update mfa_challenge set expires_at = expires_at - make_interval(secs => $2) where user_id = $1`,
        [person.id, seconds],
      );
    await age(290);
    expect(await answer({ code: person.app.wrongCode })).toStrictEqual(INVALID);
    expect(await held()).toBe(1);
    await age(11);
    expect(await answer()).toStrictEqual(INVALID);

    mfa_token = await challengeOf(test, client, person.name);
    for (const code of person.app.wrongCodes(4)) await answer({ code });
    expect(await granted()).toBe(true);
  });

  it('knows no sign-in of a browser, and that knows no challenge', async () => {
    const stopped = await stopAtFactor(test, client, person.name);
    expect(await answer({ mfa_token: stopped.token })).toStrictEqual(INVALID);
    const crossed = await showFactor(test, { ...stopped, token: mfa_token }, { code: person.app.code() });
    expect(crossed.headers['location']).toMatch(/^http:\/\/localhost:3000\/oauth\/authorize\?error=invalid_grant/);
    expect(await granted()).toBe(true);
  });

  it('is over once the password or a factor was changed, or everything was revoked (contract.md §4.5)', async () => {
    await act(test, person, 'change_password', changePassword('a new horse'));
    expect(await answer()).toStrictEqual(INVALID);
    const again = { password: 'a new horse' };
    for (const change of [
      () => makeCodes(test, person),
      () => test.http.delete('/api/oauth_tokens?keep_current=true').auth(person.token, { type: 'bearer' }),
      () =>
        test.dataSource.query('update "user" set credential_epoch = credential_epoch + 1 where id = $1', [person.id]),
    ]) {
      mfa_token = await challengeOf(test, client, person.name, again);
      await change();
      expect(await answer()).toStrictEqual(INVALID);
    }
    mfa_token = await challengeOf(test, client, person.name, again);
    await test.dataSource.query('delete from totp_credential where user_id = $1', [person.id]);
    expect(await answer()).toStrictEqual(INVALID);
  });

  it('is over when the app was turned off, which then asks for nothing', async () => {
    await disableTotp(test, person);
    expect(await answer()).toStrictEqual(INVALID);
    expect((await askGrant(test, client, person.name)).status).toBe(200);
  });

  it('is no failure of its address (contract.md §1.1)', async () => {
    const strict = await startApp((config) => {
      config.oauth.password_grant = true;
      config.limits.enabled = true;
      config.limits.token_failures.points = 2;
    }, test.database);
    for (let n = 0; n < 4; n++) expect((await askGrant(strict, client, person.name)).status).toBe(403);
    const statuses = [];
    for (let n = 0; n < 3; n++) {
      statuses.push((await askGrant(strict, client, person.name, { password: 'wrong' })).status);
    }
    expect(statuses).toEqual([400, 400, 429]);
    await strict.close();
  });
});
