import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import type { SoftwareAuthenticator } from './support/authenticator.js';
import {
  cookiesOf,
  oauthQuery,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { enableTotp, makeCodes, meaningOf, MFA, showFactor, stopAtFactor } from './support/mfa.js';
import { addPasskey, asFactor, callPasskeys, eventsOf, factorOptions } from './support/passkeys.js';

let test: TestApp;
let client: TestClient;
let person: Person;
let device: SoftwareAuthenticator;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
  ({ device } = await addPasskey(test, person));
});

const stop = () => stopAtFactor(test, client, person.name, { state: 'a' });

describe('a sign-in by password of somebody with a passkey', () => {
  const challenges = async () => {
    const answer = await postLogin(test, oauthQuery(client), { identifier: person.name, password: PASSWORD });
    return redirectOf(answer).sent['challenge_types'];
  };

  it('asks for the passkey, or a code of what there is besides', async () => {
    expect(await challenges()).toBe('webauthn,recovery');
    await enableTotp(test, person);
    expect(await challenges()).toBe('webauthn,totp,recovery');
    const [{ id }] = (await callPasskeys(test, person, 'get')).body;
    await callPasskeys(test, person, 'delete', `/${id}`).send({ password: PASSWORD });
    expect(await challenges()).toBe('totp,recovery');
  });

  it('opens nothing before it was shown (R43)', async () => {
    const { cookie, token } = await stop();
    const post = test.http.post('/api/auth/redirect').set('Cookie', cookie).type('form');
    const consent = await post.send({ client_id: client.client_id, redirect_uri: client.redirect_uri, code: token });
    expect(redirectOf(consent).sent['error']).toBe('invalid_request');
    const bearer = test.http.get(MFA).auth(token, { type: 'bearer' });
    expect((await bearer).status).toBe(401);
  });
});

describe('POST /api/auth/mfa/passkey_options', () => {
  it('answers what this browser needs, with the passkeys of this person', async () => {
    await addPasskey(test, await newPerson(test, client));
    const { cookie, token } = await stop();
    const answer = await test.http
      .post('/api/auth/mfa/passkey_options')
      .set('Cookie', cookie)
      .send({ mfa_token: token });
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      rpId: 'localhost',
      challenge: expect.stringMatching(/^[\w-]{72}$/),
      allowCredentials: [{ id: device.id, type: 'public-key', transports: ['internal', 'hybrid'] }],
      timeout: 300_000,
      userVerification: 'preferred',
    });
  });

  it('tells nothing to another browser, without a token, or when the sign-in is over', async () => {
    const stopped = await stop();
    await test.dataSource.query(`update pending_sign_in set expires_at = now() - interval '1 second'`);
    const [live, other] = [await stop(), await stop()];
    for (const { cookie, token } of [
      stopped,
      { cookie: other.cookie, token: live.token },
      { cookie: '', token: live.token },
      { cookie: live.cookie, token: '' },
    ]) {
      const post = test.http.post('/api/auth/mfa/passkey_options').set('Cookie', cookie);
      const { to, sent } = redirectOf(await post.send({ mfa_token: token }));
      expect({ to, words: sent['error_description'] }).toEqual({
        to: `${PUB}/oauth/authorize`,
        words: 'Please sign in again',
      });
    }
  });
});

describe('POST /api/auth/mfa with challenge_type=webauthn', () => {
  it('signs in, also with a passkey that verifies nobody: the password has told who it is', async () => {
    const stopped = await stop();
    const shown = asFactor(device.get(await factorOptions(test, stopped), { isUserVerified: false }));
    const answer = await showFactor(test, stopped, shown);
    const { to, sent } = redirectOf(answer);
    expect({ to, state: sent['state'] }).toEqual({ to: `${PUB}/oauth/consent`, state: 'a' });
    expect(cookiesOf(answer).map((cookie) => cookie.split(/[;=]/)[0])).toEqual(['jwt', 'gh_mfa']);
    expect(cookiesOf(answer)[1]).toMatch(/^gh_mfa=; Max-Age=0; /);
    expect(await eventsOf(test, person.id, 'mfa.')).toEqual(['mfa.passed']);
    const again = asFactor(device.get(await factorOptions(test, await stop())));
    expect(meaningOf(await showFactor(test, stopped, again))).toBe('Please sign in again');
  });

  it('reads the answer from `response`, not from `code`', async () => {
    const stopped = await stop();
    const { response, challenge_type } = asFactor(device.get(await factorOptions(test, stopped)));
    const answer = await showFactor(test, stopped, { challenge_type, code: response });
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/mfa`);
    expect(meaningOf(await showFactor(test, stopped, { challenge_type, response }))).toBe('signed in');
  });

  it('of two right answers at once lets one in', async () => {
    const stopped = await stop();
    const [one, two] = [await factorOptions(test, stopped), await factorOptions(test, stopped)];
    const answers = [one, two].map((options) => showFactor(test, stopped, asFactor(device.get(options))));
    const meanings = (await Promise.all(answers)).map(meaningOf);
    expect(meanings.filter((meaning) => meaning === 'signed in')).toHaveLength(1);
    expect(await eventsOf(test, person.id, 'login.')).toEqual([
      'login.succeeded',
      'login.mfa_required',
      'login.succeeded',
    ]);
  });

  it('of a passkey and a code at once lets one in', async () => {
    const [code] = await makeCodes(test, person);
    const stopped = await stop();
    const passkey = asFactor(device.get(await factorOptions(test, stopped)));
    const answers = [passkey, { challenge_type: 'recovery', code }].map((shown) => showFactor(test, stopped, shown));
    const meanings = (await Promise.all(answers)).map(meaningOf);
    expect(meanings.filter((meaning) => meaning === 'signed in')).toHaveLength(1);
  });

  it('ends the sign-in with the fifth wrong answer, of whichever kind', async () => {
    await enableTotp(test, person);
    const stopped = await stop();
    const wrong = [asFactor('{}'), { code: '000000' }, asFactor(''), { challenge_type: 'recovery', code: 'x' }];
    for (const shown of wrong) expect(meaningOf(await showFactor(test, stopped, shown))).toBe('Invalid code');
    const options = await factorOptions(test, stopped);
    expect(meaningOf(await showFactor(test, stopped, asFactor('[]')))).toBe('Please sign in again');
    expect(meaningOf(await showFactor(test, stopped, asFactor(device.get(options))))).toBe('Please sign in again');
  });

  it('is over when the passkey was removed meanwhile', async () => {
    const stopped = await stop();
    const shown = asFactor(device.get(await factorOptions(test, stopped)));
    const [{ id }] = (await callPasskeys(test, person, 'get')).body;
    await callPasskeys(test, person, 'delete', `/${id}`).send({ password: PASSWORD });
    expect(meaningOf(await showFactor(test, stopped, shown))).toBe('Please sign in again');
  });

  it('shares the budget of the account with codes; a right password does not refill it (R74)', async () => {
    const strict = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.second_factor.points = 2;
    }, test.database);
    const attempt = async (fields: Record<string, string>) =>
      meaningOf(await showFactor(strict, await stopAtFactor(strict, client, person.name), fields));
    expect(await attempt(asFactor('{}'))).toBe('Invalid code');
    expect(await attempt({ challenge_type: 'recovery', code: 'x' })).toBe('Invalid code');
    const stopped = await stopAtFactor(strict, client, person.name);
    const shown = asFactor(device.get(await factorOptions(strict, stopped)));
    const throttled = await outcomeOf(showFactor(strict, stopped, shown));
    await strict.close();
    expect(throttled).toEqual({ status: 429, body: { error: 'Throttled' } });
    expect(meaningOf(await showFactor(test, stopped, shown))).toBe('signed in');
  });
});
