import type { Test } from 'supertest';
import { AccountEndingService } from '../../src/account/account-ending.service.js';
import type { TestApp } from './app.js';
import { cookiesOf, oauthQuery, PASSWORD, postLogin, redirectOf, type TestClient } from './flows.js';

/** A sign-in that stopped at the question whether the account shall come back. */
export interface StoppedSignIn {
  token: string;
  /** Name and value. */
  cookie: string;
}

/** Signs in to an account that is disabled or deleted. */
export async function stopAtReactivation(
  test: TestApp,
  client: TestClient,
  identifier: string,
  more: Record<string, string> = {},
): Promise<StoppedSignIn> {
  const answer = await postLogin(test, oauthQuery(client, more), { identifier, password: PASSWORD });
  const token = redirectOf(answer).sent['reactivation_token'];
  const [cookie] = (cookiesOf(answer)[0] ?? '').split(';');
  if (!token || !cookie) throw new Error(`Sign-in answered ${answer.status} to ${answer.headers['location']}`);
  return { token, cookie };
}

/** Posts the form of the page that this leads to. */
export function reactivate({ http }: TestApp, { token, cookie }: StoppedSignIn): Test {
  return http.post('/api/auth/reactivate').set('Cookie', cookie).type('form').send({ reactivation_token: token });
}

/** Ends accounts as their owners and the staff do, without a password. */
export function endings({ app }: TestApp): AccountEndingService {
  return app.get(AccountEndingService);
}

/** What keeps an account from being used. */
export async function stateOf({ dataSource }: TestApp, id: string): Promise<Record<string, boolean>> {
  const [row] = await dataSource.query(
    `select disabled_at is not null as disabled, disabled_by_staff as "byStaff", deletion_due_at is not null as deleting
     from "user" where id = $1`,
    [id],
  );
  return row;
}

/** The types of a person's journal, oldest first. */
export async function journalOfPerson({ dataSource }: TestApp, id: string): Promise<string[]> {
  const rows = await dataSource.query('select type from audit_event where user_id = $1 order by id', [id]);
  return rows.map(({ type }: { type: string }) => type);
}

/** The kinds of letters written to a person, oldest first, sent or not. */
export async function lettersTo({ dataSource }: TestApp, id: string): Promise<string[]> {
  const rows = await dataSource.query('select template from mail_outbox where user_id = $1 order by created_at', [id]);
  return rows.map(({ template }: { template: string }) => template);
}
