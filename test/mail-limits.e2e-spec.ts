import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PREFIXES } from './support/account.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import { addressOf, CONFIRM_SUBJECT, createVerified, mailsAreOut, RESET_SUBJECT } from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let replica: TestApp;
beforeAll(async () => {
  smtp = await startSmtp();
  // One trusted hop, so that a test can be at many addresses; limits as they are by default.
  const limited: Adjust = (config) => {
    Object.assign(config, { smtpUrl: smtp.url, trustProxy: 1 });
    config.limits.enabled = true;
  };
  test = await startApp(limited);
  replica = await startApp(limited, test.database);
  await Promise.all([test.listen(), replica.listen()]);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await smtp.close();
});

let names = 0;
let name: string;
beforeEach(async () => {
  await test.dataSource.query('truncate attempt_budget');
  name = `person_${++names}`;
});

let addresses = 0;
const elsewhere = () => `198.51.100.${++addresses % 250}`;
const ask = (path: string, identifier: string, { http } = test, ip = elsewhere()) =>
  http.post(path).query({ email: identifier }).set('X-Forwarded-For', ip);
const mailsTo = (subject: RegExp) => smtp.sentTo({ to: addressOf(name), subject }).length;
/** Lets the window of a budget end. */
const letPass = (budget: string) =>
  test.dataSource.query(`update attempt_budget set expire = 1 where key like $1`, [`${budget}:%`]);

describe('mails to one recipient (contract.md §1.1, security.md R83)', () => {
  const RESEND = `${PREFIXES[0]}/accounts/confirmation_resend`;
  const UNCONFIRMED = { confirmationPending: true, emailVerifiedAt: null };

  it.each([
    ['/auth/password', RESET_SUBJECT, {}],
    [RESEND, CONFIRM_SUBJECT, UNCONFIRMED],
  ])(
    '%s: five in half an hour, by whatever name and replica; further ones are answered alike',
    async (path, subject, more) => {
      await createVerified(test, name, more);
      const first = await ask(path, name);
      for (let n = 1; n < 8; n++) {
        const answer = await ask(path, n % 2 ? addressOf(name) : `@${name}`, n % 2 ? replica : test);
        const { date: _, 'x-request-id': __, 'x-ratelimit-reset': ___, ...kept } = answer.headers;
        expect([answer.status, answer.text]).toEqual([204, '']);
        expect(first.headers).toMatchObject(kept);
      }
      await mailsAreOut(test);
      expect(mailsTo(subject)).toBe(5);
      await letPass('mail_recipient');
      await ask(path, name);
      await mailsAreOut(test);
      expect(mailsTo(subject)).toBe(6);
    },
  );

  it('leaves the last link that was sent alone when no other is', async () => {
    const id = await createVerified(test, name);
    for (let n = 0; n < 5; n++) await ask('/auth/password', name);
    await mailsAreOut(test);
    const token = () => test.dataSource.query('select hash from mail_token where user_id = $1', [id]);
    const last = await token();
    expect(last).toHaveLength(1);
    await ask('/auth/password', name);
    await mailsAreOut(test);
    expect(await token()).toEqual(last);
  });

  it('counts each recipient and each kind of mail by itself', async () => {
    await createVerified(test, name);
    for (let n = 0; n < 6; n++) await ask('/auth/password', name);
    await createVerified(test, 'another');
    await ask('/auth/password', 'another');
    await mailsAreOut(test);
    await test.dataSource.query(
      `update "user" set confirmation_pending = true, email_verified_at = null where username = $1`,
      [name],
    );
    await ask(RESEND, name);
    await mailsAreOut(test);
    expect([mailsTo(RESET_SUBJECT), mailsTo(CONFIRM_SUBJECT)]).toEqual([5, 1]);
    expect(smtp.sentTo({ to: addressOf('another') })).toHaveLength(1);
  });

  it('counts nothing against somebody who gets none', async () => {
    await createVerified(test, name, { disabledAt: new Date(), disabledByStaff: true });
    for (let n = 0; n < 6; n++) await ask('/auth/password', name);
    await mailsAreOut(test);
    expect(await test.dataSource.query(`select from attempt_budget where key like 'mail_recipient%'`)).toEqual([]);
  });
});

describe('requests from one address (contract.md §1.1)', () => {
  const PATHS = ['/auth/password', ...PREFIXES.map((prefix) => `${prefix}/accounts/confirmation_resend`)];

  it('are 25 in half an hour over all routes and replicas; then 429, known or not', async () => {
    await createVerified(test, name);
    const ip = '203.0.113.7';
    for (let n = 0; n < 25; n++) {
      const answer = await ask(PATHS[n % 3] ?? '', n % 2 ? name : 'nobody', n % 2 ? replica : test, ip);
      expect(answer.status).toBe(204);
      expect(answer.headers).toMatchObject({ 'x-ratelimit-limit': '25', 'x-ratelimit-remaining': String(24 - n) });
    }
    await mailsAreOut(test);
    const before = smtp.mails.length;
    for (const path of PATHS) {
      for (const identifier of [name, 'nobody']) {
        const answer = await ask(path, identifier, test, ip);
        expect(answer.status).toBe(429);
        expect(answer.body).toEqual({ error: 'Throttled' });
        expect(answer.headers['access-control-allow-origin']).toBe('*');
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(1700);
        expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(1800);
      }
    }
    expect((await ask('/auth/password', name, test, '203.0.113.8')).status).toBe(204);
    await mailsAreOut(test);
    expect(smtp.mails.length - before).toBe(1);
    await letPass('mail_requests');
    expect((await ask('/auth/password', name, test, ip)).status).toBe(204);
  });
});
