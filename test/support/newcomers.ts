import type { Test } from 'supertest';
import type { TestApp } from './app.js';
import { PASSWORD } from './flows.js';
import { addressOf, CONFIRM_SUBJECT } from './mail-flows.js';
import type { SmtpListener } from './smtp.js';

/** Somebody who has just registered. */
export interface Newcomer {
  name: string;
  email: string;
  id: string;
  /** The access token that registering answered. */
  token: string;
}

let newcomers = 0;

/** A name that nobody has. */
export const newName = (): string => `newcomer_${++newcomers}`;

/** Registers somebody over HTTP, with a client's token. */
export function postRegistration({ http }: TestApp, appToken: string, name: string, more: object = {}): Test {
  const fields = { username: name, email: addressOf(name), password: PASSWORD, agreement: true, ...more };
  return http.post('/api/v1/accounts').auth(appToken, { type: 'bearer' }).send(fields);
}

/** Registers somebody new. */
export async function register(test: TestApp, appToken: string, more: object = {}): Promise<Newcomer> {
  const name = newName();
  const { status, body, text } = await postRegistration(test, appToken, name, more);
  if (status !== 200) throw new Error(`Registration answered ${status}: ${text}`);
  const [row] = await test.dataSource.query('select id, email from "user" where username = $1', [name]);
  return { name, email: row.email, id: row.id, token: body.access_token };
}

/** The path of the link in the next mail that confirms an address. */
export async function nextConfirmation({ config }: TestApp, smtp: SmtpListener, to: string): Promise<string> {
  const link = smtp.linkOf(await smtp.next({ to, subject: CONFIRM_SUBJECT }));
  if (!link.startsWith(`${config.publicUrl}/auth/link/`)) throw new Error(`A link to somewhere else: ${link}`);
  return link.slice(config.publicUrl.length);
}
