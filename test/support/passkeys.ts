import type { Test } from 'supertest';
import type { TestApp } from './app.js';
import { type Fault, SoftwareAuthenticator } from './authenticator.js';
import { oauthQuery, type TestClient } from './flows.js';
import type { StoppedAtFactor } from './mfa.js';

/** Where a person manages their passkeys. */
export const PASSKEYS = '/api/v1/gatehouse/passkeys';

/** A passkey as its owner sees it. */
export interface ListedPasskey {
  id: string;
  name: string;
  transports: string[];
  backed_up: boolean;
  created_at: string;
  last_used_at: string | null;
}

/** Calls one of those routes. */
export function callPasskeys(
  { http }: TestApp,
  { token }: { token: string },
  method: 'delete' | 'get' | 'patch' | 'post',
  path = '',
): Test {
  return http[method](`${PASSKEYS}${path}`).auth(token, { type: 'bearer' });
}

/** Asks for a registration and has the authenticator answer; `fault` is what it does wrong. */
export async function makePasskey(
  test: TestApp,
  person: { token: string },
  device = new SoftwareAuthenticator(),
  fault: Fault = {},
) {
  const { status, body, text } = await callPasskeys(test, person, 'post', '/options');
  if (status !== 200) throw new Error(`The options answered ${status}: ${text}`);
  return device.create(body, fault);
}

/** Gives a person a passkey, as if they had had it for long; the session must be fresh. */
export async function addPasskey(
  test: TestApp,
  person: { token: string },
  { name = 'The blue key', device = new SoftwareAuthenticator() } = {},
): Promise<{ device: SoftwareAuthenticator; passkey: ListedPasskey }> {
  const response = await makePasskey(test, person, device);
  const { status, body, text } = await callPasskeys(test, person, 'post').send({ name, response });
  if (status !== 200) throw new Error(`The passkey was answered ${status}: ${text}`);
  await test.dataSource.query(`update passkey set created_at = created_at - interval '1 year' where id = $1`, [
    body.id,
  ]);
  return { device, passkey: body };
}

/** Makes the sign-in of a session so many seconds older. */
export async function ageSession({ dataSource }: TestApp, id: number, seconds: number): Promise<void> {
  await dataSource.query('update session set signed_in_at = signed_in_at - make_interval(secs => $2) where id = $1', [
    id,
    seconds,
  ]);
}

/** What a browser needs for a sign-in by passkey alone. */
export async function signInOptions({ http }: TestApp) {
  const { status, body, text } = await http.post('/api/auth/passkey/options');
  if (status !== 200) throw new Error(`The options answered ${status}: ${text}`);
  return body;
}

/** Posts the form of the login page that signs in by passkey. */
export function postPasskey(
  { http }: TestApp,
  client: TestClient,
  response: unknown,
  query: Record<string, string | undefined> = {},
): Test {
  const text = typeof response === 'string' ? response : JSON.stringify(response);
  const post = http.post('/api/auth/passkey').query(oauthQuery(client, query));
  return post.type('form').send({ response: text });
}

/** What a browser needs to show a passkey as the second factor of a sign-in that waits. */
export async function factorOptions({ http }: TestApp, { token, cookie }: StoppedAtFactor) {
  const post = http.post('/api/auth/mfa/passkey_options').set('Cookie', cookie);
  const { status, body, text } = await post.send({ mfa_token: token });
  if (status !== 200) throw new Error(`The options answered ${status}: ${text}`);
  return body;
}

/** A passkey's signature as the fields of the second factor. */
export const asFactor = (response: unknown) => ({
  challenge_type: 'webauthn',
  response: typeof response === 'string' ? response : JSON.stringify(response),
});

/** The types of a person's own journal that begin so, oldest first. */
export async function eventsOf({ dataSource }: TestApp, id: string, beginning: string): Promise<string[]> {
  const rows: { type: string }[] = await dataSource.query(
    'select type from audit_event where user_id = $1 and starts_with(type, $2) order by id',
    [id, beginning],
  );
  return rows.map(({ type }) => type);
}
