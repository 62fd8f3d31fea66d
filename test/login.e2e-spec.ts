import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  PASSWORD,
  pkcePair,
  postLogin,
  REDIRECT_URI,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';

const REFUSED = { error: 'invalid_grant', error_description: 'Invalid identifier or password' };

let test: TestApp;
let client: TestClient;
let query: Record<string, string>;
let alice: string;

beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, {
    scopes: 'read write:blocks follow push admin',
    website: 'https://app.example',
  });
  query = oauthQuery(client, { scope: 'read follow', state: 'a state' });
  alice = await createUser(test, 'alice');
});
afterAll(() => test.close());

type Answer = Awaited<ReturnType<typeof postLogin>>;

describe('POST /api/auth/login: refusals (contract.md §3.3.1 rows 9 and 11)', () => {
  beforeAll(async () => {
    await createUser(test, 'nopassword', { passwordHash: null });
    await createUser(test, 'disabled', { disabledAt: new Date(), disabledByStaff: true });
    await createUser(test, 'unconfirmed', { confirmationPending: true });
    await createUser(test, 'waiting', { approvalPending: true });
    await createUser(test, 'mustreset', { passwordResetRequired: true });
  });

  it('gives the same bytes and headers for every reason, whatever the state of the account (R31)', async () => {
    const who = [
      'nobody',
      'alice',
      'nopassword',
      'disabled',
      'unconfirmed',
      'waiting',
      'mustreset',
      'bob@remote.example',
    ];
    const answers: Answer[] = [];
    for (const identifier of who)
      answers.push(await postLogin(test, query, { identifier, password: 'not the right one' }));
    const [first] = answers;
    expect(first?.status).toBe(302);
    expect(redirectOf(first!)).toEqual({ to: `${PUB}/oauth/authorize`, sent: { ...query, ...REFUSED } });
    const comparable = (answer: Answer) => {
      const { date: _, 'x-request-id': __, ...headers } = answer.headers;
      return { status: answer.status, body: answer.text, headers };
    };
    for (const [index, answer] of answers.entries()) expect(comparable(answer), who[index]).toEqual(comparable(first!));
    expect(cookiesOf(first!)).toEqual([]);
  });

  it('refuses the right password of an account that has none', async () => {
    expect(
      redirectOf(await postLogin(test, query, { identifier: 'nopassword', password: PASSWORD })).sent,
    ).toMatchObject(REFUSED);
  });

  it.each([
    ['disabled', 'Your login is currently disabled', 'account_is_disabled'],
    ['unconfirmed', 'Your login is missing a confirmed e-mail address', 'missing_confirmed_email'],
    ['waiting', 'Your login is currently pending approval', 'awaiting_approval'],
  ])('tells only who knows the password that the account is %s', async (identifier, sentence, code) => {
    const before = await countRows(test);
    const answer = await postLogin(test, query, { identifier, password: PASSWORD });
    expect(answer.status).toBe(302);
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/authorize`,
      sent: { ...query, error: 'access_denied', error_description: sentence, identifier: code },
    });
    expect(cookiesOf(answer)).toEqual([]);
    const { browser_session, authorization_code } = await countRows(test);
    expect({ browser_session, authorization_code }).toEqual({
      browser_session: before['browser_session'],
      authorization_code: before['authorization_code'],
    });
  });

  it('journals whom a failure concerned, and never what was typed', async () => {
    await test.dataSource.query('truncate audit_event');
    await postLogin(test, query, { identifier: 'alice', password: 'a canary' }).set('User-Agent', 'a browser');
    await postLogin(test, query, { identifier: 'nobody', password: 'a canary' });
    const rows = await test.dataSource.query('select * from audit_event order by id');
    expect(rows).toMatchObject([
      {
        type: 'login.failed',
        user_id: alice,
        application_id: Number(client.id),
        ip: '127.0.0.1',
        user_agent: 'a browser',
      },
      { type: 'login.failed', user_id: null, application_id: Number(client.id) },
    ]);
    expect(rows[0].request_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.stringify(rows)).not.toMatch(/canary|nobody/);
  });
});

describe('POST /api/auth/login: success (contract.md §3.3.2)', () => {
  beforeEach(() => test.dataSource.query('truncate audit_event, browser_session, authorization_code'));

  it('leads to the consent page with a pending code, the effective parameters and a session', async () => {
    const { challenge } = pkcePair();
    const sent = { ...query, code_challenge: challenge, code_challenge_method: 'S256' };
    const answer = await postLogin(test, sent);
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'content-length': '0' });
    const { code, ...shown } = redirectOf(answer).sent;
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/consent`);
    expect(shown).toEqual({ application: 'Test client', website: 'https://app.example', ...sent });
    expect(code).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^jwt=[\w-]+\.[\w-]+\.[\w-]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/),
    ]);

    const [row] = await test.dataSource.query(
      `select *, extract(epoch from expires_at - now()) as left from authorization_code`,
    );
    expect(row).toMatchObject({
      user_id: alice,
      application_id: Number(client.id),
      redirect_uri: REDIRECT_URI,
      scope: 'read follow',
      state: 'a state',
      code_challenge: challenge,
      approved_at: null,
      redeemed_at: null,
    });
    expect(Math.round(Number(row.left) / 10)).toBe(60);
    expect(row.hash.toString('latin1') + row.sealed_code.toString('latin1')).not.toContain(code);
    const sessions = await test.dataSource.query('select id, user_id from browser_session');
    expect(sessions).toEqual([{ id: row.browser_session_id, user_id: alice }]);
    const events = await test.dataSource.query('select type, user_id, application_id from audit_event');
    expect(events).toEqual([{ type: 'login.succeeded', user_id: alice, application_id: Number(client.id) }]);
    expect((await countRows(test))['session']).toBe(0);
  });

  it('takes the OAuth parameters from the body as well, but not from both', async () => {
    const fields = { identifier: 'alice', password: PASSWORD };
    expect(redirectOf(await postLogin(test, {}, { ...query, ...fields })).to).toBe(`${PUB}/oauth/consent`);
    const both = await postLogin(test, query, { ...fields, state: 'a state' });
    expect(both.status).toBe(400);
    expect(both.body).toEqual({ error: 'invalid_request', error_description: 'A parameter is given more than once' });
  });

  it('shows as scope what would be granted: nothing for staff to anybody else', async () => {
    const asked = { ...query, scope: 'admin read' };
    expect(redirectOf(await postLogin(test, asked)).sent['scope']).toBe('read');
    await createUser(test, 'moderator1', { role: 'moderator' });
    const staff = await postLogin(test, asked, { identifier: 'moderator1', password: PASSWORD });
    expect(redirectOf(staff).sent['scope']).toBe('admin read');
    const onlyAdmin = await postLogin(test, { ...query, scope: 'admin' });
    expect(redirectOf(onlyAdmin).sent).toMatchObject({ error: 'invalid_scope', scope: 'admin' });
    expect(cookiesOf(onlyAdmin)).toEqual([]);
  });

  it.each([
    ['what a URL is made of', 'a&b=c#d?e;f/g%zz+h'],
    ['line breaks', 'a\r\nSet-Cookie: x=1'],
    ['any script', '🌊 é ｅ ı'],
    ['nothing', ''],
    ['2,048 characters', 's'.repeat(2048)],
  ])('carries a state of %s byte for byte', async (_, state) => {
    const answer = await postLogin(test, { ...query, state });
    expect(redirectOf(answer).sent['state']).toBe(state);
    const [row] = await test.dataSource.query('select state from authorization_code');
    expect(row.state).toBe(state);
  });

  it('refuses a state of more than 2,048 characters', async () => {
    expect((await postLogin(test, {}, { ...query, state: 's'.repeat(2049) })).status).toBe(400);
  });

  it('ignores what it does not know, and never echoes it (R25)', async () => {
    const more = {
      response_mode: 'form_post',
      request: 'x.y.z',
      request_uri: 'http://127.0.0.1:9/request',
      nonce: 'n',
      prompt: 'none',
      application: 'Evil',
      website: 'https://evil.example',
      code: 'x',
      error: 'evil',
      __proto__x: 'y',
    };
    const { sent } = redirectOf(await postLogin(test, { ...query, ...more }));
    const { code, ...shown } = sent;
    expect(code).toMatch(/^[\w-]{43}$/);
    expect(shown).toEqual({ application: 'Test client', website: 'https://app.example', ...query });
    const refused = redirectOf(await postLogin(test, { ...query, ...more, scope: 'bad' })).sent;
    expect(Object.keys(refused).sort()).toEqual([...Object.keys(query), 'error', 'error_description'].sort());
  });

  it('leaves an absent state absent', async () => {
    expect(redirectOf(await postLogin(test, oauthQuery(client, { scope: 'read' }))).sent).not.toHaveProperty('state');
  });
});
