import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LastUse } from '../src/sessions/last-use.js';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  createUser,
  obtainTokens,
  outcomeOf,
  registerClient,
  sendAs,
  statusOf,
  type TestClient,
} from './support/flows.js';

const INVALID_CLIENT = {
  status: 401,
  body: { error: 'invalid_client', error_description: 'Client authentication failed' },
};
const INACTIVE = { status: 200, body: { active: false } };

let test: TestApp;
let client: TestClient;
let other: TestClient;
let alice: string;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { scopes: 'read write push' });
  other = await registerClient(test);
  alice = await createUser(test, 'alice');
});
afterAll(() => test.close());

const credentials = ({ client_id, client_secret }: TestClient) => ({ client_id, client_secret });
const basic = ({ client_id, client_secret }: TestClient) =>
  `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`;

describe('POST /oauth/introspect', () => {
  const introspect = (token: string, by = client, at = test) =>
    at.http.post('/oauth/introspect').send({ ...credentials(by), token });

  it.each(BODY_FORMS)('tells what a person’s token stands for, asked by %s', async (form) => {
    const tokens = await obtainTokens(test, client, 'alice', 'read push');
    const fields = { ...credentials(client), token: tokens.access_token, token_type_hint: 'junk' };
    const answer = await sendAs(test.http.post('/oauth/introspect/'), form, fields);
    expect(answer.status).toBe(200);
    expect(answer.body).toStrictEqual({
      active: true,
      scope: 'read push',
      client_id: client.client_id,
      username: 'alice',
      token_type: 'Bearer',
      exp: tokens.created_at + tokens.expires_in,
      iat: tokens.created_at,
      sub: `${PUB}/users/alice`,
      iss: PUB,
    });
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('tells of an app token without a person', async () => {
    const token = await clientToken(test, client, 'read');
    const answer = await test.http.post('/oauth/introspect').set('Authorization', basic(client)).send({ token });
    expect(answer.status).toBe(200);
    expect(answer.body).toStrictEqual({
      active: true,
      scope: 'read',
      client_id: client.client_id,
      token_type: 'Bearer',
      exp: expect.any(Number),
      iat: expect.any(Number),
      iss: PUB,
    });
  });

  it('says nothing of an end when the token never expires', async () => {
    const { access_token: token, id } = await obtainTokens(test, client, 'alice');
    await test.dataSource.query('update access_token set expires_at = null where session_id = $1', [id]);
    const { body } = await introspect(token);
    expect(body.active).toBe(true);
    expect(body).not.toHaveProperty('exp');
  });

  it('calls refresh tokens, strangers’, expired, revoked and unknown tokens inactive', async () => {
    const [live, expired, ended] = [
      await obtainTokens(test, client, 'alice'),
      await obtainTokens(test, client, 'alice'),
      await obtainTokens(test, client, 'alice'),
    ];
    await test.dataSource.query('update access_token set expires_at = now() where session_id = $1', [expired.id]);
    await test.dataSource.query('update session set revoked_at = now() where id = $1', [ended.id]);
    for (const token of [live.refresh_token, expired.access_token, ended.access_token, 'a'.repeat(43), 'x', ''])
      expect(await outcomeOf(introspect(token))).toStrictEqual(INACTIVE);
    expect(await outcomeOf(introspect(live.access_token, other))).toStrictEqual(INACTIVE);
    expect((await introspect(live.access_token)).body.active).toBe(true);
  });

  it('tells everything to the clients that the operator names', async () => {
    const { access_token: token } = await obtainTokens(test, client, 'alice');
    const named = await startApp((config) => (config.oauth.introspection_clients = [other.client_id]), test.database);
    const { body } = await introspect(token, other, named);
    await named.close();
    expect(body).toMatchObject({ active: true, client_id: client.client_id, username: 'alice' });
  });

  it.each(ACCOUNT_BLOCKS)('calls the token of an account with %s inactive', async (change) => {
    const { access_token: token } = await obtainTokens(test, client, 'alice');
    await changeUser(test, alice, change);
    expect(await outcomeOf(introspect(token))).toStrictEqual(INACTIVE);
    await changeUser(test, alice, UNBLOCKED);
    expect((await introspect(token)).body.active).toBe(true);
  });

  it('is no use of the token', async () => {
    const { access_token: token, id } = await obtainTokens(test, client, 'alice');
    const lastUse = async () => {
      await test.app.get(LastUse).flush();
      const [row] = await test.dataSource.query('select last_used_at from session where id = $1', [id]);
      return row.last_used_at?.getTime();
    };
    await test.dataSource.query(`update session set last_used_at = now() - interval '1 day' where id = $1`, [id]);
    const before = await lastUse();
    await introspect(token);
    expect(await lastUse()).toBe(before);
    await statusOf(test, token);
    expect(await lastUse()).toBeGreaterThan(before);
  });

  it('is for confidential clients only', async () => {
    const open = await registerClient(test, { token_endpoint_auth_method: 'none' });
    const { access_token: token } = await obtainTokens(test, client, 'alice');
    const ask = (fields: object) => test.http.post('/oauth/introspect').send({ token, ...fields });
    const strangers = [
      { ...client, client_secret: 'wrong' },
      { ...client, client_secret: token },
      open,
      { ...other, client_id: 'x' },
    ];
    for (const { client_id, client_secret } of strangers)
      expect(await outcomeOf(ask({ client_id, client_secret: client_secret ?? undefined }))).toStrictEqual(
        INVALID_CLIENT,
      );
    expect(await outcomeOf(ask({}))).toStrictEqual(INVALID_CLIENT);
    const bearer = await ask({}).auth(token, { type: 'bearer' });
    expect(bearer).toMatchObject(INVALID_CLIENT);
    expect(bearer.headers['www-authenticate']).toBe('Basic realm="Gatehouse"');
  });

  it('needs a token, in the body', async () => {
    const body = { error: 'invalid_request', error_description: 'Missing field: token.' };
    const nothing = test.http.post('/oauth/introspect').send(credentials(client));
    expect(await outcomeOf(nothing)).toStrictEqual({ status: 400, body });
  });
});
