import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LastUse } from '../src/sessions/last-use.js';
import { changeUser, UNBLOCKED } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import {
  createUser,
  obtainTokens,
  registerClient,
  signIn,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { bearerRoutes, type BearerRoute, call, grantScope } from './support/routes.js';

const REALM = 'Bearer realm="Gatehouse"';
const INVALID = `${REALM}, error="invalid_token", error_description="The access token is invalid"`;
const UNKNOWN = { status: 401, body: { error: 'The access token is invalid' } };

let test: TestApp;
let client: TestClient;
let alice: string;
let tokens: Tokens;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  alice = await createUser(test, 'alice');
  tokens = await obtainTokens(test, client, 'alice');
});
afterAll(() => test.close());

describe('the way a token is sent', () => {
  const url = '/api/oauth_tokens';
  const several = { status: 400, body: { error: 'Only one way to send the access token may be used' } };

  it.each(['Bearer', 'bearer', 'BEARER'])('is the header, with the scheme %s', async (scheme) => {
    const answer = await test.http.get(url).set('Authorization', `${scheme} ${tokens.access_token}`);
    expect(answer.status).toBe(200);
  });

  it('is not a parameter', async () => {
    const { access_token } = tokens;
    const inQuery = await test.http.get(url).query({ access_token });
    const inBody = await test.http.delete(url).type('form').send({ access_token });
    for (const answer of [inQuery, inBody]) {
      expect(answer).toMatchObject(UNKNOWN);
      expect(answer.headers['www-authenticate']).toBe(REALM);
    }
  });

  it('is one way only', async () => {
    const { access_token } = tokens;
    const bearer = { type: 'bearer' } as const;
    expect(await test.http.get(url).query({ access_token }).auth(access_token, bearer)).toMatchObject(several);
    for (const form of ['json', 'form'] as const) {
      const request = test.http.delete(url).type(form).send({ access_token });
      expect(await request.auth(access_token, bearer)).toMatchObject(several);
    }
    const multipart = test.http.post('/oauth/userinfo').field({ access_token });
    expect(await multipart.auth(access_token, bearer)).toMatchObject(several);
    const twice = test.http
      .get(url)
      .set('Authorization', [`Bearer ${access_token}`, `Bearer ${access_token}`] as never);
    expect(await twice).toMatchObject(several);
    expect(await statusOf(test, access_token)).toBe(200);
  });

  it.each([
    ['Basic', () => `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`],
    ['Basic with the token', () => `Basic ${Buffer.from(`alice:${tokens.access_token}`).toString('base64')}`],
    ['no scheme', () => tokens.access_token],
    ['no token', () => 'Bearer'],
    ['two tokens', () => `Bearer ${tokens.access_token} ${tokens.access_token}`],
    ['a comma', () => `Bearer ${tokens.access_token}, Bearer ${tokens.access_token}`],
    ['more than 512 bytes', () => `Bearer ${' '.repeat(600)}${tokens.access_token}`],
    ['10 kB', () => `Bearer ${tokens.access_token}${'a'.repeat(10_000)}`],
    ['quotes', () => `Bearer "${tokens.access_token}"`],
    ['the refresh token', () => `Bearer ${tokens.refresh_token}`],
    ['the client’s secret', () => `Bearer ${client.client_secret}`],
  ])('is refused with %s', async (_, header) => {
    const answer = await test.http.get(url).set('Authorization', header());
    expect(answer).toMatchObject(UNKNOWN);
    expect(answer.headers['www-authenticate']).toBe(INVALID);
  });

  it('is not a cookie, and a cookie is no token', async () => {
    const { cookie } = await signIn(test, client, 'alice');
    expect(await test.http.get(url).set('Cookie', cookie)).toMatchObject(UNKNOWN);
    expect((await call(test, { method: 'GET', url }, cookie.slice('jwt='.length))).status).toBe(401);
    const { client_id, redirect_uri } = client;
    const consent = await test.http
      .post('/api/auth/redirect')
      .set('Cookie', `jwt=${tokens.access_token}`)
      .send({ client_id, redirect_uri });
    expect(new URL(consent.headers['location'] ?? '').searchParams.get('error_description')).toBe(
      'Please sign in again',
    );
  });

  it('is examined before the scope and the parameters', async () => {
    const answer = await test.http.delete('/api/oauth_tokens').query({ keep_current: 'perhaps' });
    expect(answer).toMatchObject(UNKNOWN);
    await grantScope(test, tokens.id, 'read');
    const scope = await call(
      test,
      { method: 'DELETE', url: '/api/oauth_tokens?keep_current=perhaps' },
      tokens.access_token,
    );
    await grantScope(test, tokens.id, 'read write');
    expect(scope.status).toBe(403);
  });
});

describe('the life of an access token', () => {
  const expiry = async (id: number): Promise<number> => {
    const [row] = await test.dataSource.query(
      'select extract(epoch from expires_at - now()) / 86400 as days from access_token where session_id = $1',
      [id],
    );
    return Number(row.days);
  };
  const move = (id: number, days: number) =>
    test.dataSource.query(
      `with s as (update session set last_used_at = now() - interval '2 minutes' where id = $2)
       update access_token set expires_at = now() + make_interval(secs => $1::float8 * 86400) where session_id = $2`,
      [days, id],
    );

  it('ends 90 days after its last use', async () => {
    const { id, access_token } = await obtainTokens(test, client, 'alice');
    expect(await expiry(id)).toBeCloseTo(90, 2);
    await move(id, 0);
    const answer = await call(test, { method: 'GET', url: '/api/oauth_tokens' }, access_token);
    expect(answer).toMatchObject(UNKNOWN);
    expect(answer.headers['www-authenticate']).toBe(INVALID);
    await test.app.get(LastUse).flush();
    expect(await expiry(id)).toBeLessThan(0);
  });

  it('slides on with use, at most once an hour', async () => {
    const { id, access_token } = await obtainTokens(test, client, 'alice');
    const used = async () => {
      expect(await statusOf(test, access_token)).toBe(200);
      await test.app.get(LastUse).flush();
      // As a minute later.
      test.app.get(LastUse).forget();
      return expiry(id);
    };
    await move(id, 1);
    expect(await used()).toBeCloseTo(90, 2);
    const half = 1 / 48;
    await move(id, 90 - half);
    expect(await used()).toBeCloseTo(90 - half, 3);
    await move(id, 90 - 3 * half);
    expect(await used()).toBeCloseTo(90, 3);
  });
});

describe('the state of the account', () => {
  const ask = (token: string) => call(test, { method: 'GET', url: '/api/oauth_tokens' }, token);
  const said = async (token: string) => {
    const { status, body } = await ask(token);
    return { status, body };
  };
  const disabled = {
    status: 403,
    body: { error: 'Your login is currently disabled', identifier: 'account_is_disabled' },
  };

  it.each([
    ['disabled_at = now()', disabled.body.error, disabled.body.identifier],
    ['confirmation_pending = true', 'Your login is missing a confirmed e-mail address', 'missing_confirmed_email'],
    ['approval_pending = true', 'Your login is currently pending approval', 'awaiting_approval'],
    ['password_reset_required = true', 'Password reset is required', 'password_reset_required'],
  ])('%s is told by its identifier', async (change, error, identifier) => {
    await changeUser(test, alice, change);
    const isAdmitted = (access: BearerRoute['access']) =>
      access.admitsUnconfirmed === true && identifier === 'missing_confirmed_email';
    const routes = bearerRoutes(test).filter(({ access }) => access.principal !== 'app' && !isAdmitted(access));
    for (const route of routes) {
      const answer = await call(test, route, tokens.access_token);
      expect({ status: answer.status, body: answer.body }).toStrictEqual({ status: 403, body: { error, identifier } });
    }
    await changeUser(test, alice, UNBLOCKED);
    expect((await ask(tokens.access_token)).status).toBe(200);
  });

  it('is not told of a deleted account, disabled or not', async () => {
    for (const change of [`deletion_due_at = now() + interval '1 day'`, 'disabled_at = now()']) {
      await changeUser(test, alice, change);
      const answer = await ask(tokens.access_token);
      expect(answer).toMatchObject(UNKNOWN);
      expect(answer.headers['www-authenticate']).toBe(INVALID);
    }
    await changeUser(test, alice, UNBLOCKED);
  });

  it('is told to tokens that disabling revoked, as long as the account is disabled', async () => {
    const [before, with_, expired] = [
      await obtainTokens(test, client, 'alice'),
      await obtainTokens(test, client, 'alice'),
      await obtainTokens(test, client, 'alice'),
    ];
    const revoke = (id: number, at: string) =>
      test.dataSource.query(`update session set revoked_at = ${at} where id = $1`, [id]);
    await revoke(before.id, `now() - interval '1 hour'`);
    await test.dataSource.query('update access_token set expires_at = now() where session_id = $1', [expired.id]);
    await test.dataSource.transaction(async (tx) => {
      await tx.query('update "user" set disabled_at = now() where id = $1', [alice]);
      await tx.query('update session set revoked_at = now() where id = $1', [with_.id]);
    });
    expect(await said(with_.access_token)).toStrictEqual(disabled);
    expect(await said(before.access_token)).toStrictEqual(UNKNOWN);
    expect(await said(expired.access_token)).toStrictEqual(UNKNOWN);
    await changeUser(test, alice, UNBLOCKED);
    expect(await said(with_.access_token)).toStrictEqual(UNKNOWN);
    expect((await ask(tokens.access_token)).status).toBe(200);
  });
});
