import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  createUser,
  INVALID_GRANT,
  outcomeOf,
  journalOf,
  obtainTokens,
  pkcePair,
  redemption,
  obtainCode,
  registerClient,
  requestToken,
  sendAs,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';

const SECRET = /^[A-Za-z0-9_-]{43}$/;

describe('POST /oauth/token with grant_type=refresh_token', () => {
  let test: TestApp;
  let client: TestClient;
  let alice: string;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
    client = await registerClient(test, { scopes: 'read write follow x:y' });
    alice = await createUser(test, 'alice');
  });
  afterAll(() => test.close());

  const refresh = (refresh_token: string, more: Record<string, unknown> = {}, by = client, at = test) =>
    requestToken(at, by, { grant_type: 'refresh_token', refresh_token, ...more });
  const refreshed = async (refresh_token: string, more: Record<string, unknown> = {}): Promise<Tokens> => {
    const answer = await refresh(refresh_token, more);
    expect(answer.status).toBe(200);
    return answer.body;
  };
  /** Lets so much time pass for the tokens of a session. */
  const wait = async (interval: string, { id }: Tokens) => {
    const passed = [interval, id];
    await test.dataSource.query(`update session set created_at = created_at - $1::interval where id = $2`, passed);
    await test.dataSource.query(
      `update access_token set expires_at = expires_at - $1::interval where session_id = $2`,
      passed,
    );
    await test.dataSource.query(
      `update refresh_token set expires_at = expires_at - $1::interval, used_at = used_at - $1::interval where session_id = $2`,
      passed,
    );
  };

  it.each(BODY_FORMS)('answers a new pair under the same id to a %s body', async (form) => {
    const old = await obtainTokens(test, client, 'alice', 'read write');
    const { client_id, client_secret } = client;
    const fields = { grant_type: 'refresh_token', refresh_token: old.refresh_token, client_id, client_secret };
    const answer = await sendAs(test.http.post('/oauth/token/'), form, fields);
    expect(answer.status).toBe(200);
    expect(answer.body).toStrictEqual({
      id: old.id,
      access_token: expect.stringMatching(SECRET),
      token_type: 'Bearer',
      scope: 'read write',
      created_at: expect.any(Number),
      expires_in: 7_776_000,
      refresh_token: expect.stringMatching(SECRET),
      me: `${PUB}/users/alice`,
    });
    expect(new Set([old, answer.body].flatMap((t: Tokens) => [t.access_token, t.refresh_token])).size).toBe(4);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    expect((await journalOf(test, client)).at(-1)).toBe('token.issued');
  });

  it('lets the old access token live for 30 seconds more', async () => {
    const old = await obtainTokens(test, client, 'alice');
    const fresh = await refreshed(old.refresh_token);
    await wait('29 seconds', old);
    expect(await statusOf(test, old.access_token)).toBe(200);
    await wait('1 second', old);
    expect(await statusOf(test, old.access_token)).toBe(401);
    expect(await statusOf(test, fresh.access_token)).toBe(200);
  });

  it('yields a further pair to parallel tabs within 30 seconds, and all new tokens last', async () => {
    const old = await obtainTokens(test, client, 'alice');
    const first = await refreshed(old.refresh_token);
    await wait('29 seconds', old);
    const second = await refreshed(old.refresh_token);
    expect(second.id).toBe(old.id);
    await wait('31 seconds', old);
    for (const { access_token } of [first, second]) expect(await statusOf(test, access_token)).toBe(200);
    for (const { refresh_token } of [first, second]) await refreshed(refresh_token);
  });

  it('serves two at once, each with a pair of its own', async () => {
    const old = await obtainTokens(test, client, 'alice');
    const replica = await startApp(() => {}, test.database);
    await replica.listen();
    const answers = await Promise.all([test, replica].map((app) => refresh(old.refresh_token, {}, client, app)));
    await replica.close();
    expect(answers.map(({ status }) => status)).toStrictEqual([200, 200]);
    const pairs = answers.map(({ body }) => body as Tokens);
    expect(new Set(pairs.flatMap((pair) => [pair.access_token, pair.refresh_token])).size).toBe(4);
    await wait('31 seconds', old);
    for (const { access_token } of pairs) expect(await statusOf(test, access_token)).toBe(200);
    expect(await statusOf(test, old.access_token)).toBe(401);
  });

  it('ends the whole session when a refresh token comes back after 30 seconds', async () => {
    const bystander = await obtainTokens(test, client, 'alice');
    const old = await obtainTokens(test, client, 'alice');
    const fresh = await refreshed(old.refresh_token);
    await wait('30 seconds', old);
    expect(await outcomeOf(refresh(old.refresh_token))).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, fresh.access_token)).toBe(401);
    expect(await outcomeOf(refresh(fresh.refresh_token))).toStrictEqual(INVALID_GRANT);
    expect((await journalOf(test, client)).at(-1)).toBe('refresh.reused');
    expect(await statusOf(test, bystander.access_token)).toBe(200);
    await refreshed(bystander.refresh_token);
  });

  it('narrows the new access token, and the next refresh has the whole scope again', async () => {
    const old = await obtainTokens(test, client, 'alice', 'read write');
    const narrow = await refreshed(old.refresh_token, { scope: 'read:accounts' });
    expect(narrow.scope).toBe('read:accounts');
    const list = (token: string) => test.http.get('/api/oauth_tokens').auth(token, { type: 'bearer' });
    expect((await list(narrow.access_token)).status).toBe(403);
    const wide = await refreshed(narrow.refresh_token);
    expect(wide.scope).toBe('read write');
    expect((await list(wide.access_token)).status).toBe(200);
  });

  it.each(['follow', 'read follow', 'admin', 'push', '', ' ', 'read  write', 'read,write', 'READ', 'rea', 'read:any'])(
    'refuses the scope %j, which spends nothing',
    async (scope) => {
      const old = await obtainTokens(test, client, 'alice', 'read write');
      const answer = await refresh(old.refresh_token, { scope });
      expect(answer.status).toBe(400);
      expect(answer.body).toStrictEqual({ error: 'invalid_scope', error_description: expect.any(String) });
      const [row] = await test.dataSource.query('select used_at from refresh_token where session_id = $1', [old.id]);
      expect(row.used_at).toBeNull();
    },
  );

  it('is bound to its client, fresh or spent', async () => {
    const other = await registerClient(test);
    const old = await obtainTokens(test, client, 'alice');
    expect(await outcomeOf(refresh(old.refresh_token, {}, other))).toStrictEqual(INVALID_GRANT);
    expect(await outcomeOf(refresh(old.refresh_token, { scope: 'everything' }, other))).toStrictEqual(INVALID_GRANT);
    const fresh = await refreshed(old.refresh_token);
    await wait('31 seconds', old);
    expect(await outcomeOf(refresh(old.refresh_token, {}, other))).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, fresh.access_token)).toBe(200);
  });

  it('serves a public client without a secret, and refuses one with', async () => {
    const open = await registerClient(test, { token_endpoint_auth_method: 'none' });
    const { verifier, challenge } = pkcePair();
    const query = { code_challenge: challenge, code_challenge_method: 'S256' };
    const code = await obtainCode(test, open, 'alice', query);
    const { body } = await requestToken(test, open, { ...redemption(open, code), code_verifier: verifier });
    expect((await refresh(body.refresh_token, { client_secret: 'x' }, open)).status).toBe(401);
    expect((await refresh(body.refresh_token, {}, open)).status).toBe(200);
  });

  it('refuses what is no refresh token', async () => {
    const tokens = await obtainTokens(test, client, 'alice');
    const code = await obtainCode(test, client, 'alice');
    for (const value of ['', 'x', 'a'.repeat(43), tokens.access_token, code, client.client_secret])
      expect(await outcomeOf(refresh(value))).toStrictEqual(INVALID_GRANT);
    await refreshed(tokens.refresh_token);
  });

  it('needs a refresh token', async () => {
    const answer = await requestToken(test, client, { grant_type: 'refresh_token' });
    expect(answer.status).toBe(400);
    expect(answer.body).toStrictEqual({
      error: 'invalid_request',
      error_description: 'Missing field: refresh_token.',
    });
  });

  it('slides on with every refresh, until two years after the sign-in', async () => {
    let tokens = await obtainTokens(test, client, 'alice');
    for (const interval of ['179 days', '179 days', '179 days', '179 days']) {
      await wait(interval, tokens);
      tokens = await refreshed(tokens.refresh_token);
    }
    await wait('13 days 23 hours', tokens);
    tokens = await refreshed(tokens.refresh_token);
    await wait('1 hour', tokens);
    expect(await outcomeOf(refresh(tokens.refresh_token))).toStrictEqual(INVALID_GRANT);
  });

  it('ends 180 days after its last use', async () => {
    const tokens = await obtainTokens(test, client, 'alice');
    await wait('180 days', tokens);
    expect(await outcomeOf(refresh(tokens.refresh_token))).toStrictEqual(INVALID_GRANT);
  });

  it('never ends when the operator says so', async () => {
    const endless = await startApp(
      ({ oauth }) => Object.assign(oauth, { access_token_idle: 0, refresh_token_idle: 0, refresh_token_max: 0 }),
      test.database,
    );
    await endless.listen();
    const old = await obtainTokens(endless, client, 'alice');
    await wait('3000 days', old);
    const answer = await refresh(old.refresh_token, {}, client, endless);
    await endless.close();
    expect(answer.status).toBe(200);
    expect(answer.body).not.toHaveProperty('expires_in');
    await wait('31 seconds', old);
    expect(await statusOf(test, old.access_token)).toBe(401);
    expect(await statusOf(test, answer.body.access_token)).toBe(200);
  });

  it.each(ACCOUNT_BLOCKS)('refuses an account with %s, without ending anything', async (change) => {
    const { refresh_token } = await obtainTokens(test, client, 'alice');
    await changeUser(test, alice, change);
    expect(await outcomeOf(refresh(refresh_token))).toStrictEqual(INVALID_GRANT);
    await changeUser(test, alice, UNBLOCKED);
    await refreshed(refresh_token);
  });

  it('refuses an erased account', async () => {
    const gone = await createUser(test, 'gone');
    const tokens = await obtainTokens(test, client, 'gone');
    await test.dataSource.query('delete from "user" where id = $1', [gone]);
    expect(await outcomeOf(refresh(tokens.refresh_token))).toStrictEqual(INVALID_GRANT);
    expect(await statusOf(test, tokens.access_token)).toBe(401);
  });

  it('outlives a restart', async () => {
    const before = await startApp(() => {}, test.database);
    await before.listen();
    const tokens = await obtainTokens(before, client, 'alice');
    await before.close();
    const fresh = await refreshed(tokens.refresh_token);
    expect(fresh.id).toBe(tokens.id);
    expect(await statusOf(test, tokens.access_token)).toBe(200);
  });
});
