import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  approve,
  BODY_FORMS,
  cookiesOf,
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  postLogin,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  sendAs,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import {
  endings,
  journalOfPerson,
  lettersTo,
  reactivate,
  stateOf,
  stopAtReactivation,
} from './support/reactivation.js';
import { begin, Roadblock } from './support/roadblock.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';
const ACTIVE = { disabled: false, byStaff: false, deleting: false };

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let people = 0;
let name: string;
let id: string;
let tokens: Tokens;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  client = await registerClient(test, { website: 'https://app.example' });
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});
beforeEach(async () => {
  name = `person${++people}`;
  id = await createUser(test, name);
  tokens = await obtainTokens(test, client, name);
});

const account = (action: string) =>
  test.http.post(`/api/pleroma/${action}`).auth(tokens.access_token, { type: 'bearer' }).send({ password: PASSWORD });
const eraseJobs = () => test.dataSource.query(`select 1 from job where kind = 'erase_account' and key = $1`, [id]);

describe('POST /api/auth/reactivate (contract.md §3.9)', () => {
  it('brings a disabled account back and goes on to tokens as a sign-in does', async () => {
    expect((await account('disable_account')).body).toEqual({ status: 'success' });
    expect(await statusOf(test, tokens.access_token)).toBe(403);
    const query = oauthQuery(client, { state: 's&t' });
    const stopped = await stopAtReactivation(test, client, name, { state: 's&t' });
    const answer = await reactivate(test, stopped).set('User-Agent', FIREFOX);
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers['cache-control']).toBe('no-store');
    const { code = '', ...shown } = redirectOf(answer).sent;
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
    expect(shown).toEqual({ application: 'Test client', website: 'https://app.example', ...query });
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^jwt=[\w-]+\.[\w-]+\.[\w-]+; Max-Age=(3600|35\d\d); Path=\/; HttpOnly; SameSite=Lax$/),
      'gh_mfa=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict',
    ]);
    expect(await stateOf(test, id)).toEqual(ACTIVE);
    expect((await journalOfPerson(test, id)).slice(-4)).toEqual([
      'account.disabled',
      'login.blocked',
      'account.reactivated',
      'login.succeeded',
    ]);

    // What disabling ended stays ended.
    expect(await statusOf(test, tokens.access_token)).toBe(401);
    const [cookie = ''] = (cookiesOf(answer)[0] ?? '').split(';');
    const approved = await approve(test, client, { cookie, code, consent: new URLSearchParams() });
    const redeemed = await requestToken(test, client, redemption(client, approved));
    expect(redeemed.status).toBe(200);
    expect(await statusOf(test, redeemed.body.access_token)).toBe(200);
    expect(redirectOf(await postLogin(test, query, { identifier: name, password: PASSWORD })).to).toBe(
      `${PUB}/oauth/consent`,
    );

    const mail = await smtp.next({ to: `${name}@example.org`, subject: /^Your account at Gatehouse is back$/ });
    for (const form of [mail.text, mail.html]) {
      expect(form).toContain(name);
      expect(form).toContain('127.0.0.1');
      expect(form).toContain('Firefox on Linux');
      expect(form).toMatch(/\d{1,2} \w+ \d{4}, \d\d:\d\d UTC/);
      expect(form).toContain(`${PUB}/oauth/reset`);
    }
  });

  it('takes a deletion back: its erasure and its link are gone', async () => {
    expect((await account('delete_account')).body).toEqual({ status: 'success' });
    expect(await statusOf(test, tokens.access_token)).toBe(401);
    expect(await eraseJobs()).toHaveLength(1);
    const scheduled = await smtp.next({ to: `${name}@example.org`, subject: /going to be deleted/ });
    const answer = await reactivate(test, await stopAtReactivation(test, client, name));
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
    expect(await stateOf(test, id)).toEqual(ACTIVE);
    expect(await eraseJobs()).toEqual([]);
    const link = smtp.linkOf(scheduled).slice(PUB.length);
    expect((await test.http.post(link).set('Accept', 'application/json')).status).toBe(404);
    expect((await journalOfPerson(test, id)).slice(-4)).toEqual([
      'account.deletion_scheduled',
      'login.blocked',
      'account.deletion_cancelled',
      'login.succeeded',
    ]);
    const mail = await smtp.next({ to: `${name}@example.org`, subject: /will not be deleted/ });
    expect(mail.text).toContain('127.0.0.1');
  });

  it('undoes both at once', async () => {
    await endings(test).disable(id, 'owner', null);
    await endings(test).scheduleDeletion(id, null);
    await reactivate(test, await stopAtReactivation(test, client, name));
    expect(await stateOf(test, id)).toEqual(ACTIVE);
    expect(await eraseJobs()).toEqual([]);
    expect((await lettersTo(test, id)).slice(-2).toSorted()).toEqual(['account_reactivated', 'deletion_cancelled']);
  });

  it.each(BODY_FORMS)('takes the token from a %s body, and from nowhere else', async (form) => {
    await endings(test).disable(id, 'owner', null);
    const { token, cookie } = await stopAtReactivation(test, client, name);
    const post = () => test.http.post('/api/auth/reactivate').set('Cookie', cookie);
    const inQuery = await post().query({ reactivation_token: token });
    expect(redirectOf(inQuery).sent).toEqual({ error: 'invalid_grant', error_description: 'Please sign in again' });
    const answer = await sendAs(post(), form, { reactivation_token: token });
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
  });

  it('clears the cookie under its https name', async () => {
    const https = await startApp((config) => (config.publicUrl = 'https://id.example'), test.database);
    await endings(test).disable(id, 'owner', null);
    const answer = await reactivate(https, await stopAtReactivation(https, client, name));
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^jwt=.*; HttpOnly; Secure; SameSite=Lax$/),
      '__Host-gh_mfa=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict',
    ]);
    await https.close();
  });

  it('then asks for the new password that staff demanded before', async () => {
    await endings(test).disable(id, 'owner', null);
    await changeUser(test, id, 'password_reset_required = true');
    const answer = await reactivate(test, await stopAtReactivation(test, client, name));
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/reset`,
      sent: { token: expect.stringMatching(/^[\w-]{43}$/), login_reset: 'true' },
    });
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(/^gh_mfa=;/)]);
    expect(await stateOf(test, id)).toEqual(ACTIVE);
  });

  it('then tells whoever is still waiting for approval so', async () => {
    await endings(test).disable(id, 'owner', null);
    await changeUser(test, id, 'approval_pending = true');
    const answer = await reactivate(test, await stopAtReactivation(test, client, name, { state: 'x' }));
    expect(redirectOf(answer).sent).toEqual({
      ...oauthQuery(client, { state: 'x' }),
      error: 'access_denied',
      error_description: 'Your login is currently pending approval',
      identifier: 'awaiting_approval',
    });
    expect(cookiesOf(answer).filter((line) => line.startsWith('jwt='))).toEqual([]);
    expect(await stateOf(test, id)).toEqual(ACTIVE);
  });

  it('is done once by two at once on two replicas', async () => {
    const replica = await startApp(() => {}, test.database);
    await endings(test).disable(id, 'owner', null);
    const stopped = await stopAtReactivation(test, client, name, { state: 'x' });
    const roadblock = await Roadblock.put(test, 'select from "user" where id = $1 for update', [id]);
    const both = [test, replica].map((app) => begin(reactivate(app, stopped)));
    await roadblock.queue(2);
    await roadblock.lift();
    const answers = await Promise.all(both);
    await replica.close();
    const ends = answers.map((answer) => redirectOf(answer)).toSorted((a, b) => a.to.localeCompare(b.to));
    expect(ends.map(({ to }) => to)).toEqual([`${PUB}/oauth/authorize`, `${PUB}/oauth/consent`]);
    expect(ends[0]?.sent).toEqual({
      ...oauthQuery(client, { state: 'x' }),
      error: 'invalid_grant',
      error_description: 'Please sign in again',
    });
    expect(answers.flatMap((answer) => cookiesOf(answer)).filter((line) => line.startsWith('jwt='))).toHaveLength(1);
    expect((await lettersTo(test, id)).filter((letter) => letter === 'account_reactivated')).toHaveLength(1);
  });
});
