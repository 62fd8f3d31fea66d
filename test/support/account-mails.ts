import { expect } from 'vitest';
import { act, DONE, type Person } from './account.js';
import type { TestApp } from './app.js';
import { waitFor } from './backups.js';
import { outcomeOf, PASSWORD } from './flows.js';
import { ACCEPT_HTML } from './pages.js';
import type { ReceivedMail } from './received-mail.js';
import type { SmtpListener } from './smtp.js';

/** Waits until every mail has left. */
export async function posted({ dataSource }: TestApp): Promise<void> {
  const waiting = async () => {
    const [row] = await dataSource.query(
      'select count(*) from mail_outbox where sent_at is null and failed_at is null',
    );
    return row.count as number;
  };
  await waitFor(waiting, (count) => count === 0);
}

/** A mail with the name of its kind, because its words are for people. */
export type KnownMail = ReceivedMail & { template: string };

/** The mails that arrive because of some work, by recipient and kind. */
export async function mailsOf(test: TestApp, smtp: SmtpListener, work: () => Promise<unknown>): Promise<KnownMail[]> {
  await posted(test);
  const before = smtp.mails.length;
  await work();
  await posted(test);
  const rows: { id: string; template: string }[] = await test.dataSource.query('select id, template from mail_outbox');
  const templates = new Map(rows.map(({ id, template }) => [id, template]));
  const mails = smtp.mails.slice(before).map((mail) => {
    const [id = ''] = /[0-9a-f-]{36}/.exec(mail.messageId) ?? [];
    return { ...mail, template: templates.get(id) ?? mail.subject };
  });
  return mails.toSorted((a, b) => (titles([a]).join() < titles([b]).join() ? -1 : 1));
}

/** Recipient and kind of each. */
export const titles = (mails: KnownMail[]) => mails.map(({ to, template }) => [to, template]);

/** The path of the one link with a token of the newest mail to somebody. */
export async function linkTo(test: TestApp, smtp: SmtpListener, to: string): Promise<string> {
  await posted(test);
  const mail = smtp.sentTo({ to }).findLast(({ links }) => links.some((link) => /\/auth\/link\/|token=/.test(link)));
  if (!mail) throw new Error(`No mail with a link to ${to}`);
  const link = smtp.linkOf(mail);
  expect(link).toMatch(`${test.config.publicUrl}/`);
  return link.slice(test.config.publicUrl.length);
}

/** Presses the button of a link's page, as a program does. */
export const useLink = ({ http }: TestApp, path: string) => outcomeOf(http.post(path));

/** Opens a link, as a browser does; the status is all that matters. */
export async function openLink({ http }: TestApp, path: string): Promise<number> {
  return (await http.get(path).set('Accept', ACCEPT_HTML)).status;
}

/** Asks for a change of the address and answers the path of the link that confirms it. */
export async function requestChange(
  test: TestApp,
  smtp: SmtpListener,
  person: Person,
  email: string,
  password = PASSWORD,
): Promise<string> {
  expect(await act(test, person, 'change_email', { email, password })).toEqual(DONE);
  return linkTo(test, smtp, email);
}

/** Asks for a mail that sets a new password and answers its token. */
export async function resetToken(test: TestApp, smtp: SmtpListener, email: string): Promise<string> {
  await posted(test);
  const before = smtp.mails.length;
  await test.http.post('/auth/password').send({ email });
  const tokens = async () =>
    smtp.mails
      .slice(before)
      .flatMap(({ links }) => links.flatMap((link) => /\?token=([\w-]{43})$/.exec(link)?.[1] ?? []));
  return (await waitFor(tokens, ({ length }) => length > 0))[0]!;
}

/** Sets a new password with such a token; answers what became of it. */
export async function resetPassword({ http }: TestApp, token: string, password: string): Promise<string> {
  const { headers } = await http.post('/api/auth/reset').send({ token, password });
  const { searchParams } = new URL(headers['location'] ?? 'http://none');
  return searchParams.get('success') === 'true' ? 'done' : (searchParams.get('error') ?? 'nothing');
}
