import { expect } from 'vitest';
import type { Response, Test } from 'supertest';
import { PUB, type TestApp } from './app.js';
import { type EvilIssuer, evilCallback } from './evil-issuer.js';
import type { Claims } from './evil-tokens.js';
import { cookiesOf, countRows, redirectOf } from './flows.js';
import { deliver, startVisit } from './sso.js';

/** A `Set-Cookie` line that takes the cookie of a visit out of the browser. */
export const FLOW_CLEARED = expect.stringMatching(
  /^gh_flow_[\w-]{8}=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax$/,
);
/** One that keeps it there. */
export const FLOW_KEPT = expect.stringMatching(
  /^gh_flow_[\w-]{8}=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
);
/** One that signs the browser in. */
export const SESSION = expect.stringMatching(/^jwt=[\w.-]+; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Lax$/);
/** One that waits for another step. */
export const STEP = expect.stringMatching(/^gh_mfa=[\w-]{43}; Max-Age=300; Path=\/; HttpOnly; SameSite=Strict$/);
/** One that takes that one out again. */
export const STEP_CLEARED =
  'gh_mfa=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Strict';
/** Any token in a URL. */
export const SECRET = expect.stringMatching(/^[\w-]{43}$/);

/** Everything that an answer of the browser flow does to the browser. */
export function effectOf(answer: { status: number; text: string; headers: Record<string, string> }) {
  const { status, text } = answer;
  return { status, text, ...redirectOf(answer), cookies: cookiesOf(answer).toSorted() };
}

/** The names of the cookies that an answer puts into the browser. */
export function cookiesGiven(answer: { headers: Record<string, unknown> }): string[] {
  return cookiesOf(answer).flatMap((line) => /^([^=]+)=[^;]/.exec(line)?.[1] ?? []);
}

/** One cookie that an answer sets, as the browser sends it back. */
export function cookieOf(answer: { headers: Record<string, unknown> }, name: string): string {
  return (
    cookiesOf(answer)
      .find((line) => line.startsWith(name))
      ?.split(';', 1)[0] ?? ''
  );
}

/** What leads back to the login page looks like, all of it. */
export const sentToLogin = (oauth: Record<string, string>, error: string, sentence: string, identifier?: string) => ({
  to: `${PUB}/oauth/authorize`,
  sent: { ...oauth, error, error_description: sentence, ...(identifier !== undefined && { identifier }) },
});

/** A callback that is ready to be delivered, and the cookie of its browser. */
export interface Ready {
  callback: string;
  cookie: string;
}

/** Signs somebody in at the issuer; the callback is not delivered yet. */
export async function vouchFor(
  test: TestApp,
  evil: EvilIssuer,
  query: Record<string, string>,
  claims: Claims,
): Promise<Ready> {
  const { location, cookie } = await startVisit(test, query);
  evil.claims = claims as EvilIssuer['claims'];
  return { callback: await evilCallback(location), cookie };
}

/** The same, and delivers it. */
export async function comeVouched(
  test: TestApp,
  evil: EvilIssuer,
  query: Record<string, string>,
  claims: Claims,
): Promise<Response> {
  const { callback, cookie } = await vouchFor(test, evil, query, claims);
  return deliver(test, callback, cookie);
}

/** Somebody whom nobody here knows, at the page that asks for a name. */
export interface Unnamed {
  token: string;
  cookie: string;
  /** Every parameter of the page. */
  sent: Record<string, string>;
}

/** Leads somebody there. */
export async function reachNaming(
  test: TestApp,
  evil: EvilIssuer,
  query: Record<string, string>,
  claims: Claims,
): Promise<Unnamed> {
  const { callback, cookie } = await vouchFor(test, evil, query, claims);
  const { to, sent } = redirectOf(await deliver(test, callback, cookie));
  if (to !== `${PUB}/oauth/sso/register`) throw new Error(`The callback led to ${to} ${JSON.stringify(sent)}`);
  return { token: sent['registration_token'] ?? '', cookie, sent };
}

/** Posts the form of that page. */
export function postNaming(
  { http }: TestApp,
  { token, cookie }: { token: string; cookie: string | null },
  fields: Record<string, string | undefined>,
): Test {
  const post = http.post('/api/auth/sso/register').type('form');
  if (cookie !== null) void post.set('Cookie', cookie);
  return post.send({ registration_token: token, ...fields });
}

/** What is kept of somebody of that name, and their identities; null when there is nobody. */
export async function accountOf({ dataSource }: TestApp, username: string): Promise<Record<string, unknown> | null> {
  const [row] = await dataSource.query(
    `select u.id, u.email, u.email_verified_at is not null as "isVerified", u.password_hash is not null as "hasPassword",
       u.display_name as "displayName", u.role, u.approval_pending as "awaitsApproval", u.confirmation_pending as "awaitsConfirmation",
       u.registration_reason as reason,
       (select coalesce(json_agg(json_build_array(i.issuer, i.subject) order by i.issuer), '[]') from linked_identity i where i.user_id = u.id) as identities
     from "user" u where u.username = $1`,
    [username],
  );
  return row ?? null;
}

/** The tables of which a refusal leaves every row as it is, and adds none. */
const HOLDINGS = [
  'user',
  'linked_identity',
  'sso_session',
  'pending_sign_in',
  'browser_session',
  'authorization_code',
  'session',
  'mail_outbox',
] as const;

/** How many rows they have. */
export async function holdings(test: TestApp): Promise<Record<string, number | undefined>> {
  const counts = await countRows(test);
  return Object.fromEntries(HOLDINGS.map((table) => [table, counts[table]]));
}
