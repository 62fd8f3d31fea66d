import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  approve,
  createUser,
  INVALID_GRANT,
  oauthQuery,
  obtainCode,
  obtainTokens,
  outcomeOf,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { endings, journalOfPerson, lettersTo, reactivate, stopAtReactivation } from './support/reactivation.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1';

let smtp: SmtpListener;
let test: TestApp;
let replica: TestApp;
let client: TestClient;
let people = 0;
let name: string;
let id: string;
let mine: Tokens;
let other: Tokens;
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
beforeEach(async () => {
  name = `person${++people}`;
  id = await createUser(test, name);
  mine = await obtainTokens(test, client, name);
  other = await obtainTokens(test, client, name);
});

const revokeAll = (query: Record<string, string> = {}) =>
  test.http
    .delete('/api/oauth_tokens')
    .query(query)
    .auth(mine.access_token, { type: 'bearer' })
    .set('User-Agent', SAFARI);
const refresh = ({ refresh_token }: Tokens) =>
  requestToken(test, client, { grant_type: 'refresh_token', refresh_token });

describe('DELETE /api/oauth_tokens (contract.md §4.3)', () => {
  it.each([
    ['all', {}, false],
    ['all', { keep_current: 'false' }, false],
    ['all others', { keep_current: 'true' }, true],
  ] as const)('ends %s, here and on another replica, and tells the owner (%o)', async (_, query, isKept) => {
    const answer = await revokeAll(query);
    expect(answer.status).toBe(200);
    expect(answer.body).toStrictEqual({});
    for (const app of [test, replica]) {
      expect(await statusOf(app, other.access_token)).toBe(401);
      expect(await statusOf(app, mine.access_token)).toBe(isKept ? 200 : 401);
    }
    expect(await outcomeOf(refresh(other))).toStrictEqual(INVALID_GRANT);
    expect((await refresh(mine)).status).toBe(isKept ? 200 : 400);
    expect(await journalOfPerson(test, id)).toContain('session.revoked_all');

    const subject = /^Your account at Gatehouse was signed out$/;
    const mail = await smtp.next({ to: `${name}@example.org`, subject });
    for (const form of [mail.text, mail.html]) {
      expect(form).toContain(name);
      expect(form).toMatch(/\d{1,2} \w+ \d{4}, \d\d:\d\d UTC/);
      expect(form).toContain('127.0.0.1');
      expect(form).toContain('Safari on iOS');
      expect(form).toContain(`${PUB}/oauth/reset`);
    }
    expect(await lettersTo(test, id)).toEqual(['client_may_write', 'sessions_revoked']);
  });

  it.each<Record<string, string>>([{}, { keep_current: 'true' }])(
    'signs all browsers out, with their codes: %o (R41)',
    async (query) => {
      const [waiting, approved] = [await signIn(test, client, name), await obtainCode(test, client, name)];
      await revokeAll(query);
      const { client_id, redirect_uri } = client;
      const consent = test.http.post('/api/auth/redirect').set('Cookie', waiting.cookie).type('form');
      const decided = await consent.send({ client_id, redirect_uri, code: waiting.code });
      expect(redirectOf(decided).sent).toMatchObject({ error_description: 'Please sign in again' });
      const onward = test.http.post('/api/auth/continue').set('Cookie', waiting.cookie).query(oauthQuery(client));
      expect(redirectOf(await onward).sent).toMatchObject({ error: 'login_required' });
      expect(await outcomeOf(requestToken(test, client, redemption(client, approved)))).toStrictEqual(INVALID_GRANT);
      for (const table of ['browser_session', 'authorization_code'])
        expect(await test.dataSource.query(`select 1 from ${table} where user_id = $1`, [id])).toEqual([]);
    },
  );

  it('ends sign-ins that wait for a last step', async () => {
    await endings(test).disable(id, 'owner', null);
    const [first, second] = [
      await stopAtReactivation(test, client, name),
      await stopAtReactivation(test, client, name),
    ];
    const { code = '' } = redirectOf(await reactivate(test, first)).sent;
    expect(code).not.toBe('');
    mine = await obtainTokens(test, client, name);
    await revokeAll({ keep_current: 'true' });
    await endings(test).disable(id, 'owner', null);
    const late = redirectOf(await reactivate(test, second));
    expect(late.sent).toEqual({ error: 'invalid_grant', error_description: 'Please sign in again' });
    expect(await test.dataSource.query('select 1 from pending_sign_in where user_id = $1', [id])).toEqual([]);
  });

  it('touches nobody else', async () => {
    const neighbour = `neighbour${people}`;
    await createUser(test, neighbour);
    const theirs = await obtainTokens(test, client, neighbour);
    const browser = await signIn(test, client, neighbour);
    await revokeAll();
    expect(await statusOf(test, theirs.access_token)).toBe(200);
    expect(await approve(test, client, browser)).toBe(browser.code);
  });

  it('is done by both of two at once', async () => {
    const answers = await Promise.all([revokeAll({ keep_current: 'true' }), revokeAll({ keep_current: 'true' })]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await statusOf(test, mine.access_token)).toBe(200);
    expect(await statusOf(test, other.access_token)).toBe(401);
  });

  it.each([{ keep_current: 'maybe' }, { keep_current: '' }])('answers 400 to %o and ends nothing', async (query) => {
    expect((await revokeAll(query)).status).toBe(400);
    expect(await statusOf(test, other.access_token)).toBe(200);
  });

  it('succeeds while the mail server is away; the mail follows (security.md D17)', async () => {
    await smtp.stop();
    const answer = await revokeAll();
    expect(answer.status).toBe(200);
    expect(await statusOf(test, other.access_token)).toBe(401);
    await smtp.start();
    const mail = await smtp.next({ to: `${name}@example.org`, subject: /signed out/ });
    expect(mail.text).toContain('signed out everywhere');
  });
});
