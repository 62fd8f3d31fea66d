import type { Test } from 'supertest';
import { newPerson } from './account.js';
import { linkTo, useLink } from './account-mails.js';
import type { TestApp } from './app.js';
import { waitFor } from './backups.js';
import type { TestClient } from './flows.js';
import { enableTotp, type Guarded, stopAtFactor, type StoppedAtFactor } from './mfa.js';
import type { SmtpListener } from './smtp.js';

/** Where a person sees and stops a wait. */
export const RECOVERY = '/api/v1/gatehouse/mfa_recovery';

/** Somebody with an authenticator app, whose every factor has been there for long. */
export async function newLoser(
  test: TestApp,
  client: TestClient,
  more: { name?: string } & Record<string, unknown> = {},
): Promise<Guarded> {
  const person = await newPerson(test, client, more);
  const app = await enableTotp(test, person);
  await test.dataSource.query(`update totp_credential set enabled_at = now() - interval '1 year' where user_id = $1`, [
    person.id,
  ]);
  return { ...person, app };
}

/** Says on the page of the second factor that all of them are lost. */
export function requestRecovery({ http }: TestApp, { token, cookie }: StoppedAtFactor): Test {
  return http.post('/api/auth/mfa/recovery').set('Cookie', cookie).type('form').send({ mfa_token: token });
}

/** Says so after the password, and answers the path of the link in the mail. */
export async function confirmationLink(
  test: TestApp,
  smtp: SmtpListener,
  client: TestClient,
  { name, email }: { name: string; email: string },
): Promise<string> {
  const answer = await requestRecovery(test, await stopAtFactor(test, client, name));
  if (answer.status !== 302) throw new Error(`The request answered ${answer.status}: ${answer.text}`);
  return linkTo(test, smtp, email);
}

/** Makes a person wait for their factors to go, and answers the path of the link that stops it. */
export async function beginRecovery(
  test: TestApp,
  smtp: SmtpListener,
  client: TestClient,
  person: { name: string; email: string },
): Promise<string> {
  const { status } = await useLink(test, await confirmationLink(test, smtp, client, person));
  if (status !== 200) throw new Error(`The confirmation answered ${status}`);
  return linkTo(test, smtp, person.email);
}

/** What is kept of a wait: seconds until it is over, null when it was only asked for; undefined when there is none. */
export async function secondsLeft({ dataSource }: TestApp, id: string): Promise<number | null | undefined> {
  const [row] = await dataSource.query(
    `select extract(epoch from due_at - now())::float8 as left from factor_recovery where user_id = $1`,
    [id],
  );
  return row?.left;
}

/** Lets so much time pass that the wait is over, without anybody having looked yet. */
export async function passTime({ dataSource }: TestApp, id: string): Promise<void> {
  await dataSource.query(
    `update factor_recovery set requested_at = requested_at - (due_at - now()), due_at = now() where user_id = $1`,
    [id],
  );
}

/** Has the worker look at the wait of a person, until it has done so. */
export async function look({ dataSource }: TestApp, id: string): Promise<void> {
  const [[job]] = await dataSource.query(
    `update job set run_at = now() where kind = 'recover_factors' and key = $1 returning id`,
    [id],
  );
  await waitFor(
    () => dataSource.query('select from job where id = $1', [job.id]),
    (rows) => rows.length === 0,
  );
}

/** What a sign-in that is over is answered with. */
export const SIGN_IN_AGAIN = 'Please sign in again';
