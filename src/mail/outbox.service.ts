import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { resealAll, type Rotation } from '../common/secret-keys.js';
import { Config } from '../config/config.js';
import { purge } from '../database/purge.js';
import { JobsService } from '../jobs/jobs.service.js';
import { isTemplateName, renderLetter } from '../letters/render-letter.js';
import { letterLinks, TokenGone } from './letter-links.js';
import { MAIL_JOB, TOKEN_PURPOSE } from './mail.service.js';
import { OutboxMail } from './outbox-mail.entity.js';

/** A mail that did not go out yet, as an operator sees it. */
export interface UnsentMail {
  id: string;
  template: string;
  recipient: string;
  createdAt: Date;
  /** Given up. */
  failedAt: Date | null;
  attempts: number;
  /** What went wrong last. */
  failure: string | null;
}

/** How an operator's wish to send a mail again ended. */
export type RetryOutcome = 'queued' | 'unknown' | 'sent' | 'token_gone';

/** The outbox as operators see it, and its end. */
@Injectable()
export class OutboxService {
  private readonly log = new Logger(OutboxService.name);

  constructor(
    private readonly jobs: JobsService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** Mails that wait or were given up, oldest first. */
  async listUnsent(): Promise<UnsentMail[]> {
    return this.dataSource.query(
      `select m.id, m.template, m.recipient, m.created_at as "createdAt", m.failed_at as "failedAt",
         coalesce(j.attempts, 0) as attempts, coalesce(m.failure, j.failure) as failure
       from mail_outbox m left join job j on j.kind = $1 and j.key = m.id::text
       where m.sent_at is null order by m.created_at, m.id`,
      [MAIL_JOB],
    );
  }

  /** Sends a mail as soon as may be, also one that was given up. */
  async retry(id: string): Promise<RetryOutcome> {
    return this.dataSource.transaction(async (tx) => {
      const [mail] = await tx.query('select * from mail_outbox where id::text = $1 for update', [id.toLowerCase()]);
      if (!mail) return 'unknown';
      if (mail.sent_at) return 'sent';
      const { template, facts, sealed_token: sealedToken } = mail;
      if (!sealedToken && this.needsToken(template, facts)) return 'token_gone';
      await this.queueAgain(mail.id, tx);
      return 'queued';
    });
  }

  /** Seals the tokens of mails that wait with the present `SECRET_KEY`, after a change of it. */
  async reseal(): Promise<Rotation> {
    const mails: Pick<OutboxMail, 'id' | 'sealedToken'>[] = await this.dataSource.query(
      'select id, sealed_token as "sealedToken" from mail_outbox where sealed_token is not null',
    );
    const rows = mails.flatMap(({ id, sealedToken: sealed }) =>
      sealed === null ? [] : [{ sealed, replace: (resealed: Buffer) => this.replaceToken(id, sealed, resealed) }],
    );
    return resealAll(rows, this.config, TOKEN_PURPOSE);
  }

  /** What was sent is kept a week, what was not a month. */
  @Interval(3_600_000)
  async purge(): Promise<void> {
    try {
      // No mail ends before it is written, so the index by age finds them.
      await purge(
        this.dataSource,
        `delete from mail_outbox where created_at < now() - interval '7 days'
           and (sent_at < now() - interval '7 days' or failed_at < now() - interval '30 days')`,
      );
    } catch (err) {
      this.log.warn({ err }, 'Old mails could not be purged now');
    }
  }

  /** Not when the mail has gone out meanwhile: then its token is to be forgotten. */
  private async replaceToken(id: string, sealed: Buffer, resealed: Buffer): Promise<void> {
    await this.dataSource.query('update mail_outbox set sealed_token = $3 where id = $1 and sealed_token = $2', [
      id,
      sealed,
      resealed,
    ]);
  }

  private async queueAgain(id: string, tx: EntityManager): Promise<void> {
    await tx.update(OutboxMail, { id }, { failedAt: null, failure: null });
    await this.jobs.enqueue({ kind: MAIL_JOB, key: id, payload: { mailId: id } }, tx);
    await tx.query('update job set run_at = now(), failed_at = null where kind = $1 and key = $2', [MAIL_JOB, id]);
  }

  /** Whether a letter cannot be written without its token. */
  private needsToken(template: string, facts: OutboxMail['facts']): boolean {
    try {
      if (isTemplateName(template)) renderLetter(template, facts, letterLinks(this.config, null));
      return false;
    } catch (error) {
      if (error instanceof TokenGone) return true;
      throw error;
    }
  }
}
