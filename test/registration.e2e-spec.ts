import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  clientToken,
  countRows,
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  sendAs,
  statusOf,
  type TestClient,
} from './support/flows.js';

const SCOPES = 'read write follow admin';

let test: TestApp;
let client: TestClient;
let token: string;
let names = 0;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { scopes: SCOPES });
  token = await clientToken(test, client, 'write:accounts');
});
afterAll(() => test.close());

/** A registration that nothing is wrong with; undefined fields are left out. */
function valid(more: Record<string, unknown> = {}): Record<string, unknown> {
  const username = `person_${++names}`;
  const all = { username, email: `${username}@example.org`, password: PASSWORD, agreement: true, ...more };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const post = (fields: Record<string, unknown>, bearer: string | null = token, { http } = test) => {
  const request = http.post('/api/v1/accounts').send(fields);
  return bearer === null ? request : request.auth(bearer, { type: 'bearer' });
};

describe('POST /api/v1/accounts: who may (contract.md §5.1)', () => {
  it('answers 401 without a token, before it looks at the fields', async () => {
    const answer = await post({ username: 1 }, null);
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual({ error: 'The access token is invalid' });
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="Gatehouse"');
  });

  it('answers 401 to an unknown token', async () => {
    const answer = await post(valid(), 'A'.repeat(43));
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
  });

  it('answers 403 to a person’s token', async () => {
    await createUser(test, 'alice');
    const { access_token } = await obtainTokens(test, client, 'alice', 'write:accounts');
    const answer = await post(valid(), access_token);
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: 'This method requires an app token' });
  });

  it('answers 403 to an app token of another scope', async () => {
    const answer = await post({}, await clientToken(test, client, 'read follow write:media'));
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: 'Insufficient permissions: write:accounts.' });
    expect(answer.headers['www-authenticate']).toBe('Bearer error="insufficient_scope", scope="write:accounts"');
  });

  it('takes an app token whose scope covers write:accounts', async () => {
    expect((await post(valid(), await clientToken(test, client, 'write'))).status).toBe(200);
  });
});

describe('POST /api/v1/accounts: success', () => {
  it('answers a working token of the new person with the app’s scopes, and writes account, session and journal', async () => {
    const fields = valid({
      username: 'Bobby_1',
      email: ' Bobby@Example.ORG ',
      fullname: 'Bob',
      bio: 'Hi\nthere',
      locale: 'en',
    });
    const answer = await post(fields).set('User-Agent', 'a client');
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.body).toEqual({
      id: expect.any(Number),
      access_token: expect.stringMatching(/^[\w-]{43}$/),
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      token_type: 'Bearer',
      scope: 'read write follow',
      created_at: expect.any(Number),
      expires_in: 7_776_000,
      me: `${PUB}/users/bobby_1`,
    });
    const [row] = await test.dataSource.query(`select * from "user" where username = 'bobby_1'`);
    expect(row).toMatchObject({
      email: 'bobby@example.org',
      display_name: 'Bob',
      note: 'Hi\nthere',
      locale: 'en',
      role: 'user',
      email_verified_at: null,
    });
    expect(row.password_hash).toMatch(/^\$argon2id\$/);
    expect(row.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const account = await test.http
      .get('/api/v1/accounts/verify_credentials')
      .auth(answer.body.access_token, { type: 'bearer' });
    expect(account.body).toMatchObject({ id: row.id, acct: 'bobby_1', display_name: 'Bob' });
    const events = await test.dataSource.query(
      'select type, application_id, user_agent from audit_event where user_id = $1 order by id',
      [row.id],
    );
    expect(events).toEqual(
      ['account.created', 'token.issued'].map((type) => ({
        type,
        application_id: Number(client.id),
        user_agent: 'a client',
      })),
    );
    expect(
      redirectOf(await postLogin(test, oauthQuery(client), { identifier: 'bobby_1', password: PASSWORD })).to,
    ).toContain('consent');
  });

  it.each(['json', 'form', 'multipart'] as const)('takes %s', async (form) => {
    const { agreement: _, ...fields } = valid();
    const request = test.http.post('/api/v1/accounts').auth(token, { type: 'bearer' });
    expect((await sendAs(request, form, { ...(fields as Record<string, string>), agreement: 'true' })).status).toBe(
      200,
    );
  });

  it.each([true, 1, 'true', '1', 'on'])('takes the agreement %j', async (agreement) => {
    expect((await post(valid({ agreement }))).status).toBe(200);
  });

  it('ignores what other clients send, privileges included', async () => {
    const more = {
      confirm: 'x',
      nickname: 'x',
      birthday: '2000-01-01',
      language: 'en',
      token: 'x',
      accepts_email_list: true,
      id: '1',
      role: 'admin',
      is_admin: true,
      approval_pending: false,
      scopes: 'admin',
      captcha_solution: 'x',
    };
    const answer = await post(valid({ username: 'plainuser', ...more }));
    expect(answer.status).toBe(200);
    expect(answer.body.scope).toBe('read write follow');
    const [row] = await test.dataSource.query(`select role, id from "user" where username = 'plainuser'`);
    expect(row.role).toBe('user');
    expect(row.id).not.toBe('1');
  });

  it('prefers display_name to fullname', async () => {
    await post(valid({ username: 'twonames', fullname: 'Full', display_name: 'Display' }));
    expect(await test.dataSource.query(`select display_name from "user" where username = 'twonames'`)).toEqual([
      { display_name: 'Display' },
    ]);
  });

  it('keeps line breaks and other control characters of bio and reason', async () => {
    expect((await post(valid({ username: 'proseuser', bio: 'a\tb\u0001', reason: 'c\r\nd' }))).status).toBe(200);
    const [row] = await test.dataSource.query(
      `select note, registration_reason from "user" where username = 'proseuser'`,
    );
    expect(row).toEqual({ note: 'a\tb\u0001', registration_reason: 'c\r\nd' });
  });

  it('lets one of two at once have a name, and says so to the other', async () => {
    const before = await countRows(test);
    const answers = await Promise.all(
      [1, 2, 3].map((n) => post(valid({ username: 'wanted', email: `wanted${n}@example.org` }))),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422, 422]);
    const [loser] = answers.filter(({ status }) => status === 422);
    expect(loser?.body).toEqual({
      error: 'Validation failed: Username has already been taken',
      details: { username: [{ error: 'ERR_TAKEN', description: 'has already been taken' }] },
    });
    const after = await countRows(test);
    expect([after['user'], after['session']]).toEqual([before['user']! + 1, before['session']! + 1]);
  });
});

describe('POST /api/v1/accounts as the operator likes it', () => {
  const apps: TestApp[] = [];
  afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));
  const withSettings = async (adjust: Parameters<typeof startApp>[0]) => {
    const app = await startApp(adjust, test.database);
    await app.listen();
    apps.push(app);
    return app;
  };

  it('answers 403 when registrations are closed', async () => {
    const closed = await withSettings(({ registrations }) => (registrations.enabled = false));
    const answer = await post(valid(), token, closed);
    expect(answer.status).toBe(403);
    expect(answer.body).toEqual({ error: 'This action is not allowed' });
  });

  it('registers without a token when none is required: no session, sign in by yourself', async () => {
    const open = await withSettings(({ registrations }) => (registrations.require_app_token = false));
    const before = await countRows(test);
    const answer = await post(valid({ username: 'tokenless' }), null, open);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      identifier: 'manual_login_required',
      message: 'You have been registered. Please sign in.',
    });
    expect((await countRows(test))['session']).toBe(before['session']);
    expect((await post(valid(), 'A'.repeat(43), open)).status).toBe(401);
    const withToken = await post(valid(), token, open);
    expect(withToken.body).toHaveProperty('access_token');
    expect(withToken.body).not.toHaveProperty('identifier');
  });

  it('wants a reason where people are approved, and gives a token that works only afterwards', async () => {
    const approving = await withSettings(({ registrations }) => (registrations.approval = true));
    const refused = await post(valid({ reason: ' ' }), token, approving);
    expect(refused.body.details).toEqual({ reason: [{ error: 'ERR_BLANK', description: "can't be blank" }] });
    const answer = await post(valid({ username: 'applicant', reason: 'because' }), token, approving);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      identifier: 'awaiting_approval',
      message: 'Your account is awaiting approval.',
    });
    const early = await test.http
      .get('/api/v1/accounts/verify_credentials')
      .auth(answer.body.access_token, { type: 'bearer' });
    expect(early.status).toBe(403);
    expect(early.body).toEqual({ error: 'Your login is currently pending approval', identifier: 'awaiting_approval' });
    await test.dataSource.query(`update "user" set approval_pending = false where username = 'applicant'`);
    expect(await statusOf(test, answer.body.access_token)).toBe(200);
  });

  it('takes no address where none is required, and many accounts without one', async () => {
    const lax = await withSettings(({ registrations }) => (registrations.email_required = false));
    for (const email of [undefined, '']) expect((await post(valid({ email }), token, lax)).status).toBe(200);
  });

  it('follows the operator’s blocked domains, reserved names and least length', async () => {
    const strict = await withSettings(({ accounts }) => {
      accounts.blocked_email_domains = ['Spam.example'];
      accounts.reserved_usernames = ['mayor'];
      accounts.password_min = 15;
    });
    const codes = async (more: Record<string, unknown>) =>
      Object.values((await post(valid(more), token, strict)).body.details ?? {}).flat();
    expect(await codes({ email: 'a@spam.example' })).toMatchObject([{ error: 'ERR_BLOCKED' }]);
    expect(await codes({ email: 'a@sub.SPAM.example' })).toMatchObject([{ error: 'ERR_BLOCKED' }]);
    expect(await codes({ email: 'a@notspam.example' })).toEqual([]);
    expect(await codes({ username: 'Mayor' })).toMatchObject([{ error: 'ERR_RESERVED' }]);
    expect(await codes({ password: '14 characters.' })).toMatchObject([{ error: 'ERR_TOO_SHORT' }]);
  });
});
