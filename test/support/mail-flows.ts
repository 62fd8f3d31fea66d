import { vi } from 'vitest';
import type { TestApp } from './app.js';
import { createUser } from './flows.js';
import type { ReceivedMail } from './received-mail.js';
import type { SmtpListener } from './smtp.js';

/** The mail with the link to a new password. */
export const RESET_SUBJECT = /^Set a new password for Gatehouse$/;
/** The mail that tells of a new password. */
export const WAS_RESET_SUBJECT = /^A new password for your account at Gatehouse$/;
/** The mail with the link that confirms a registration. */
export const CONFIRM_SUBJECT = /^Confirm your address for Gatehouse$/;

/** Makes an account whose address is verified. */
export function createVerified(test: TestApp, username: string, more: Record<string, unknown> = {}): Promise<string> {
  return createUser(test, username, { emailVerifiedAt: new Date(), ...more });
}

/** Where people of a test get their mails. */
export const addressOf = (username: string): string => `${username}@example.org`;

/** Waits until every request for a mail has been looked at and every mail is out: whoever has none by then gets none. */
export async function mailsAreOut({ dataSource }: TestApp): Promise<void> {
  await vi.waitFor(
    async () => {
      const [{ count }] = await dataSource.query(
        `select count(*)::int as count from job where kind in ('mail', 'forgotten_password', 'resend_confirmation') and failed_at is null`,
      );
      if (count > 0) throw new Error(`${count} jobs are not done`);
    },
    { timeout: 15_000, interval: 20 },
  );
}

/** Asks for a new password and answers the token of the mail. */
export async function requestReset(test: TestApp, smtp: SmtpListener, username: string): Promise<string> {
  const answer = await test.http.post('/auth/password').query({ email: username });
  if (answer.status !== 204) throw new Error(`The request answered ${answer.status}: ${answer.text}`);
  return tokenOf(smtp, await smtp.next({ to: addressOf(username), subject: RESET_SUBJECT }));
}

/** The token in the link of a mail. */
export function tokenOf(smtp: SmtpListener, mail: ReceivedMail): string {
  return /[\w-]{43}$/.exec(smtp.linkOf(mail))?.[0] ?? '';
}

/** The journal of one person, oldest first. */
export async function journalOfUser({ dataSource }: TestApp, userId: string): Promise<string[]> {
  const rows: { type: string }[] = await dataSource.query(
    'select type from audit_event where user_id = $1 order by id',
    [userId],
  );
  return rows.map(({ type }) => type);
}

/** Recipient and subject of each, in the order of the recipients. */
export function titlesOf(mails: ReceivedMail[]): [to: string, subject: string][] {
  const titles = mails.map(({ to, subject }): [string, string] => [to, subject]);
  return titles.toSorted(([a], [b]) => a.localeCompare(b));
}
