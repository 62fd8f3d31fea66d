import { generateSync } from 'otplib';
import type { Test } from 'supertest';
import { sha256 } from '../../src/common/secrets.js';
import { newPerson, type Person } from './account.js';
import type { TestApp } from './app.js';
import { cookiesOf, oauthQuery, PASSWORD, postLogin, redirectOf, requestToken, type TestClient } from './flows.js';

/** The two ways to write the routes of contract.md §6. */
export const MFA_PREFIXES = ['/api/pleroma/accounts/mfa', '/api/v1/pleroma/accounts/mfa'] as const;
export const [MFA] = MFA_PREFIXES;

/** Seconds of a time step. */
const PERIOD = 30;

/** The time step of this moment. */
export const stepNow = () => Math.floor(Date.now() / 1000 / PERIOD);

/** An authenticator app: it knows a secret, and shows codes of this and of other time steps. */
export class Authenticator {
  constructor(readonly key: string) {}

  /** The code of so many steps after this one. A step may end before it is looked at: 0 and 1 are accepted all the same. */
  code(offset = 0): string {
    return generateSync({ secret: this.key, epoch: (stepNow() + offset) * PERIOD });
  }

  /** So many different codes that are right at no time near this one. */
  wrongCodes(count: number): string[] {
    const right = new Set(Array.from({ length: 21 }, (_, n) => this.code(n - 10)));
    return Array.from({ length: count + 21 }, (_, n) => String(100_000 + n * 7))
      .filter((code) => !right.has(code))
      .slice(0, count);
  }

  get wrongCode(): string {
    return this.wrongCodes(1)[0] ?? '';
  }
}

/** Calls one of the routes of contract.md §6. */
export function callMfa(
  { http }: TestApp,
  { token }: { token: string },
  method: 'delete' | 'get' | 'post',
  path: string,
  prefix: string = MFA,
): Test {
  return http[method](`${prefix}${path}`).auth(token, { type: 'bearer' });
}

/** Begins to set an authenticator app up. */
export async function setUpTotp(test: TestApp, person: { token: string }): Promise<Authenticator> {
  const answer = await callMfa(test, person, 'get', '/setup/totp');
  if (answer.status !== 200) throw new Error(`Setup answered ${answer.status}: ${answer.text}`);
  return new Authenticator(answer.body.key);
}

/** Posts what confirms a setup. */
export function confirmTotp(test: TestApp, person: { token: string }, fields: object): Test {
  return callMfa(test, person, 'post', '/confirm/totp').send(fields);
}

/** Turns an authenticator app on, as if that had been long ago: no step is used up. */
export async function enableTotp(
  test: TestApp,
  person: { id: string; token: string },
  password = PASSWORD,
): Promise<Authenticator> {
  const app = await setUpTotp(test, person);
  const answer = await confirmTotp(test, person, { password, code: app.code() });
  if (answer.status !== 200) throw new Error(`Confirmation answered ${answer.status}: ${answer.text}`);
  await forgetSteps(test, person);
  return app;
}

/** Turns it off again. */
export async function disableTotp(test: TestApp, person: { token: string }): Promise<void> {
  const answer = await callMfa(test, person, 'delete', '/totp').send({ password: PASSWORD });
  if (answer.status !== 200) throw new Error(`Disabling answered ${answer.status}: ${answer.text}`);
}

/** Makes every step acceptable again, as time does. */
export async function forgetSteps({ dataSource }: TestApp, { id }: { id: string }): Promise<void> {
  await dataSource.query('update totp_credential set last_step = null where user_id = $1', [id]);
}

/** Makes backup codes. */
export async function makeCodes(test: TestApp, person: { token: string }): Promise<string[]> {
  const answer = await callMfa(test, person, 'get', '/backup_codes');
  if (answer.status !== 200) throw new Error(`The codes answered ${answer.status}: ${answer.text}`);
  return answer.body.codes;
}

/** A person with an authenticator app. */
export interface Guarded extends Person {
  app: Authenticator;
}

/** Makes one. */
export async function newGuarded(
  test: TestApp,
  client: TestClient,
  more: { name?: string } & Record<string, unknown> = {},
): Promise<Guarded> {
  const person = await newPerson(test, client, more);
  return { ...person, app: await enableTotp(test, person) };
}

/** A sign-in that stopped at the question for the second factor. */
export interface StoppedAtFactor {
  token: string;
  /** Name and value. */
  cookie: string;
}

/** Signs in by password and stops there. */
export async function stopAtFactor(
  test: TestApp,
  client: TestClient,
  identifier: string,
  more: Record<string, string> = {},
  password = PASSWORD,
): Promise<StoppedAtFactor> {
  const answer = await postLogin(test, oauthQuery(client, more), { identifier, password });
  const [cookie] = (cookiesOf(answer)[0] ?? '').split(';');
  const token = answer.status === 302 ? redirectOf(answer).sent['mfa_token'] : undefined;
  if (!token || !cookie) throw new Error(`Sign-in answered ${answer.status} to ${answer.headers['location']}`);
  return { token, cookie };
}

/** Posts the form of the page that this leads to. */
export function showFactor(
  { http }: TestApp,
  { token, cookie }: StoppedAtFactor,
  fields: Record<string, string | undefined>,
): Test {
  return http
    .post('/api/auth/mfa')
    .set('Cookie', cookie)
    .type('form')
    .send({ mfa_token: token, ...fields });
}

/** What an answer of the browser flow means: `signed in`, the page of another step, why not, or the status. */
export function meaningOf(answer: { status: number; headers: Record<string, string> }): string | number {
  if (answer.status !== 302) return answer.status;
  const { to, sent } = redirectOf(answer);
  const page = to.split('/').at(-1) ?? '';
  return page === 'consent' ? 'signed in' : (sent['error_description'] ?? page);
}

/** Signs in with password and factor, and tells what that leads to. */
export async function signInWith(
  test: TestApp,
  client: TestClient,
  identifier: string,
  fields: Record<string, string | undefined>,
): Promise<string | number> {
  return meaningOf(await showFactor(test, await stopAtFactor(test, client, identifier), fields));
}

/** The letters about second factors to a person, oldest first: kind and facts. */
export function factorLetters(
  { dataSource }: TestApp,
  { id }: { id: string },
): Promise<{ template: string; recipient: string; facts: Record<string, unknown> }[]> {
  return dataSource.query(
    `select template, recipient, facts from mail_outbox where user_id = $1 and template ~ '^(factor|backup|recovery)_'
     order by created_at, id`,
    [id],
  );
}

/** Their kinds. */
export async function factorLetterKinds(test: TestApp, person: { id: string }): Promise<string[]> {
  return (await factorLetters(test, person)).map(({ template }) => template);
}

/** Asks for tokens by password. */
export function askGrant(
  test: TestApp,
  client: TestClient,
  username: string,
  fields: Record<string, unknown> = {},
): Test {
  return requestToken(test, client, { grant_type: 'password', username, password: PASSWORD, ...fields });
}

/** The `mfa_token` that such a request was met with. */
export async function challengeOf(
  test: TestApp,
  client: TestClient,
  username: string,
  fields: Record<string, unknown> = {},
): Promise<string> {
  const { status, body, text } = await askGrant(test, client, username, fields);
  if (status !== 403 || !body.mfa_token) throw new Error(`The grant answered ${status}: ${text}`);
  return body.mfa_token;
}

/** Answers it as the client does. */
export function answerChallenge(
  { http }: TestApp,
  { client_id, client_secret }: TestClient,
  fields: Record<string, unknown>,
): Test {
  return http.post('/oauth/mfa/challenge').send({ client_id, client_secret, challenge_type: 'totp', ...fields });
}

/** How many answers to a challenge were counted. */
export async function wrongAnswers({ dataSource }: TestApp, token: string): Promise<number | undefined> {
  const [row] = await dataSource.query('select failed_attempts as count from mfa_challenge where hash = $1', [
    sha256(token),
  ]);
  return row?.count;
}
