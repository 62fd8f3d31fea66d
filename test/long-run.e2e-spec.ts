import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BudgetConfig } from '../src/config/config.js';
import { type Adjust, PUB, startApp, type TestApp } from './support/app.js';
import {
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  signIn,
  type SignedIn,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { lettersTo } from './support/reactivation.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const NEW_PASSWORD = 'another horse, another battery';
const STREAK = 3;

let smtp: SmtpListener;
let test: TestApp;
let replica: TestApp;
let client: TestClient;
let query: Record<string, string>;
let people = 0;
let name: string;
let id: string;
let tokens: Tokens;
let browser: SignedIn;
/** Only the long run is limited. */
const enabled: Adjust = (config) => {
  config.smtpUrl = smtp.url;
  config.limits.enabled = true;
  for (const budget of ['password_identifier', 'password_account', 'password_address'] as const)
    config.limits[budget] = BudgetConfig.of(0, 900);
  config.limits.password_streak = BudgetConfig.of(STREAK, 0);
};
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp(enabled);
  replica = await startApp(enabled, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test);
  query = oauthQuery(client);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await smtp.close();
});
beforeEach(async () => {
  name = `person${++people}`;
  id = await createUser(test, name, { emailVerifiedAt: new Date() });
  tokens = await obtainTokens(test, client, name, 'read write:accounts');
  browser = await signIn(test, client, name);
});

const attempt = (password: string, identifier = name, app = test) =>
  postLogin(app, query, { identifier, password }).set('User-Agent', FIREFOX);
const fail = async (times: number, identifier = name) => {
  for (let n = 0; n < times; n++) await attempt('wrong', identifier);
};
const isIn = async (password = PASSWORD) => redirectOf(await attempt(password)).to === `${PUB}/oauth/consent`;
const letPass = () => test.dataSource.query(`update attempt_budget set expire = 1 where key ~ '^password_long_run'`);
const warnings = async () => (await lettersTo(test, id)).filter((letter) => letter === 'wrong_passwords').length;
/** Everything that an answer says. */
const bytes = async (request: ReturnType<typeof attempt>) => {
  const { status, text, headers } = await request;
  const { date: _, 'x-request-id': __, ...others } = headers;
  return { status, text, headers: others };
};

describe('a long run of wrong passwords (contract.md §1.1, security.md R33, R36)', () => {
  it('is told to the owner once, with when, from where and with what', async () => {
    await fail(STREAK);
    expect(await warnings()).toBe(0);
    await fail(5);
    const mail = await smtp.next({ to: `${name}@example.org`, subject: /wrong/ });
    expect(mail.subject).toBe('Many wrong passwords for your account at Gatehouse');
    for (const form of [mail.text, mail.html]) {
      expect(form).toContain(name);
      expect(form).toMatch(/\d{1,2} \w+ \d{4}, \d\d:\d\d UTC/);
      expect(form).toContain('127.0.0.1');
      expect(form).toContain('Firefox on Linux');
    }
    expect(mail.links).toEqual([`${PUB}/oauth/reset`]);
    await letPass();
    await fail(3);
    expect(await warnings()).toBe(1);
  });

  it('is told once when many come at once over two replicas, by name and by address', async () => {
    const identifiers = [name, `${name}@example.org`, `@${name}`];
    await Promise.all(
      Array.from({ length: 12 }, (_, n) => attempt('wrong', identifiers[n % 3], n % 2 ? test : replica)),
    );
    expect(await warnings()).toBe(1);
  });

  it('lets one attempt in 15 minutes through, and answers all in the same bytes', async () => {
    const wrong = await bytes(attempt('wrong', 'nobody_here'));
    const others = [];
    for (let n = 0; n <= STREAK; n++) others.push(await bytes(attempt('wrong')));
    others.push(await bytes(attempt(PASSWORD)), await bytes(attempt(PASSWORD, `${name}@example.org`)));
    for (const answer of others) expect(answer).toEqual(wrong);
    expect(wrong.headers).not.toHaveProperty('retry-after');
    const [{ left }] = await test.dataSource.query(
      `select (expire / 1000 - extract(epoch from now()))::int as left from attempt_budget where key = $1`,
      [`password_long_run:${id}`],
    );
    expect(left).toBeGreaterThan(800);
    expect(left).toBeLessThanOrEqual(900);
    await letPass();
    expect(await isIn()).toBe(true);
  });

  it('lets the right password be the one, and then knows no run any more', async () => {
    await fail(STREAK);
    expect(await isIn()).toBe(true);
    await letPass();
    await fail(STREAK);
    expect(await isIn()).toBe(true);
    // Each run is worth a mail.
    expect(await warnings()).toBe(2);
  });

  it('leaves what is signed in alone', async () => {
    await fail(STREAK + 3);
    expect(await statusOf(test, tokens.access_token)).toBe(200);
    const refreshed = await test.http.post('/oauth/token').send({
      grant_type: 'refresh_token',
      refresh_token: tokens.refresh_token,
      client_id: client.client_id,
      client_secret: client.client_secret,
    });
    expect(refreshed.status).toBe(200);
    const onward = await test.http.post('/api/auth/continue').set('Cookie', browser.cookie).query(query);
    expect(redirectOf(onward).to).toBe(`${PUB}/oauth/consent`);
  });

  it('ends with a new password by mail', async () => {
    await fail(STREAK + 3);
    expect(await isIn()).toBe(false);
    await test.http.post('/auth/password').send({ email: `${name}@example.org` });
    const link = smtp.linkOf(await smtp.next({ to: `${name}@example.org`, subject: /Set a new password/ }));
    const token = new URL(link).searchParams.get('token');
    const reset = await test.http.post('/api/auth/reset').type('form').send({ token, password: NEW_PASSWORD });
    expect(redirectOf(reset).sent).toEqual({ success: 'true' });
    expect(await isIn(NEW_PASSWORD)).toBe(true);
    await fail(STREAK - 1);
    expect(await isIn(NEW_PASSWORD)).toBe(true);
  });

  it('counts wrong passwords on account routes as well, and holds the right one back there', async () => {
    const change = (password: string) =>
      test.http
        .post('/api/pleroma/change_password')
        .auth(tokens.access_token, { type: 'bearer' })
        .send({ password, new_password: NEW_PASSWORD, new_password_confirmation: NEW_PASSWORD });
    for (let n = 0; n <= STREAK; n++) expect((await change('wrong')).body).toEqual({ error: 'Invalid password.' });
    expect(await warnings()).toBe(1);
    expect((await change(PASSWORD)).body).toEqual({ error: 'Invalid password.' });
    expect(await isIn()).toBe(false);
    await letPass();
    expect((await change(PASSWORD)).body).toEqual({ status: 'success' });
    expect(await isIn(NEW_PASSWORD)).toBe(true);
  });

  it('of an unknown name is counted alike and told to nobody; an account without an address is not told either', async () => {
    const [{ before }] = await test.dataSource.query('select count(*)::int as before from mail_outbox');
    await fail(STREAK + 2, 'nobody_there');
    const [{ points }] = await test.dataSource.query('select points from attempt_budget where key = $1', [
      'password_streak:unknown:nobody_there',
    ]);
    expect(points).toBe(STREAK + 2);
    await test.dataSource.query('update "user" set email = null where id = $1', [id]);
    await fail(STREAK + 2);
    expect(await isIn()).toBe(false);
    const [{ after }] = await test.dataSource.query('select count(*)::int as after from mail_outbox');
    expect(after).toBe(before);
  });

  it('is answered the same while the mail server is away; the mail follows (security.md D17)', async () => {
    await smtp.stop();
    await fail(STREAK);
    expect(await bytes(attempt('wrong'))).toEqual(await bytes(attempt('wrong', 'nobody_here')));
    await smtp.start();
    expect((await smtp.next({ to: `${name}@example.org`, subject: /wrong/ })).text).toContain(name);
  });
});
