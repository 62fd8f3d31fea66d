import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, rowsOf } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { FORM } from './support/bodies.js';
import { ask, BODY_FORMS, outcomeOf, registerClient, sendAs, statusOf, type TestClient } from './support/flows.js';
import {
  answerChallenge,
  askGrant,
  challengeOf,
  factorLetters,
  type Guarded,
  makeCodes,
  newGuarded,
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

describe('POST /oauth/token of somebody with a second factor (contract.md §2.5.3)', () => {
  it('answers a challenge in Pleroma’s shape, and no token', async () => {
    const sessions = await rowsOf(test, 'session', person.id);
    await newEvents(test, person.id);
    const asked = await askGrant(test, client, person.name);
    expect({ status: asked.status, body: asked.body }).toStrictEqual({
      status: 403,
      body: {
        error: 'mfa_required',
        mfa_token: expect.stringMatching(/^[\w-]{43}$/),
        supported_challenge_types: 'totp',
      },
    });
    expect(asked.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'access-control-allow-origin': '*',
    });
    expect(await newEvents(test, person.id)).toEqual(['login.mfa_required']);
    expect(await rowsOf(test, 'session', person.id)).toBe(sessions);
    const wrong = await askGrant(test, client, person.name, { password: 'wrong' });
    expect(wrong.body).toEqual({ error: 'invalid_grant', error_description: 'Invalid identifier or password' });
    // Keeping it helps nobody who reads the database.
    const [{ dump }] = await test.dataSource.query(`select string_agg(c::text, ' ') as dump from mfa_challenge c`);
    expect(dump).not.toContain(asked.body.mfa_token);
    expect(dump).not.toContain(Buffer.from(asked.body.mfa_token).toString('hex'));
  });
});

describe('POST /oauth/mfa/challenge', () => {
  it.each(BODY_FORMS)('answers tokens to the right code, in a %s body', async (form) => {
    const token = await challengeOf(test, client, person.name, { scope: 'read write:accounts' });
    await newEvents(test, person.id);
    const { client_id, client_secret } = client;
    // Soapbox sends the last two as well.
    const more = { redirect_uri: 'urn:ietf:wg:oauth:2.0:oob', scope: 'read write follow push admin' };
    const fields = { client_id, client_secret, mfa_token: token, code: person.app.code(), challenge_type: 'totp' };
    const done = await sendAs(test.http.post('/oauth/mfa/challenge'), form, { ...fields, ...more });
    expect({ status: done.status, body: done.body }).toStrictEqual({
      status: 200,
      body: {
        id: expect.any(Number),
        access_token: expect.stringMatching(/^[\w-]{43}$/),
        token_type: 'Bearer',
        scope: 'read write:accounts',
        created_at: expect.any(Number),
        expires_in: 7_776_000,
        refresh_token: expect.stringMatching(/^[\w-]{43}$/),
        me: `${PUB}/users/${person.name}`,
      },
    });
    expect(done.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
    expect(done.headers).not.toHaveProperty('set-cookie');
    expect(await statusOf(test, done.body.access_token)).toBe(200);
    expect(await newEvents(test, person.id)).toEqual(['mfa.passed', 'token.issued']);
  });

  it('takes HTTP Basic', async () => {
    const request = test.http.post('/oauth/mfa/challenge').auth(client.client_id, client.client_secret);
    const fields = { mfa_token, code: person.app.code(), challenge_type: 'totp' };
    expect((await request.send(fields)).status).toBe(200);
  });

  it.each(['totp', 'recovery'])(
    'takes a backup code under %s, once; the mail tells how many are left',
    async (type) => {
      const [code] = await makeCodes(test, person);
      for (const status of [200, 400]) {
        mfa_token = await challengeOf(test, client, person.name);
        const shown = { code: code?.toUpperCase(), challenge_type: type };
        expect((await answer(shown)).status).toBe(status);
      }
      const used = (await factorLetters(test, person)).filter(({ template }) => template === 'backup_code_used');
      expect(used).toMatchObject([{ recipient: person.email, facts: { left: '9' } }]);
    },
  );

  it.each<[string, () => Record<string, unknown>]>([
    ['a wrong code', () => ({ code: person.app.wrongCode })],
    ['an empty code', () => ({ code: '' })],
    ['a space before the code', () => ({ code: ` ${person.app.code()}` })],
    ['a type that is none', () => ({ challenge_type: 'sms' })],
    ['an empty type', () => ({ challenge_type: '' })],
    ['a passkey’s type', () => ({ challenge_type: 'webauthn' })],
    ['the other type', () => ({ challenge_type: 'recovery' })],
  ])('answers 400 and survives: %s', async (_, fields) => {
    const refused = await answerChallenge(test, client, { mfa_token, code: person.app.code(), ...fields() });
    expect({ status: refused.status, body: refused.body }).toStrictEqual(INVALID);
    expect(refused.headers).toMatchObject({ 'cache-control': 'no-store', 'access-control-allow-origin': '*' });
    expect(refused.headers).not.toHaveProperty('www-authenticate');
    expect(await held()).toBe(1);
    expect(await granted()).toBe(true);
  });

  it.each<[string, Record<string, unknown>]>([
    ['no code', { code: undefined }],
    ['no token', { mfa_token: undefined }],
    ['no type', { challenge_type: undefined }],
    ['a number', { code: 123_456 }],
    ['an array', { code: ['123456'] }],
    ['null', { code: null }],
    ['an array as token', { mfa_token: ['a'] }],
    ['an array as type', { challenge_type: ['totp'] }],
    ['U+0000', { code: '12\u00003456' }],
    ['an unknown token', { mfa_token: 'A'.repeat(43) }],
    ['a short token', { mfa_token: 'A' }],
    ['an injection', { mfa_token: "' or 1=1 --" }],
    ['a wrong secret', { client_secret: 'wrong' }],
    ['no secret', { client_secret: undefined }],
    ['no client', { client_id: undefined, client_secret: undefined }],
    ['an unknown client', { client_id: 'A'.repeat(43) }],
  ])('answers the same to what is malformed or unknown, and counts nothing: %s', async (_, fields) => {
    const refused = await answerChallenge(test, client, { mfa_token, code: person.app.code(), ...fields });
    expect({ status: refused.status, body: refused.body }).toStrictEqual(INVALID);
    expect(refused.headers).not.toHaveProperty('www-authenticate');
    expect(await held()).toBe(0);
    expect(await granted()).toBe(true);
  });

  it('answers the same to an unreadable body, a field given twice, and secrets in the URL', async () => {
    const send = async (type: string, body: string, query = '') => {
      const { status, text } = await ask(test, 'POST', `/oauth/mfa/challenge${query}`, { 'Content-Type': type }, body);
      return { status, body: JSON.parse(text) };
    };
    const { client_id, client_secret } = client;
    const fields = { client_id, client_secret, mfa_token, code: person.app.code(), challenge_type: 'totp' };
    const form = new URLSearchParams(fields).toString();
    expect(await send('application/json', '{')).toStrictEqual(INVALID);
    expect(await send(FORM, `${form}&code=1`)).toStrictEqual(INVALID);
    expect(await send(FORM, form, `?code=${fields.code}`)).toStrictEqual(INVALID);
    expect(await send('text/plain', form)).toMatchObject({ status: 415 });
    expect(await held()).toBe(0);
    expect((await send(FORM, form)).status).toBe(200);
  });

  it('takes no other method', async () => {
    for (const method of ['get', 'head', 'put', 'delete'] as const) {
      const refused = await test.http[method]('/oauth/mfa/challenge');
      expect([refused.status, refused.headers['allow']]).toEqual([405, 'POST']);
    }
  });
});
