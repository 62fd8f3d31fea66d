import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requestChange } from './support/account-mails.js';
import {
  expectNoFoothold,
  newPerson,
  type Person,
  rowOf,
  rowsOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  oauthQuery,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { journalOfUser, requestReset, WAS_RESET_SUBJECT } from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

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

describe('POST /api/auth/reset: what it ends (contract.md §4.5, security.md R84)', () => {
  it('is everything by which somebody is signed in, at once and on every replica', async () => {
    const held = await takeFootholds(test, client, person.name);
    const mine = { ...held, other: person.tokens };
    expect(await statusOf(replica, person.token)).toBe(200);
    expect(await reset(await ask())).toEqual({ success: 'true' });
    expect(await statusOf(replica, person.token)).toBe(401);
    expect(await statusOf(replica, held.other.access_token)).toBe(401);
    await expectNoFoothold(replica, client, person.id, held);
    await expectNoFoothold(replica, client, person.id, mine);
    for (const table of ['browser_session', 'authorization_code', 'mail_token']) {
      expect(await rowsOf(test, table, person.id)).toBe(0);
    }
  });

  it('is nobody else’s', async () => {
    const bystander = await newPerson(test, client);
    await reset(await ask());
    expect(await statusOf(replica, bystander.token)).toBe(200);
  });

  it('is a change of the address that was not confirmed', async () => {
    const link = await requestChange(test, smtp, person, `new-${person.email}`);
    await reset(await ask());
    expect(await outcomeOf(replica.http.post(link))).toEqual({
      status: 404,
      body: { error: 'This link is no longer valid' },
    });
    expect((await rowOf(test, person.id))['email']).toBe(person.email);
  });

  it('is the demand of staff for a new password', async () => {
    await changeUser(test, person.id, 'password_reset_required = true');
    const token = await ask();
    expect(
      redirectOf(await postLogin(test, oauthQuery(client), { identifier: person.name, password: PASSWORD })).sent,
    ).toMatchObject({ login_reset: 'true' });
    // The form that follows a sign-in has a token of its own, which voids the one of the mail.
    expect(await reset(token)).toMatchObject({ error: 'invalid_token' });
    expect(await reset(await ask())).toEqual({ success: 'true' });
    expect(await signInOutcome(test, client, person.name, NEW)).toBe('signed in');
    expect((await rowOf(test, person.id))['password_reset_required']).toBe(false);
  });

  it('is an unfinished sign-in of somebody who disabled the account, which stays disabled', async () => {
    await changeUser(test, person.id, 'disabled_at = now()');
    const login = () => postLogin(test, oauthQuery(client), { identifier: person.name, password: PASSWORD });
    const begun = await login();
    const { reactivation_token } = redirectOf(begun).sent;
    await reset(await ask());
    const cookie = ((begun.headers['set-cookie'] ?? []) as unknown as string[])[0]?.split(';')[0] ?? '';
    const back = await replica.http
      .post('/api/auth/reactivate')
      .set('Cookie', cookie)
      .type('form')
      .send({ reactivation_token });
    expect(redirectOf(back).sent).toMatchObject({ error: 'invalid_grant' });
    expect((await rowOf(test, person.id))['disabled_at']).not.toBeNull();
    expect(await signInOutcome(test, client, person.name, PASSWORD)).toBe('Invalid identifier or password');
    expect(await signInOutcome(test, client, person.name, NEW)).toBe('reactivate');
  });
});

describe('POST /api/auth/reset: what else it does', () => {
  it('tells the owner and the journal', async () => {
    const answer = await test.http
      .post('/api/auth/reset')
      .set('User-Agent', 'a browser')
      .send({ token: await ask(), password: NEW });
    const mail = await smtp.next({ to: person.email, subject: WAS_RESET_SUBJECT });
    expect(mail.text).toContain('A new password was set for your account');
    expect(mail.text).toContain('127.0.0.1');
    const [event] = await test.dataSource.query(
      `select * from audit_event where user_id = $1 and type = 'password.reset'`,
      [person.id],
    );
    expect(event).toMatchObject({
      ip: '127.0.0.1',
      user_agent: 'a browser',
      request_id: answer.headers['x-request-id'],
    });
    expect((await journalOfUser(test, person.id)).slice(-2)).toEqual(['password.reset_requested', 'password.reset']);
  });

  it('keeps address, verification, role and name as they were', async () => {
    const { password_hash: before, credential_epoch: epoch, ...kept } = await rowOf(test, person.id);
    await reset(await ask());
    const { password_hash: after, credential_epoch, ...found } = await rowOf(test, person.id);
    expect(found).toEqual(kept);
    expect(after).not.toBe(before);
    expect(credential_epoch).toBe(Number(epoch) + 1);
  });

  it('gives an account its first password', async () => {
    await changeUser(test, person.id, 'password_hash = null');
    await reset(await ask());
    expect(await signInOutcome(test, client, person.name, NEW)).toBe('signed in');
  });

  it('clears what wrong passwords were counted against the account', async () => {
    const limited = await startApp((config) => {
      Object.assign(config, { smtpUrl: smtp.url, trustProxy: 1 });
      config.limits.enabled = true;
    }, test.database);
    await limited.listen();
    let tries = 0;
    const attempt = async (identifier: string, password: string) => {
      const answer = await postLogin(limited, oauthQuery(client), { identifier, password }).set(
        'X-Forwarded-For',
        `203.0.113.${++tries}`,
      );
      return answer.status === 429 ? 429 : redirectOf(answer).to;
    };
    for (let n = 0; n < 10; n++) await attempt(person.name, 'wrong');
    for (let n = 0; n < 10; n++) await attempt(person.email, 'wrong');
    expect([await attempt(person.name, PASSWORD), await attempt(person.email, PASSWORD)]).toEqual([429, 429]);
    const told = await limited.http.post('/api/auth/reset').send({ token: await ask(), password: NEW });
    expect(redirectOf(told).sent).toEqual({ success: 'true' });
    expect([await attempt(person.name, NEW), await attempt(person.email, NEW)]).toEqual(
      Array(2).fill(`${PUB}/oauth/consent`),
    );
    await limited.close();
  });
});
