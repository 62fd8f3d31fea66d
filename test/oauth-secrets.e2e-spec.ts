import 'reflect-metadata';
import { PARAMS_PROVIDER_TOKEN, PinoLogger } from 'nestjs-pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { __resetOutOfContextForTests as forgetLogger } from '../node_modules/nestjs-pino/dist/esm/PinoLogger.js';
import { startApp, type TestApp } from './support/app.js';
import {
  approve,
  clientToken,
  createUser,
  obtainTokens,
  PASSWORD,
  pkcePair,
  redemption,
  registerClient,
  requestToken,
  signIn,
  statusOf,
  type TestClient,
} from './support/flows.js';

/** Every secret of a whole life: registration, sign-in, code, tokens, refresh, revocation, and each refused. */
async function liveThrough(test: TestApp): Promise<Record<string, string>> {
  const client = await registerClient(test, { client_name: 'Canary', website: 'https://canary.example' });
  await createUser(test, 'alice');
  const { verifier, challenge } = pkcePair();
  const query = { code_challenge: challenge, code_challenge_method: 'S256', state: 'state-canary' };
  const signedIn = await signIn(test, client, 'alice', query);
  const wrongPassword = 'a wrong password canary';
  await test.http
    .post('/api/auth/login')
    .query({ client_id: client.client_id, redirect_uri: client.redirect_uri, response_type: 'code', scope: 'read' })
    .type('form')
    .send({ identifier: 'alice', password: wrongPassword });
  const pending = await signIn(test, client, 'alice');
  const code = await approve(test, client, signedIn);
  const wrongVerifier = pkcePair().verifier;
  await requestToken(test, client, { ...redemption(client, code), code_verifier: wrongVerifier });
  const tokens = await requestToken(test, client, { ...redemption(client, code), code_verifier: verifier });
  const refresh_token: string = tokens.body.refresh_token;
  const refreshed = await requestToken(test, client, { grant_type: 'refresh_token', refresh_token });
  const app = await clientToken(test, client);
  const { client_id, client_secret } = client;
  const basic = Buffer.from(`${client_id}:${client_secret}`).toString('base64');
  for (const token of [refreshed.body.access_token, app]) {
    expect(await statusOf(test, token)).toBe(200);
    await test.http.post('/oauth/introspect').set('Authorization', `Basic ${basic}`).send({ token });
    await test.http.get('/api/v1/apps/verify_credentials').query({ access_token: token });
    await test.http.post('/oauth/revoke').query({ token, client_secret }).send({ client_id });
  }
  await requestToken(test, { ...client, client_secret: 'wrong-secret-canary' }, redemption(client, code));
  const ended = await obtainTokens(test, client, 'alice');
  await test.http.post('/oauth/revoke').send({ client_id, client_secret, token: ended.access_token });
  await statusOf(test, ended.access_token);
  return {
    password: PASSWORD,
    wrongPassword,
    secret: client_secret,
    wrongSecret: 'wrong-secret-canary',
    basic,
    code,
    pendingCode: pending.code,
    cookie: signedIn.cookie.slice('jwt='.length),
    pendingCookie: pending.cookie.slice('jwt='.length),
    verifier,
    wrongVerifier,
    accessToken: tokens.body.access_token,
    refreshToken: refresh_token,
    secondAccessToken: refreshed.body.access_token,
    secondRefreshToken: refreshed.body.refresh_token,
    appToken: app,
    endedToken: ended.access_token,
    endedRefreshToken: ended.refresh_token,
  };
}

/** Every row of every table as text; bytes as hexadecimal digits. */
async function dump({ dataSource }: TestApp): Promise<string> {
  const tables: { name: string }[] = await dataSource.query(
    `select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  const rows = [];
  for (const { name } of tables)
    rows.push(...(await dataSource.query(`select '${name} ' || t::text as row from "${name}" t`)));
  return rows.map(({ row }: { row: string }) => row).join('\n');
}

/** The ways in which text could stand in a dump. */
const spellings = (secret: string) => [
  secret,
  Buffer.from(secret).toString('hex'),
  Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  Buffer.from(secret, 'base64url').toString('hex'),
];

describe('the secrets of people and clients', () => {
  let test: TestApp;
  let client: TestClient;
  let secrets: Record<string, string>;
  beforeAll(async () => {
    test = await startApp();
    // The logger of Nest's own classes belongs to the process and would still write for the app of an earlier file.
    forgetLogger();
    Reflect.construct(PinoLogger, [test.app.get(PARAMS_PROVIDER_TOKEN)]);
    await test.listen();
    secrets = await liveThrough(test);
    client = await registerClient(test);
  });
  afterAll(() => test.close());

  it('are 256 random bits each', () => {
    const { secret, code, pendingCode, accessToken, refreshToken, secondAccessToken, secondRefreshToken, appToken } =
      secrets;
    const issued = [
      secret,
      code,
      pendingCode,
      accessToken,
      refreshToken,
      secondAccessToken,
      secondRefreshToken,
      appToken,
    ];
    for (const value of issued) expect(value).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(new Set(issued).size).toBe(issued.length);
  });

  it('stand in no column of any table', async () => {
    const text = await dump(test);
    // The dump is a real one: what is public stands in it.
    for (const known of ['alice@example.org', 'Canary', 'state-canary', '$argon2id$']) expect(text).toContain(known);
    for (const [name, secret] of Object.entries(secrets))
      for (const spelling of spellings(secret)) expect(text, name).not.toContain(spelling);
  });

  it('stand in no log line', async () => {
    // Faults log more than refusals do, so two are provoked.
    const { dataSource } = test;
    const refresh_token = secrets['refreshToken'];
    await dataSource.query('alter table refresh_token rename to hidden_one');
    await dataSource.query('alter table authorization_code rename to hidden_two');
    const refreshing = await requestToken(test, client, { grant_type: 'refresh_token', refresh_token });
    await expect(signIn(test, client, 'alice', { state: 'state-canary' })).rejects.toThrow('500');
    await dataSource.query('alter table hidden_one rename to refresh_token');
    await dataSource.query('alter table hidden_two rename to authorization_code');
    expect(refreshing.status).toBe(500);
    expect(refreshing.body).toStrictEqual({ error: 'server_error', error_description: 'Internal server error' });
    const lines = test.logs.join('');
    expect(lines).toContain('"path":"/oauth/token"');
    expect(lines).toContain('"path":"/api/auth/login"');
    for (const table of ['refresh_token', 'authorization_code'])
      expect(lines).toContain(String.raw`relation \"${table}\" does not exist`);
    expect(lines).not.toContain('state-canary');
    for (const [name, secret] of Object.entries(secrets))
      for (const spelling of spellings(secret)) expect(lines, name).not.toContain(spelling);
  });
});
