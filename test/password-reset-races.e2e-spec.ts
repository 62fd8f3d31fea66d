import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AccountEndingService } from '../src/account/account-ending.service.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  oauthQuery,
  obtainCode,
  PASSWORD,
  postLogin,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { holdRow } from './support/account.js';
import {
  createVerified,
  journalOfUser,
  mailsAreOut,
  requestReset,
  titlesOf,
  WAS_RESET_SUBJECT,
} from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const NEW = 'quite another horse';
const DONE = `${PUB}/oauth/reset?success=true`;

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

let names = 0;
let name: string;
let id: string;
let token: string;
beforeEach(async () => {
  name = `person_${++names}`;
  id = await createVerified(test, name);
  token = await requestReset(test, smtp, name);
  await mailsAreOut(test);
});

const reset = async (password = NEW, { http } = test) =>
  (await http.post('/api/auth/reset').send({ token, password })).headers['location'];
const invalidToken = () => `${PUB}/oauth/reset?token=${token}&error=invalid_token&error_description=Invalid%20token`;
const logIn = async (password = PASSWORD) =>
  await postLogin(replica, oauthQuery(client), { identifier: name, password });
const rowsOf = async (table: string): Promise<number> => {
  const [{ count }] = await test.dataSource.query(`select count(*)::int as count from ${table} where user_id = $1`, [
    id,
  ]);
  return count;
};

describe('two new passwords at once', () => {
  it('with one token are one: the other is refused, and one mail is sent', async () => {
    const passwords = [1, 2, 3, 4].map((n) => `${NEW} ${n}`);
    const told = await Promise.all(passwords.map((password, n) => reset(password, n % 2 ? test : replica)));
    expect(told.filter((location) => location === DONE)).toHaveLength(1);
    expect(told.filter((location) => location === invalidToken())).toHaveLength(3);
    const winner = passwords[told.indexOf(DONE)];
    const isIn = async (password: string) => redirectOf(await logIn(password)).to === `${PUB}/oauth/consent`;
    const opening = await Promise.all(passwords.map(isIn));
    expect(passwords.filter((_, n) => opening[n])).toEqual([winner]);
    await mailsAreOut(test);
    expect(smtp.sentTo({ to: `${name}@example.org`, subject: WAS_RESET_SUBJECT })).toHaveLength(1);
    expect((await journalOfUser(test, id)).filter((type) => type === 'password.reset')).toHaveLength(1);
  });

  it('asked for at once have one token that works', async () => {
    const held = await holdRow(test, id);
    await Promise.all([test, replica].map(({ http }) => http.post('/auth/password').query({ email: name })));
    await held.queued(2);
    await held.release();
    await mailsAreOut(test);
    expect(await rowsOf('mail_token')).toBe(1);
  });
});

describe('a new password, and a sign-in whose old password has just been checked', () => {
  it('ends the session when the sign-in was first', async () => {
    const held = await holdRow(test, id);
    const signIn = logIn();
    await held.queued(1);
    const done = reset();
    await held.queued(2);
    await held.release();
    expect(await done).toBe(DONE);
    const answer = await signIn;
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
    expect(await rowsOf('browser_session')).toBe(0);
    expect(await rowsOf('authorization_code')).toBe(0);
    const consent = await replica.http
      .post('/api/auth/redirect')
      .set('Cookie', cookiesOf(answer)[0]?.split(';')[0] ?? '')
      .type('form')
      .send({ client_id: client.client_id, redirect_uri: client.redirect_uri, code: redirectOf(answer).sent['code'] });
    expect(redirectOf(consent).to).toBe(`${PUB}/oauth/authorize`);
  });

  it('refuses the sign-in when the new password was first', async () => {
    const held = await holdRow(test, id);
    const done = reset();
    await held.queued(1);
    const signIn = logIn();
    await held.queued(2);
    await held.release();
    expect(await done).toBe(DONE);
    const answer = await signIn;
    expect(redirectOf(answer)).toMatchObject({ to: `${PUB}/oauth/authorize`, sent: { error: 'invalid_grant' } });
    expect(cookiesOf(answer)).toEqual([]);
    expect(await rowsOf('browser_session')).toBe(0);
  });

  it('gives who knows the old password no link to yet another one', async () => {
    await changeUser(test, id, 'password_reset_required = true');
    const held = await holdRow(test, id);
    const done = reset();
    await held.queued(1);
    const signIn = logIn();
    await held.queued(2);
    await held.release();
    expect(await done).toBe(DONE);
    expect(redirectOf(await signIn)).toMatchObject({ to: `${PUB}/oauth/authorize`, sent: { error: 'invalid_grant' } });
    expect(await rowsOf('mail_token')).toBe(0);
  });
});

describe('a new password, and what else happens to the account', () => {
  it('ends the session of a code that is redeemed while it is being written', async () => {
    const code = await obtainCode(test, client, name);
    const held = await holdRow(test, id);
    const done = reset();
    await held.queued(1);
    const redeemed = await requestToken(replica, client, redemption(client, code));
    expect(await statusOf(replica, redeemed.body.access_token)).toBe(200);
    await held.release();
    expect(await done).toBe(DONE);
    expect(await statusOf(replica, redeemed.body.access_token)).toBe(401);
  });

  it('is not offered by mail when staff disabled the account just before', async () => {
    const before = smtp.mails.length;
    const held = await holdRow(test, id);
    const disabled = replica.app.get(AccountEndingService).disable(id, 'staff', null);
    await held.queued(1);
    await test.http.post('/auth/password').query({ email: name }).expect(204);
    await held.queued(2);
    await held.release();
    expect(await disabled).toBe(true);
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails.slice(before))).toEqual([
      [`${name}@example.org`, 'Your account at Gatehouse was disabled'],
    ]);
    expect(await rowsOf('mail_token')).toBe(0);
  });

  it('is refused when staff disabled the account just before, and neither waits for the other in a circle', async () => {
    const held = await holdRow(test, id);
    const disabled = replica.app.get(AccountEndingService).disable(id, 'staff', null);
    await held.queued(1);
    const done = reset();
    await held.queued(2);
    await held.release();
    expect(await disabled).toBe(true);
    expect(await done).toBe(invalidToken());
    expect(await rowsOf('mail_token')).toBe(0);
  });
});
