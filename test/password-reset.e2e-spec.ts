import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { changeUser } from './support/account-states.js';
import { BODY_FORMS, oauthQuery, PASSWORD, postLogin, redirectOf, registerClient, sendAs } from './support/flows.js';
import { createVerified, mailsAreOut, requestReset, WAS_RESET_SUBJECT } from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const NEW = 'quite another horse';
const DONE = `${PUB}/oauth/reset?success=true`;

let smtp: SmtpListener;
let test: TestApp;
let query: Record<string, string>;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  query = oauthQuery(await registerClient(test));
});
afterAll(async () => {
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
});

const post = (fields: Record<string, unknown>) => test.http.post('/api/auth/reset').send(fields);
const refused = (sent: string, error: string, sentence: string) =>
  `${PUB}/oauth/reset?token=${encodeURIComponent(sent)}&error=${error}&error_description=${encodeURIComponent(sentence)}`;
const invalidToken = (sent: string) => refused(sent, 'invalid_token', 'Invalid token');

/** Whether a sign-in gets as far as the consent page. */
async function opens(password: string): Promise<boolean> {
  return redirectOf(await postLogin(test, query, { identifier: name, password })).to === `${PUB}/oauth/consent`;
}

describe('POST /api/auth/reset (contract.md §5.5)', () => {
  it('sets the password and leads to the page that says so: no cookie, nobody is signed in', async () => {
    const answer = await post({ token, password: NEW, password2: NEW }).set('Origin', PUB);
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers).toMatchObject({
      location: DONE,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect([await opens(PASSWORD), await opens(NEW)]).toEqual([false, true]);
  });

  const REPEATED = ['password2', 'password-confirm', 'password_confirmation'] as const;
  it.each(REPEATED.flatMap((field) => BODY_FORMS.map((form) => [field, form] as const)))(
    'compares %s, as %s',
    async (field, form) => {
      const send = (repeated: string) =>
        sendAs(test.http.post('/api/auth/reset'), form, { token, password: NEW, [field]: repeated });
      expect((await send(`${NEW} `)).headers['location']).toBe(
        refused(token, 'password_mismatch', 'Passwords do not match'),
      );
      expect((await send(NEW)).headers['location']).toBe(DONE);
    },
  );

  it('does without the repetition', async () => {
    expect((await post({ token, password: NEW })).headers['location']).toBe(DONE);
  });

  it('compares an empty repetition as well', async () => {
    const answer = await post({ token, password: NEW, password_confirmation: '' });
    expect(answer.headers['location']).toBe(refused(token, 'password_mismatch', 'Passwords do not match'));
  });

  it.each([
    ['no password', undefined, "can't be blank"],
    ['an empty one', '', "can't be blank"],
    ['a short one', 'sevench', 'is too short (minimum is 8 characters)'],
    ['seven characters that are more code units', '👩👩👩👩👩👩👩', 'is too short (minimum is 8 characters)'],
    ['1,025 bytes', 'ä'.repeat(512) + 'a', 'is too long'],
    ['a common one', 'Password1', 'is too common'],
    ['the name of the instance', 'GATEHOUSE', 'is too similar to your account'],
    ['the user name', () => name.toUpperCase(), 'is too similar to your account'],
    ['the address', () => `${name}@example.org`, 'is too similar to your account'],
  ])('refuses %s, and the link stays good', async (_, password, problem) => {
    const sent = typeof password === 'function' ? password() : password;
    const answer = await post({ token, password: sent, password2: sent });
    expect(answer.status).toBe(302);
    expect(answer.headers['location']).toBe(refused(token, 'invalid_password', `Password ${problem}`));
    expect((await post({ token, password: NEW })).headers['location']).toBe(DONE);
  });

  it('takes 1,024 bytes of any characters but U+0000, and counts each of them', async () => {
    const password = ` \t\u0001\r\n${'ß'.repeat(509)}x`;
    expect(Buffer.byteLength(password)).toBe(1024);
    expect((await post({ token, password, password2: password })).headers['location']).toBe(DONE);
    expect([await opens(password), await opens(password.trim())]).toEqual([true, false]);
  });

  it('judges the token first, then the repetition, then the password', async () => {
    const [unknown, weak] = ['A'.repeat(43), 'short'];
    const told = async (fields: Record<string, string>) => (await post(fields)).headers['location'];
    expect(await told({ token: unknown, password: weak, password2: 'other' })).toBe(invalidToken(unknown));
    expect(await told({ token, password: weak, password2: 'other' })).toBe(
      refused(token, 'password_mismatch', 'Passwords do not match'),
    );
  });
});

describe('POST /api/auth/reset: the token', () => {
  it.each([
    ['unknown', 'A'.repeat(43)],
    ['empty', ''],
    ['short', 'A'.repeat(42)],
    ['of other characters', '+'.repeat(43)],
    ['with a URL in it', 'x&success=true#https://evil.example'],
    ['not ASCII', 'ä€👩'],
  ])('%s is refused', async (_, sent) => {
    const answer = await post({ token: sent, password: NEW });
    expect(answer.status).toBe(302);
    expect(answer.headers['location']).toBe(invalidToken(sent));
    expect(await opens(PASSWORD)).toBe(true);
  });

  it('is missed', async () => {
    expect((await post({ password: NEW })).headers['location']).toBe(invalidToken(''));
  });

  it('works once', async () => {
    expect((await post({ token, password: NEW })).headers['location']).toBe(DONE);
    expect((await post({ token, password: PASSWORD })).headers['location']).toBe(invalidToken(token));
    expect([await opens(PASSWORD), await opens(NEW)]).toEqual([false, true]);
  });

  it('works for an hour', async () => {
    const age = (change: string) =>
      test.dataSource.query(`update mail_token set expires_at = expires_at - interval '${change}' where user_id = $1`, [
        id,
      ]);
    const [{ life }] = await test.dataSource.query(
      `select extract(epoch from expires_at - created_at)::int as life from mail_token where user_id = $1`,
      [id],
    );
    expect(life).toBe(3600);
    await age('59 minutes');
    expect((await post({ token, password: 'short' })).headers['location']).toContain('error=invalid_password');
    await age('1 minute');
    expect((await post({ token, password: NEW })).headers['location']).toBe(invalidToken(token));
  });

  it('is void as soon as there is a newer one', async () => {
    const newer = await requestReset(test, smtp, name);
    expect((await post({ token, password: NEW })).headers['location']).toBe(invalidToken(token));
    expect((await post({ token: newer, password: NEW })).headers['location']).toBe(DONE);
  });

  it.each([
    ['disabled by staff', 'disabled_at = now(), disabled_by_staff = true'],
    ['deleted', 'deletion_due_at = now()'],
  ])('counts no more when the account has been %s', async (_, change) => {
    await changeUser(test, id, change);
    expect((await post({ token, password: NEW })).headers['location']).toBe(invalidToken(token));
  });

  it('is not read from the query', async () => {
    const answer = await test.http.post('/api/auth/reset').query({ token, password: NEW }).send({});
    expect(answer.headers['location']).toBe(invalidToken(''));
  });
});

describe('POST /api/auth/reset: the request', () => {
  it.each([
    ['another site', { Origin: 'https://evil.example' }],
    ['another site, by the browser’s word', { 'Sec-Fetch-Site': 'cross-site' }],
    ['nowhere', { Origin: 'null' }],
  ])('is refused from %s', async (_, headers) => {
    const answer = await post({ token, password: NEW }).set(headers);
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: 'Cross-site request refused' });
    expect(answer.headers).not.toHaveProperty('location');
    expect(await opens(PASSWORD)).toBe(true);
  });

  it.each([
    ['a list', { token: ['x'] }],
    ['null', { password: null }],
    ['a number', { password: 12345678 }],
    ['U+0000', { password: 'eight\0chars' }],
    ['a lone surrogate', { password: 'eight\ud800chars' }],
    ['a line break in the token', { token: 'x\nSet-Cookie: a=b' }],
  ])('is refused with %s', async (_, fields) => {
    const answer = await post({ token, password: NEW, ...fields });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: expect.any(String) });
    expect(answer.headers).not.toHaveProperty('location');
  });

  it('is refused with a field given twice', async () => {
    const answer = await test.http.post('/api/auth/reset').type('form').send(`token=${token}&token=${token}`);
    expect(answer.status).toBe(400);
  });

  it.each(['get', 'put'] as const)('is no %s', async (method) => {
    const answer = await test.http[method]('/api/auth/reset');
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
  });

  it('leaves neither token nor password in log, journal or mail (security.md R15)', async () => {
    await post({ token, password: 'canary horse battery' });
    await smtp.next({ to: `${name}@example.org`, subject: WAS_RESET_SUBJECT });
    await mailsAreOut(test);
    const [{ rows }] = await test.dataSource.query('select json_agg(e)::text as rows from audit_event e');
    const written =
      test.logs.join('\n') +
      rows +
      smtp
        .sentTo({ subject: WAS_RESET_SUBJECT })
        .map(({ raw }) => raw)
        .join();
    expect(written).not.toContain(token);
    expect(written).not.toContain('canary horse');
  });
});
