import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'supertest';
import { UsersService } from '../../src/users/users.service.js';
import type { TestApp } from './app.js';

/** The redirect URI that most tests register; it has a query of its own. */
export const REDIRECT_URI = 'https://app.example/cb?from=gatehouse';
export const PASSWORD = 'correct horse battery staple';

/** A registered client. */
export interface TestClient {
  id: string;
  client_id: string;
  client_secret: string;
  redirect_uri: string;
}

/** Registers a client over HTTP. */
export async function registerClient({ http }: TestApp, body: Record<string, unknown> = {}): Promise<TestClient> {
  const answer = await http
    .post('/api/v1/apps')
    .send({ client_name: 'Test client', redirect_uris: REDIRECT_URI, scopes: 'read write follow push', ...body });
  if (answer.status !== 200) throw new Error(`Registration answered ${answer.status}: ${answer.text}`);
  return answer.body as TestClient;
}

/** Makes an account directly, without a client. */
export async function createUser(
  { app }: TestApp,
  username: string,
  more: Record<string, unknown> = {},
): Promise<string> {
  const users = app.get(UsersService);
  const user = await users.check({ username, email: `${username}@example.org`, password: PASSWORD });
  await users.insert({ ...user, emailVerifiedAt: new Date(), ...more });
  return user.id;
}

/** A client's own token. */
export async function clientToken({ http }: TestApp, client: TestClient, scope?: string): Promise<string> {
  const { client_id, client_secret } = client;
  const answer = await http
    .post('/oauth/token')
    .send({ grant_type: 'client_credentials', client_id, client_secret, ...(scope && { scope }) });
  if (answer.status !== 200) throw new Error(`Token answered ${answer.status}: ${answer.text}`);
  return answer.body.access_token;
}

/** The OAuth parameters of a client's request. */
export function oauthQuery(client: TestClient, more: Record<string, string | undefined> = {}): Record<string, string> {
  const all = {
    client_id: client.client_id,
    redirect_uri: client.redirect_uri,
    response_type: 'code',
    scope: 'read write',
    ...more,
  };
  return Object.fromEntries(Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** A browser that has just signed in: its cookie and the consent URL's parameters. */
export interface SignedIn {
  cookie: string;
  code: string;
  consent: URLSearchParams;
}

/** Signs in by password and stops at the consent page. */
export async function signIn(
  { http }: TestApp,
  client: TestClient,
  identifier: string,
  more: Record<string, string | undefined> = {},
): Promise<SignedIn> {
  const answer = await http
    .post('/api/auth/login')
    .query(oauthQuery(client, more))
    .type('form')
    .send({ identifier, password: PASSWORD });
  const consent = new URL(answer.headers['location'] ?? 'http://none').searchParams;
  const [cookie] = ((answer.headers['set-cookie'] ?? []) as unknown as string[]).map(
    (line) => line.split(';', 1)[0] ?? '',
  );
  if (!cookie || !consent.has('code'))
    throw new Error(`Sign-in answered ${answer.status} to ${answer.headers['location']}: ${answer.text}`);
  return { cookie, code: consent.get('code') ?? '', consent };
}

/** Approves what is pending and answers the code that arrives at the client. */
export async function approve({ http }: TestApp, client: TestClient, { cookie, code }: SignedIn): Promise<string> {
  const { client_id, redirect_uri } = client;
  const answer = await http
    .post('/api/auth/redirect')
    .set('Cookie', cookie)
    .type('form')
    .send({ client_id, redirect_uri, code });
  const location = answer.headers['location'];
  if (answer.status !== 302 || !location) throw new Error(`Consent answered ${answer.status}: ${answer.text}`);
  return new URL(location).searchParams.get('code') ?? '';
}

/** What the token endpoint answers. */
export interface Tokens {
  id: number;
  access_token: string;
  refresh_token: string;
  token_type: string;
  scope: string;
  created_at: number;
  expires_in: number;
  me: string;
}

/** The whole way from password to tokens. */
export async function obtainTokens(
  test: TestApp,
  client: TestClient,
  identifier: string,
  scope = 'read write',
): Promise<Tokens> {
  const code = await approve(test, client, await signIn(test, client, identifier, { scope }));
  const { client_id, client_secret, redirect_uri } = client;
  const answer = await test.http
    .post('/oauth/token')
    .send({ grant_type: 'authorization_code', client_id, client_secret, redirect_uri, code });
  if (answer.status !== 200) throw new Error(`Token answered ${answer.status}: ${answer.text}`);
  return answer.body as Tokens;
}

/** A PKCE verifier and its challenge. */
export function pkcePair(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** A code that has been approved and waits to be redeemed. */
export async function obtainCode(
  test: TestApp,
  client: TestClient,
  identifier: string,
  more: Record<string, string | undefined> = {},
): Promise<string> {
  return approve(test, client, await signIn(test, client, identifier, more));
}

/** Posts JSON to the token endpoint with a client's credentials; fields come on top, and undefined ones are left out. */
export function requestToken({ http }: TestApp, client: TestClient, fields: Record<string, unknown>): Test {
  const { client_id, client_secret } = client;
  return http.post('/oauth/token').send({ client_id, client_secret: client_secret ?? undefined, ...fields });
}

/** The fields by which a client redeems a code. */
export function redemption(client: TestClient, code: string): Record<string, string> {
  return { grant_type: 'authorization_code', redirect_uri: client.redirect_uri, code };
}

/** What a route that takes any live token answers to this one: 200 while it lives. */
export async function statusOf({ http }: TestApp, accessToken: string): Promise<number> {
  return (await http.get('/api/v1/apps/verify_credentials').auth(accessToken, { type: 'bearer' })).status;
}

/** The ways to send fields that every route with a body reads (contract.md §0.3). */
export const BODY_FORMS = ['json', 'form', 'multipart'] as const;

/** Sends fields in one of them. */
export function sendAs(request: Test, form: (typeof BODY_FORMS)[number], fields: Record<string, string>): Test {
  return form === 'multipart' ? request.field(fields) : request.type(form).send(fields);
}

/** The types of the journal's events of one client program, oldest first. */
export async function journalOf({ dataSource }: TestApp, client: TestClient): Promise<string[]> {
  const rows: { type: string }[] = await dataSource.query(
    'select type from audit_event where application_id = $1 order by id',
    [client.id],
  );
  return rows.map(({ type }) => type);
}

/** Posts the login form as frontends do: OAuth parameters in the query, the two fields in the body. */
export function postLogin(
  { http }: TestApp,
  query: Record<string, string>,
  fields: Record<string, unknown> = { identifier: 'alice', password: PASSWORD },
) {
  return http.post('/api/auth/login').query(query).type('form').send(fields);
}

/** Where an answer sends the browser, and with which parameters. */
export function redirectOf(answer: { headers: Record<string, string> }): { to: string; sent: Record<string, string> } {
  const location = answer.headers['location'];
  if (location === undefined) throw new Error('The answer is no redirect');
  const [to = '', query = ''] = location.split(/\?(.*)/s);
  return { to, sent: Object.fromEntries(new URLSearchParams(query)) };
}

/** The `Set-Cookie` lines of an answer. */
export function cookiesOf(answer: { headers: Record<string, unknown> }): string[] {
  return (answer.headers['set-cookie'] ?? []) as string[];
}

/** How many rows every table has. */
export async function countRows({ dataSource }: TestApp): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { tableName } of dataSource.entityMetadatas) {
    const [row] = await dataSource.query(`select count(*)::int as count from "${tableName}"`);
    counts[tableName] = row.count;
  }
  return counts;
}

/** Status and whole body of an answer, to be compared at once. */
export async function outcomeOf(request: Test): Promise<{ status: number; body: unknown }> {
  const { status, body } = await request;
  return { status, body };
}

/** What every grant that does not hold is answered with (RFC 6749 §5.2). */
export const INVALID_GRANT = {
  status: 400,
  body: { error: 'invalid_grant', error_description: 'The grant is invalid, expired or already used' },
};

/** One request exactly as given: no client library tidies its path, headers or body. */
export function ask(
  { app }: TestApp,
  method: string,
  path: string,
  headers: Record<string, string | string[]> = {},
  body?: string | Buffer,
): Promise<{ status: number; headers: Record<string, string>; text: string }> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof ask>>>();
  const isChunked = 'transfer-encoding' in headers;
  const length = body === undefined || isChunked ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers: { ...length, ...headers }, agent: false });
  sent.on('response', (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    answer.on('end', () =>
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers as Record<string, string>, text }),
    );
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}
