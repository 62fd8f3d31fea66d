import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PasswordResetService } from '../src/recovery/password-reset.service.js';
import { requestChange } from './support/account-mails.js';
import { act, changePassword, newPerson, type Person, signInOutcome, takeFootholds } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import {
  INVALID_GRANT,
  outcomeOf,
  PASSWORD,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { mailsAreOut, requestReset, RESET_SUBJECT, tokenOf } from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { UsersService } from '../src/users/users.service.js';
import { DataSource } from 'typeorm';

const NEW = 'quite another horse';

let smtp: SmtpListener;
let test: TestApp;
let replica: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  replica = await startApp((config) => (config.smtpUrl = smtp.url), test.database);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await smtp.close();
});

let person: Person;
beforeEach(async () => {
  person = await newPerson(test, client);
});

const reset = async (token: string, app = test) =>
  redirectOf(await app.http.post('/api/auth/reset').send({ token, password: NEW })).sent;
const ask = () => requestReset(test, smtp, person.name);
const bearer = (path: string, token: string, { http } = replica) =>
  outcomeOf(http.get(path).auth(token, { type: 'bearer' }));

describe('tokens of other kinds (security.md R62)', () => {
  it('set no password', async () => {
    const { other, code, pending } = await takeFootholds(test, client, person.name);
    const link = await requestChange(test, smtp, person, `new-${person.email}`);
    const mailed = link.split('/').at(-1) ?? '';
    for (const value of [other.access_token, other.refresh_token, code, pending.code, client.client_secret, mailed]) {
      expect(await reset(value)).toEqual({ token: value, error: 'invalid_token', error_description: 'Invalid token' });
    }
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
  });

  it('are not what the token of a reset is', async () => {
    const token = await ask();
    expect(await outcomeOf(test.http.post(`/auth/link/${token}`))).toEqual({
      status: 404,
      body: { error: 'This link is no longer valid' },
    });
    expect((await test.http.get(`/auth/link/${token}`)).status).toBe(404);
    expect((await bearer('/api/v1/accounts/verify_credentials', token)).status).toBe(401);
    expect(await outcomeOf(requestToken(test, client, redemption(client, token)))).toEqual(INVALID_GRANT);
    const refresh = requestToken(test, client, { grant_type: 'refresh_token', refresh_token: token });
    expect(await outcomeOf(refresh)).toEqual(INVALID_GRANT);
    expect(await reset(token)).toEqual({ success: 'true' });
  });
});

describe('what voids the token of a reset', () => {
  it.each([
    ['a change of the password', () => act(test, person, 'change_password', changePassword('yet another horse'))],
    ['disabling the account', () => act(test, person, 'disable_account', { password: PASSWORD })],
    ['deleting the account', () => act(test, person, 'delete_account', { password: PASSWORD })],
    [
      'a change of the address',
      async () => test.http.post(await requestChange(test, smtp, person, `new-${person.email}`)).expect(200),
    ],
  ])('%s does', async (_, work) => {
    const token = await ask();
    await work();
    expect(await reset(token)).toEqual({ token, error: 'invalid_token', error_description: 'Invalid token' });
  });

  it('the demand of staff does, and sends one of its own that says so', async () => {
    const token = await ask();
    const user = await test.app.get(UsersService).find(person.id);
    await test.app.get(DataSource).transaction((tx) => test.app.get(PasswordResetService).demandNew(user!, null, tx));
    const mail = await smtp.next({ to: person.email, subject: RESET_SUBJECT });
    expect(mail.text).toContain('The staff of Gatehouse asks you to set a new password');
    expect(await statusOf(replica, person.token)).toBe(401);
    expect(await reset(token)).toMatchObject({ error: 'invalid_token' });
    expect(await reset(tokenOf(smtp, mail))).toEqual({ success: 'true' });
    await mailsAreOut(test);
  });
});
