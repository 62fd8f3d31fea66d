import pg from 'pg';
import { expect } from 'vitest';
import { poolOf } from '../../src/database/pool.js';
import type { TestApp } from './app.js';
import {
  approve,
  createUser,
  INVALID_GRANT,
  oauthQuery,
  obtainTokens,
  outcomeOf,
  PASSWORD,
  postLogin,
  redemption,
  redirectOf,
  requestToken,
  signIn,
  statusOf,
  type SignedIn,
  type TestClient,
  type Tokens,
} from './flows.js';

/** The two ways to write the routes of contract.md §5.6–5.9. */
export const PREFIXES = ['/api/pleroma', '/api/v1/pleroma'] as const;

/** The last part of each. */
export const ACTIONS = ['change_password', 'change_email', 'disable_account', 'delete_account'];

/** What each needs besides the password. */
export function fieldsOf(action: string): Record<string, string> {
  if (action === 'change_email') return { email: newAddress() };
  return action === 'change_password' ? { new_password: 'a new horse', new_password_confirmation: 'a new horse' } : {};
}

/** What these routes answer when they have done it. */
export const DONE = { status: 200, body: { status: 'success' } };

/** What they answer when they do not (contract.md §0.6, *refusal 200*). */
export const refused = (error: string) => ({ status: 200, body: { error } });

/** What a link that does nothing is answered with. */
export const DEAD_LINK = { status: 404, body: { error: 'This link is no longer valid' } };

/** A person with an address that is verified, and one session. */
export interface Person {
  id: string;
  name: string;
  email: string;
  token: string;
  tokens: Tokens;
}

let people = 0;

/** Makes a new person and signs them in; `more` is what their row holds besides. */
export async function newPerson(
  test: TestApp,
  client: TestClient,
  { name = `person${++people}`, ...more }: { name?: string } & Record<string, unknown> = {},
): Promise<Person> {
  const id = await createUser(test, name, { emailVerifiedAt: new Date(), ...more });
  const tokens = await obtainTokens(test, client, name);
  return { id, name, email: `${name}@example.org`, token: tokens.access_token, tokens };
}

/** A new address. */
export const newAddress = () => `address${++people}@example.net`;

/** Calls one of the routes with a JSON body, and answers status and whole body. */
export function act(
  { http }: TestApp,
  { token }: { token: string },
  action: string,
  fields: object,
): Promise<{ status: number; body: unknown }> {
  return outcomeOf(http.post(`/api/pleroma/${action}`).auth(token, { type: 'bearer' }).send(fields));
}

/** The fields that change a password. */
export const changePassword = (wanted: string, password = PASSWORD) => ({
  password,
  new_password: wanted,
  new_password_confirmation: wanted,
});

/** What signing in leads to: `signed in`, the page of the next step, or why not. */
export async function signInOutcome(
  test: TestApp,
  client: TestClient,
  identifier: string,
  password = PASSWORD,
): Promise<string> {
  const answer = await postLogin(test, oauthQuery(client, { scope: 'read' }), { identifier, password });
  const { to, sent } = redirectOf(answer);
  const page = to.split('/').at(-1) ?? '';
  return page === 'consent' ? 'signed in' : (sent['error_description'] ?? page);
}

/** The row of a person. */
export async function rowOf({ dataSource }: TestApp, id: string): Promise<Record<string, unknown>> {
  const [row] = await dataSource.query('select * from "user" where id = $1', [id]);
  return row;
}

/** The purposes and addresses of a person's live links, oldest first. */
export function linksOf({ dataSource }: TestApp, id: string): Promise<{ purpose: string; address: string | null }[]> {
  return dataSource.query('select purpose, address from mail_token where user_id = $1 order by created_at, purpose', [
    id,
  ]);
}

/** The types of a person's own journal since they were last asked for. */
export async function newEvents({ dataSource }: TestApp, id: string): Promise<string[]> {
  const [rows] = await dataSource.query(
    `update audit_event set user_agent = 'seen' where user_id = $1 and user_agent is distinct from 'seen' returning id, type`,
    [id],
  );
  return (rows as { id: number; type: string }[]).toSorted((a, b) => a.id - b.id).map(({ type }) => type);
}

/** Everything by which somebody may be signed in: two sessions, a browser, a code that was not redeemed, one before consent. */
export interface Footholds {
  other: Tokens;
  cookie: string;
  code: string;
  pending: SignedIn;
}

/** Signs a person in in every way; also leaves a sign-in that waits for another step. */
export async function takeFootholds(test: TestApp, client: TestClient, name: string): Promise<Footholds> {
  await test.dataSource.query(
    `insert into pending_sign_in (hash, browser_hash, step, user_id, credential_epoch, parameters, expires_at)
     select sha256(random()::text::bytea), '', 'reactivation', id, credential_epoch, '{}', now() + interval '5 minutes'
     from "user" where username = $1`,
    [name],
  );
  const other = await obtainTokens(test, client, name);
  const browser = await signIn(test, client, name);
  const code = await approve(test, client, browser);
  return { other, cookie: browser.cookie, code, pending: await signIn(test, client, name) };
}

/** Asserts that what somebody held is worth nothing any more. */
export async function expectNoFoothold(test: TestApp, client: TestClient, id: string, held: Footholds): Promise<void> {
  const { other, cookie, code, pending } = held;
  expect(await statusOf(test, other.access_token)).not.toBe(200);
  const grants = [{ grant_type: 'refresh_token', refresh_token: other.refresh_token }, redemption(client, code)];
  for (const grant of grants) expect(await outcomeOf(requestToken(test, client, grant))).toStrictEqual(INVALID_GRANT);
  const { client_id, redirect_uri } = client;
  const approval = test.http.post('/api/auth/redirect').set('Cookie', pending.cookie).type('form');
  const approved = await approval.send({ client_id, redirect_uri, code: pending.code });
  expect(redirectOf(approved).sent).toMatchObject({ error: expect.any(String) });
  const goingOn = await test.http.post('/api/auth/continue').query(oauthQuery(client)).set('Cookie', cookie);
  expect(redirectOf(goingOn).sent).toMatchObject({ error: 'login_required' });
  expect(await rowsOf(test, 'pending_sign_in', id)).toBe(0);
}

/** How many rows of a table are about a person. */
export async function rowsOf({ dataSource }: TestApp, table: string, id: string): Promise<number> {
  const [row] = await dataSource.query(`select count(*) from "${table}" where user_id = $1`, [id]);
  return row.count;
}

/** Lets statements wait for longer than a request may, so that a race can be set up also while the machine is busy. */
export function waitPatiently({ dataSource }: TestApp): void {
  const pool = poolOf(dataSource) as pg.Pool & { _clients: { connectionParameters: { query_timeout: number } }[] };
  Object.assign(pool.options, { query_timeout: 10_000 });
  for (const { connectionParameters } of pool._clients) connectionParameters.query_timeout = 10_000;
}

/** Holds a person's row, so that a test can have requests wait for it in the order in which they come. */
export async function holdRow({ database }: TestApp, id: string) {
  const direct = new pg.Client({ connectionString: database.url });
  // A test that fails leaves it open.
  direct.on('error', () => {});
  await direct.connect();
  await direct.query('begin');
  await direct.query('select from "user" where id = $1 for update', [id]);
  const waiting = async () => {
    // Within a transaction the first look is kept otherwise.
    await direct.query('select pg_stat_clear_snapshot()');
    const { rows } = await direct.query(
      `select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    return rows[0].count as number;
  };
  return {
    /** Waits until so many statements wait for the row. */
    queued: async (count: number) => {
      await expect.poll(waiting, { timeout: 10_000, interval: 5 }).toBe(count);
    },
    release: async () => {
      await direct.query('commit');
      await direct.end();
    },
  };
}
