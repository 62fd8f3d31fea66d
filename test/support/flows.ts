import { createHash, randomBytes } from 'node:crypto';
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
  await users.insert({ ...user, ...more });
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
