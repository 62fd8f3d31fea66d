import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PREFIXES, signInOutcome } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { BODY_FORMS, PASSWORD, registerClient, sendAs, type TestClient } from './support/flows.js';
import { createVerified, requestReset } from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const NEW = 'quite another horse';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

let names = 0;
let name: string;
let token: string;
beforeEach(async () => {
  name = `person_${++names}`;
  await createVerified(test, name);
  token = await requestReset(test, smtp, name);
});

describe.each(PREFIXES)('GET %s/password_reset/:token (contract.md §5.5)', (prefix) => {
  it('leads to the reset page, with the token it was given', async () => {
    const answer = await test.http.get(`${prefix}/password_reset/${token}`).set('Host', 'evil.example');
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers).toMatchObject({
      location: `${PUB}/oauth/reset?token=${token}`,
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
  });

  it('does the same for HEAD, and neither uses the token up', async () => {
    await test.http.get(`${prefix}/password_reset/${token}`);
    const answer = await test.http.head(`${prefix}/password_reset/${token}`);
    expect([answer.status, answer.headers['location']]).toEqual([302, `${PUB}/oauth/reset?token=${token}`]);
    const reset = await test.http.post('/api/auth/reset').send({ token, password: NEW });
    expect(reset.headers['location']).toBe(`${PUB}/oauth/reset?success=true`);
  });

  it.each(['x', 'a%26error%3Dx%23y', '%2F%2Fevil.example', 'a%20b'])('keeps %s one parameter', async (sent) => {
    const answer = await test.http.get(`${prefix}/password_reset/${sent}`);
    expect([answer.status, answer.headers['location']]).toEqual([302, `${PUB}/oauth/reset?token=${sent}`]);
  });
});

describe.each(PREFIXES)('POST %s/password_reset (contract.md §5.5)', (prefix) => {
  const fields = (more: Record<string, string> = {}) => ({
    'data[token]': token,
    'data[password]': NEW,
    'data[password_confirmation]': NEW,
    ...more,
  });

  it.each(BODY_FORMS)('sets the password, as %s', async (form) => {
    const answer = await sendAs(test.http.post(`${prefix}/password_reset`), form, fields());
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers['location']).toBe(`${PUB}/oauth/reset?success=true`);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(await signInOutcome(test, client, name, NEW)).toBe('signed in');
  });

  it.each([
    ['another repetition', { 'data[password_confirmation]': 'x' }, 'password_mismatch', 'Passwords do not match'],
    [
      'a common password',
      { 'data[password]': 'password1', 'data[password_confirmation]': 'password1' },
      'invalid_password',
      'Password is too common',
    ],
    ['an unknown token', { 'data[token]': 'A'.repeat(43) }, 'invalid_token', 'Invalid token'],
    ['no token', { 'data[token]': '' }, 'invalid_token', 'Invalid token'],
  ])('refuses %s', async (_, more, error, sentence) => {
    const sent = fields(more);
    const answer = await test.http.post(`${prefix}/password_reset`).type('form').send(sent);
    expect(answer.headers['location']).toBe(
      `${PUB}/oauth/reset?token=${sent['data[token]']}&error=${error}&error_description=${encodeURIComponent(sentence)}`,
    );
    expect(await signInOutcome(test, client, name, PASSWORD)).toBe('signed in');
  });

  it('refuses another site', async () => {
    const answer = await test.http
      .post(`${prefix}/password_reset`)
      .set('Origin', 'https://evil.example')
      .send(fields());
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'Cross-site request refused' });
    expect(await signInOutcome(test, client, name, PASSWORD)).toBe('signed in');
  });

  it('does not read the fields of the other form', async () => {
    const answer = await test.http.post(`${prefix}/password_reset`).send({ token, password: NEW });
    expect(answer.headers['location']).toContain('/oauth/reset?token=&error=invalid_token');
  });
});
