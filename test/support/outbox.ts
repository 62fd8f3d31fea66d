import { expect } from 'vitest';
import { MailWorker } from '../../src/mail/mail.worker.js';
import { MailService, type NewMail } from '../../src/mail/mail.service.js';
import type { TestApp } from './app.js';

/** A mail in the outbox, and its job. */
export interface OutboxRow {
  id: string;
  sealed_token: Buffer | null;
  created_at: Date;
  sent_at: Date | null;
  failed_at: Date | null;
  failure: string | null;
  /** How often its job was taken; null when there is none any more. */
  attempts: number | null;
  /** What went wrong last, as its job knows it. */
  job_failure: string | null;
  /** Seconds until its job is due. */
  due_in: number | null;
}

/** Writes a mail in a transaction of its own and answers its id. */
export async function writeMail({ app, dataSource }: TestApp, mail: Partial<NewMail> = {}): Promise<string> {
  return dataSource.transaction(async (tx) => {
    const whole = {
      template: 'new_sign_in',
      to: 'alice@example.org',
      userId: null,
      facts: { username: 'alice' },
      ...mail,
    } as const;
    await app.get(MailService).send(whole, tx);
    const [row] = await tx.query('select id from mail_outbox order by id desc limit 1');
    return row.id;
  });
}

/** What the outbox holds of a mail. */
export async function outboxRow({ dataSource }: TestApp, id: string): Promise<OutboxRow> {
  const [row] = await dataSource.query(
    `select m.*, j.attempts, j.failure as job_failure, extract(epoch from j.run_at - now())::float8 as due_in
     from mail_outbox m left join job j on j.kind = 'mail' and j.key = m.id::text where m.id = $1`,
    [id],
  );
  return row;
}

/** Waits until the outbox says so of a mail. */
export async function untilOutbox(test: TestApp, id: string, holds: (row: OutboxRow) => boolean): Promise<OutboxRow> {
  await expect.poll(async () => holds(await outboxRow(test, id)), { timeout: 15_000, interval: 30 }).toBe(true);
  return outboxRow(test, id);
}

/** Lets waiting mails be due now. */
export async function hurry({ dataSource }: TestApp): Promise<void> {
  await dataSource.query(`update job set run_at = now() where kind = 'mail' and leased_until is null`);
}

/** Waits until the worker pauses because the mail server is away, and ends the pause. */
export async function unpause({ app }: TestApp): Promise<void> {
  const { server } = app.get<{ server: { pausedUntil: number } }>(MailWorker);
  await expect.poll(() => server.pausedUntil, { timeout: 10_000, interval: 10 }).toBeGreaterThan(0);
  server.pausedUntil = 0;
}

/** Drops what waits, and lets the worker think that all is well. */
export async function forgetTrouble({ app, dataSource }: TestApp): Promise<void> {
  await dataSource.query('delete from job');
  app.get<{ server: { answered(): void } }>(MailWorker).server.answered();
}
