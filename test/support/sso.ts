import { SsoProviderConfig } from '../../src/config/sso-config.js';
import { PUB, type TestApp } from './app.js';
import { evilCallback } from './evil-issuer.js';
import {
  approve,
  cookiesOf,
  oauthQuery,
  redemption,
  requestToken,
  type SignedIn,
  type TestClient,
  type Tokens,
} from './flows.js';
import { CLIENT_ID, CLIENT_SECRET } from './issuer-server.js';

/** A configured provider at an issuer of the tests; what is not said has its default. */
export function provider(id: string, issuer: string, more: Partial<SsoProviderConfig> = {}): SsoProviderConfig {
  return Object.assign(new SsoProviderConfig(), {
    id,
    name: id.charAt(0).toUpperCase() + id.slice(1),
    issuer,
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    ...more,
  });
}

/** A browser's visit to a provider: where it was sent, and the cookie that it keeps meanwhile. */
export interface Visit {
  location: string;
  cookie: string;
}

/** Starts a sign-in at a provider by a link. */
export async function startVisit(test: TestApp, query: Record<string, string>): Promise<Visit> {
  const answer = await test.http.get('/oauth/sso').query(query);
  if (answer.status !== 302) throw new Error(`The start was answered with ${answer.status} ${answer.text}`);
  return { location: String(answer.headers['location']), cookie: flowCookieOf(answer) };
}

/** The `name=value` of the flow cookie that an answer sets. */
export function flowCookieOf(answer: Parameters<typeof cookiesOf>[0]): string {
  const cookie = cookiesOf(answer).find((text) => text.includes('gh_flow_'));
  return cookie?.split(';', 1)[0] ?? '';
}

/** Delivers a provider's callback, as the browser with that cookie. */
export function deliver(test: TestApp, callback: string, cookie: string | null) {
  const { pathname, search } = new URL(callback);
  const request = test.http.get(pathname + search);
  return cookie === null ? request : request.set('cookie', cookie);
}

/** Goes to a provider and comes back: `walk` is what the person does there. */
export async function finishVisit(test: TestApp, { location, cookie }: Visit, walk: Walk = evilCallback) {
  return deliver(test, await walk(location), cookie);
}

/** What a browser does at a provider, from the redirect there to the callback URL. */
export type Walk = (authorizationUrl: string) => Promise<string>;

/** Signs whoever the issuer says in by a provider, and stops at the consent page. */
export async function signInBy(test: TestApp, client: TestClient, issuer: string, walk?: Walk): Promise<SignedIn> {
  const answer = await finishVisit(test, await startVisit(test, { ...oauthQuery(client), issuer }), walk);
  const consent = new URL(String(answer.headers['location'])).searchParams;
  const cookie = cookiesOf(answer).find((line) => line.startsWith('jwt='));
  if (cookie === undefined || !consent.has('code'))
    throw new Error(`The callback led to ${answer.headers['location']}`);
  return { cookie: cookie.split(';', 1)[0] ?? '', code: consent.get('code') ?? '', consent };
}

/** The rest of the way: what the client gets for it. */
export async function tokensFor(test: TestApp, client: TestClient, browser: SignedIn): Promise<Tokens> {
  const answer = await requestToken(test, client, redemption(client, await approve(test, client, browser)));
  if (answer.status !== 200) throw new Error(`Token answered ${answer.status}: ${answer.text}`);
  return answer.body as Tokens;
}

/** Links an identity to a person, as if that had been long ago. */
export async function giveIdentity(
  { dataSource }: TestApp,
  { id }: { id: string },
  issuer: string,
  subject: string,
): Promise<void> {
  await dataSource.query(
    `insert into linked_identity (id, user_id, issuer, subject) values (gen_random_uuid(), $1, $2, $3)`,
    [id, issuer, subject],
  );
}

/** Issuer and subject of each identity of a person. */
export function identitiesOf(
  { dataSource }: TestApp,
  { id }: { id: string },
): Promise<{ issuer: string; subject: string }[]> {
  return dataSource.query('select issuer, subject from linked_identity where user_id = $1 order by issuer', [id]);
}

/** Calls the routes of contract.md §3.8. */
export function callLinks(
  { http }: TestApp,
  { token }: { token: string },
  method: 'delete' | 'get' | 'post',
  path = '',
) {
  return http[method](`/api/v1/sso${path}`).auth(token, { type: 'bearer' });
}

/** Begins to link an identity; the person has just signed in. */
export async function startLink(test: TestApp, person: { token: string }, issuer: string): Promise<Visit> {
  const answer = await callLinks(test, person, 'post').send({ issuer });
  if (answer.status !== 200) throw new Error(`The link was answered with ${answer.status} ${answer.text}`);
  return { location: answer.body.link, cookie: flowCookieOf(answer) };
}

/** Asks for a page that asks who wishes to link, and answers its ticket. */
export async function openTicket(test: TestApp, person: { token: string }, issuer: string): Promise<string> {
  const answer = await callLinks(test, person, 'post').send({ issuer, page: true });
  return new URL(answer.body.link).searchParams.get('ticket') ?? '';
}

/** Where a link ends that cannot be made. */
export const linkRefused = (message: string, title = 'Account linking error') => ({
  to: `${PUB}/`,
  sent: { oidc_account_linking_error: title, oidc_account_linking_error_message: message },
});

/** Where one ends whose time is over, or that another browser began. */
export const LINK_OVER = linkRefused('This link request has expired or was started elsewhere');

/** Where one ends that was made. */
export const LINKED = { to: `${PUB}/`, sent: { oidc_account_linked: 'true' } };

/** Forgets what is known of the providers, as a restart would: copies, keys, and who does not answer. */
export function forgetProviders({ config }: TestApp): void {
  config.sso.providers = config.sso.providers.map((one) => Object.assign(new SsoProviderConfig(), one));
}
