import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newEvents } from './support/account.js';
import { posted } from './support/account-mails.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  BODY_FORMS,
  cookiesOf,
  createUser,
  oauthQuery,
  redirectOf,
  registerClient,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { nextConfirmation } from './support/newcomers.js';
import { lettersTo } from './support/reactivation.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { provider, tokensFor } from './support/sso.js';
import {
  accountOf,
  comeVouched,
  cookieOf,
  cookiesGiven,
  effectOf,
  FLOW_CLEARED,
  FLOW_KEPT,
  holdings,
  postNaming,
  reachNaming,
  SECRET,
  sentToLogin,
  SESSION,
} from './support/vouched.js';

let test: TestApp;
let smtp: SmtpListener;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
let query: Record<string, string>;
let people = 0;
beforeAll(async () => {
  [smtp, evil] = await Promise.all([startSmtp(), startEvilIssuer()]);
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.sso.providers = [provider('evil', evil.url)];
  });
  await test.listen();
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'ä&=#%\r\n😀 ' });
  query = { ...asked, issuer: 'evil' };
});
afterAll(async () => {
  await test.close();
  await Promise.all([smtp.close(), evil.stop()]);
});
afterEach(() => {
  test.config.registrations.approval = false;
});

/** Somebody new, with an address that the provider has verified. */
function newcomer(more: object = {}) {
  const name = `new_${++people}`;
  const email = `${name}@example.org`;
  return { name, email, claims: { sub: name, preferred_username: name, email, email_verified: true, ...more } };
}

const arrive = (claims: object) => reachNaming(test, evil, query, { ...claims });

describe('a sign-in at a provider by an identity that nobody here has (contract.md §3.7)', () => {
  it('leads to the page that asks for a name, with a cookie that goes on', async () => {
    const before = await holdings(test);
    const { name, email, claims } = newcomer();
    expect(effectOf(await comeVouched(test, evil, query, claims))).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/sso/register`,
      sent: { registration_token: SECRET, issuer: 'evil', preferred_username: name, email, ...asked },
      cookies: [FLOW_KEPT],
    });
    expect(await holdings(test)).toEqual(before);
  });

  it('keeps neither token nor cookie readable (R20), for ten minutes', async () => {
    const { token, cookie } = await arrive(newcomer().claims);
    const [row] = await test.dataSource.query(
      `select r::text as text, hash = sha256($1::bytea) as "isKept", extract(epoch from expires_at - now())::float8 as left
       from sso_registration r where hash = sha256($1::bytea)`,
      [token],
    );
    expect(row).toMatchObject({ isKept: true });
    expect(row.left).toBeGreaterThan(590);
    expect(row.left).toBeLessThanOrEqual(600);
    expect(row.text).not.toContain(token);
    expect(row.text).not.toContain(cookie.split('=')[1]);
  });
});

describe('POST /api/auth/sso/register (contract.md §3.7.1)', () => {
  it.each(BODY_FORMS)('makes the account in a %s body, links it and signs in, up to tokens', async (form) => {
    const { name, email, claims } = newcomer({ name: 'New Comer' });
    const { token, cookie } = await arrive(claims);
    const wanted = `${name}_here`;
    const request = test.http.post('/api/auth/sso/register').set('Cookie', cookie);
    const fields = { registration_token: token, username: ` ${wanted.toUpperCase()} `, agreement: 'true' };
    const answer = await sendAs(request, form, fields);
    expect(effectOf(answer)).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/consent`,
      sent: { application: 'Test client', ...asked, code: SECRET },
      cookies: [FLOW_CLEARED, SESSION],
    });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    const account = await accountOf(test, wanted);
    expect(account).toEqual({
      id: expect.any(String),
      email,
      isVerified: true,
      hasPassword: false,
      displayName: 'New Comer',
      role: 'user',
      awaitsApproval: false,
      awaitsConfirmation: false,
      reason: null,
      identities: [[evil.url, name]],
    });
    const id = String(account?.['id']);
    expect(await newEvents(test, id)).toEqual(['account.created', 'sso.linked', 'login.succeeded']);
    // No letter about the link: it is what the account was made with.
    expect(await lettersTo(test, id)).toEqual(['welcome']);
    const { sent } = redirectOf(answer);
    const browser = { cookie: cookieOf(answer, 'jwt'), code: sent['code'] ?? '', consent: new URLSearchParams(sent) };
    expect(await tokensFor(test, client, browser)).toMatchObject({ me: `${PUB}/users/${wanted}` });
    expect(redirectOf(await comeVouched(test, evil, query, claims)).to).toBe(`${PUB}/oauth/consent`);
  });

  it('takes another address, which must be confirmed: one letter with a link, and then they are in', async () => {
    const { name, claims } = newcomer();
    const email = `${name}@typed.example`;
    const answer = await postNaming(test, await arrive(claims), { username: name, email, agreement: 'true' });
    expect([answer.status, answer.text, cookiesGiven(answer)]).toEqual([302, '', []]);
    const sentence = 'Your login is missing a confirmed e-mail address';
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'access_denied', sentence, 'missing_confirmed_email'));
    const account = await accountOf(test, name);
    expect(account).toMatchObject({
      email,
      isVerified: false,
      awaitsConfirmation: true,
      identities: [[evil.url, name]],
    });
    await posted(test);
    expect(await lettersTo(test, String(account?.['id']))).toEqual(['confirm_registration']);
    const link = await nextConfirmation(test, smtp, email);
    expect((await test.http.post(link).type('form').send({})).status).toBeLessThan(400);
    expect(await accountOf(test, name)).toMatchObject({ isVerified: true, awaitsConfirmation: false });
    expect(redirectOf(await comeVouched(test, evil, query, claims)).to).toBe(`${PUB}/oauth/consent`);
  });

  it('keeps the address verified when it is typed again in other letters', async () => {
    const { name, email, claims } = newcomer();
    const fields = { username: name, email: ` ${email.toUpperCase()}`, agreement: 'true' };
    const answer = await postNaming(test, await arrive(claims), fields);
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
    expect(await accountOf(test, name)).toMatchObject({ email, isVerified: true, awaitsConfirmation: false });
  });

  it('takes the verified address when the field is left empty', async () => {
    const { name, email, claims } = newcomer();
    const answer = await postNaming(test, await arrive(claims), { username: name, email: '', agreement: 'true' });
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
    expect(await accountOf(test, name)).toMatchObject({ email, isVerified: true });
  });

  it('asks for an address where the provider has verified none', async () => {
    const { name, email, claims } = newcomer({ email_verified: false });
    const unnamed = await arrive(claims);
    expect(unnamed.sent).toMatchObject({ email: '' });
    const answer = await postNaming(test, unnamed, { username: name, agreement: 'true' });
    expect(redirectOf(answer).sent).toMatchObject({ error_description: "Validation failed: Email can't be blank" });
    await postNaming(test, unnamed, { username: name, email, agreement: 'true' });
    expect(await accountOf(test, name)).toMatchObject({ email, isVerified: false, awaitsConfirmation: true });
  });

  it('waits for approval where staff decides, and tells both', async () => {
    test.config.registrations.approval = true;
    const staff = await createUser(test, `staff${++people}`, { role: 'moderator' });
    const { name, claims } = newcomer();
    const unnamed = await arrive(claims);
    const without = await postNaming(test, unnamed, { username: name, agreement: 'true', reason: ' ' });
    expect(redirectOf(without).sent).toMatchObject({ error_description: "Validation failed: Reason can't be blank" });
    const fields = { username: name, agreement: 'true', reason: 'I know ü\nall' };
    const answer = await postNaming(test, unnamed, fields);
    const sentence = 'Your login is currently pending approval';
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'access_denied', sentence, 'awaiting_approval'));
    expect(cookiesGiven(answer)).toEqual([]);
    const account = await accountOf(test, name);
    expect(account).toMatchObject({ awaitsApproval: true, reason: 'I know ü\nall', isVerified: true });
    expect((await lettersTo(test, String(account?.['id']))).toSorted()).toEqual([
      'registration_to_review',
      'registration_waiting',
    ]);
    const [letter] = await test.dataSource.query(
      `select recipient, facts->>'reason' as reason from mail_outbox where template = 'registration_to_review'`,
    );
    const [{ email }] = await test.dataSource.query('select email from "user" where id = $1', [staff]);
    expect(letter).toEqual({ recipient: email, reason: 'I know ü\nall' });
  });

  it('opens no way in by password', async () => {
    const { name, claims } = newcomer();
    await postNaming(test, await arrive(claims), { username: name, agreement: 'true' });
    for (const password of ['', 'null', 'undefined', ' ']) {
      const login = test.http.post('/api/auth/login').query(asked).type('form');
      const answer = await login.send({ identifier: name, password: password || 'x' });
      expect(redirectOf(answer).sent).toMatchObject({ error_description: 'Invalid identifier or password' });
      expect(cookiesOf(answer)).toEqual([]);
    }
  });
});
