import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  signIn,
  type TestClient,
} from './support/flows.js';
import { endings, journalOfPerson, lettersTo } from './support/reactivation.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const SECRET = /^[\w-]{43}$/;
const NEW_PASSWORD = 'another horse, another battery';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let query: Record<string, string>;
const ids: Record<string, string> = {};
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.oauth.allow_http_redirects = true;
  });
  await test.listen();
  client = await registerClient(test);
  query = oauthQuery(client, { scope: 'read write', state: 'a&state' });
  const past = new Date(Date.now() - 1000);
  for (const [name, more] of Object.entries({
    paused: {},
    leaving: {},
    paused_and_leaving: {},
    barred: {},
    barred_and_leaving: {},
    erased: { passwordHash: null, deletionDueAt: past, erasedAt: past },
    must_reset: { passwordResetRequired: true },
    unconfirmed: { confirmationPending: true },
    waiting: { approvalPending: true },
  }))
    ids[name] = await createUser(test, name, more);
  for (const [name = '', id] of Object.entries(ids)) {
    if (name.startsWith('paused')) await endings(test).disable(id, 'owner', null);
    if (name.startsWith('barred')) await endings(test).disable(id, 'staff', null);
    if (name.endsWith('leaving')) await endings(test).scheduleDeletion(id, null);
  }
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

const login = (identifier: string, password = PASSWORD, app = test) => postLogin(app, query, { identifier, password });

/** No sign-in leaves anything behind that a browser or client could use. */
async function expectNothingBegun(before: Record<string, number>): Promise<void> {
  const { browser_session, authorization_code, session } = await countRows(test);
  expect({ browser_session, authorization_code, session }).toEqual({
    browser_session: before['browser_session'],
    authorization_code: before['authorization_code'],
    session: before['session'],
  });
}

describe('POST /api/auth/login to an account that its owner left (contract.md §3.3.1 row 11)', () => {
  it.each([
    ['paused', 'disabled'],
    ['leaving', 'deletion_pending'],
    ['paused_and_leaving', 'deletion_pending'],
  ])('asks after the right password whether %s shall come back', async (identifier, reason) => {
    const before = await countRows(test);
    const answer = await login(identifier);
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/reactivate`,
      sent: { reactivation_token: expect.stringMatching(SECRET), reason, ...query },
    });
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^gh_mfa=[\w-]{43}; Max-Age=300; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    await expectNothingBegun(before);
    expect((await journalOfPerson(test, ids[identifier]!)).at(-1)).toBe('login.blocked');
  });

  it('keeps neither token nor cookie readable, and lets them live 300 seconds (R20)', async () => {
    await test.dataSource.query('truncate pending_sign_in');
    const answer = await login('paused');
    const [row] = await test.dataSource.query(
      'select *, extract(epoch from expires_at - now())::int as left from pending_sign_in',
    );
    expect(row.left).toBeGreaterThan(290);
    expect(row.left).toBeLessThanOrEqual(300);
    expect(row.user_id).toBe(ids['paused']);
    const cookie = /^gh_mfa=([\w-]+)/.exec(cookiesOf(answer)[0] ?? '')?.[1] ?? '';
    const { reactivation_token: token = '' } = redirectOf(answer).sent;
    expect(cookie).not.toBe(token);
    for (const secret of [token, cookie]) {
      expect(JSON.stringify(row)).not.toContain(secret);
      for (const column of [row.hash, row.browser_hash]) expect(column.toString('latin1')).not.toContain(secret);
      expect(test.logs.join()).not.toContain(secret);
    }
  });

  it('on https gives the cookie a name that plain http cannot plant, and follows the operator’s path', async () => {
    const https = await startApp((config) => {
      config.publicUrl = 'https://id.example';
      config.frontend.routes.reactivate = '/welcome-back';
    }, test.database);
    const answer = await login('paused', PASSWORD, https);
    expect(redirectOf(answer).to).toBe('https://id.example/welcome-back');
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^__Host-gh_mfa=[\w-]{43}; Max-Age=300; Path=\/; HttpOnly; Secure; SameSite=Strict$/),
    ]);
    await https.close();
  });

  it.each(['barred', 'barred_and_leaving'])(
    'tells %s, whom staff keeps out, and offers nothing',
    async (identifier) => {
      const before = await countRows(test);
      const answer = await login(identifier);
      expect(answer.status).toBe(302);
      expect(redirectOf(answer)).toEqual({
        to: `${PUB}/oauth/authorize`,
        sent: {
          ...query,
          error: 'access_denied',
          error_description: 'Your login is currently disabled',
          identifier: 'account_is_disabled',
        },
      });
      expect(cookiesOf(answer)).toEqual([]);
      await expectNothingBegun(before);
      expect((await countRows(test))['pending_sign_in']).toBe(before['pending_sign_in']);
    },
  );

  it('gives the same bytes and headers to a wrong password in every state (R31)', async () => {
    const comparable = async (identifier: string) => {
      const { status, text, headers } = await login(identifier, 'not the right one');
      const { date: _, 'x-request-id': __, ...others } = headers;
      return { status, text, headers: others };
    };
    const expected = await comparable('nobody');
    expect(expected.headers['location']).toContain('error_description=Invalid%20identifier%20or%20password');
    for (const name of Object.keys(ids)) expect(await comparable(name), name).toEqual(expected);
    expect(await test.dataSource.query(`select 1 from mail_outbox where template = 'confirm_registration'`)).toEqual(
      [],
    );
  });
});

describe('POST /api/auth/login to an account that is not ready (contract.md §3.3.1 row 11)', () => {
  const reset = (token: string) =>
    test.http.post('/api/auth/reset').type('form').send({ token, password: NEW_PASSWORD, password2: NEW_PASSWORD });

  it('leads to a new password where staff demands one, by a token that works once', async () => {
    const before = await countRows(test);
    const older = redirectOf(await login('must_reset')).sent['token'] ?? '';
    const answer = await login('must_reset');
    expect(answer.status).toBe(302);
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/reset`,
      sent: { token: expect.stringMatching(SECRET), login_reset: 'true' },
    });
    expect(cookiesOf(answer)).toEqual([]);
    await expectNothingBegun(before);
    expect(await lettersTo(test, ids['must_reset']!)).toEqual([]);

    const { token = '' } = redirectOf(answer).sent;
    const voided = await reset(older);
    expect(redirectOf(voided).sent).toEqual({
      token: older,
      error: 'invalid_token',
      error_description: 'Invalid token',
    });
    expect(redirectOf(await reset(token))).toEqual({ to: `${PUB}/oauth/reset`, sent: { success: 'true' } });
    expect(redirectOf(await reset(token)).sent).toMatchObject({ error: 'invalid_token' });
    const mail = await smtp.next({ to: 'must_reset@example.org' });
    expect(mail.subject).toBe('A new password for your account at Gatehouse');
    expect(redirectOf(await login('must_reset')).sent).toMatchObject({ error: 'invalid_grant' });
    expect(redirectOf(await login('must_reset', NEW_PASSWORD)).to).toBe(`${PUB}/oauth/consent`);
  });

  it.each([
    ['unconfirmed', 'Your login is missing a confirmed e-mail address', 'missing_confirmed_email'],
    ['waiting', 'Your login is currently pending approval', 'awaiting_approval'],
  ])('tells %s, who knows the password, what is missing', async (identifier, sentence, code) => {
    const before = await countRows(test);
    const answer = await login(identifier);
    expect(answer.status).toBe(302);
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/authorize`,
      sent: { ...query, error: 'access_denied', error_description: sentence, identifier: code },
    });
    expect(cookiesOf(answer)).toEqual([]);
    await expectNothingBegun(before);
    expect(await lettersTo(test, ids[identifier]!)).toEqual(
      identifier === 'unconfirmed' ? ['confirm_registration'] : [],
    );
  });

  it('mails whoever is unconfirmed a new link, which lets them in (§3.3.2)', async () => {
    await createUser(test, 'unread', { confirmationPending: true });
    const mailedLink = async () => {
      await login('unread');
      return smtp.linkOf(await smtp.next({ to: 'unread@example.org', subject: /Confirm/ }));
    };
    const [older, newer] = [await mailedLink(), await mailedLink()];
    const open = (link: string) => test.http.post(link.slice(PUB.length)).set('Accept', 'application/json');
    expect((await open(older)).status).toBe(404);
    expect((await open(newer)).body).toEqual({ status: 'success' });
    expect((await signIn(test, client, 'unread')).cookie).toMatch(/^jwt=/);
  });
});
