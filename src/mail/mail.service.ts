import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { seal } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { JobsService } from '../jobs/jobs.service.js';
import type { Facts, TemplateName } from '../letters/letter.js';
import { OutboxMail } from './outbox-mail.entity.js';

/** The kind of the jobs that send mails; the key of one is the mail's id. */
export const MAIL_JOB = 'mail';

/** For what tokens in the outbox are sealed. */
export const TOKEN_PURPOSE = 'mail token';

/** A mail that is to be sent. */
export interface NewMail {
  template: TemplateName;
  /** Nobody to write to is no fault: not every account has an address. */
  to: string | null;
  userId: string | null;
  facts: Facts;
  /** Of the letter's link. */
  token?: string;
}

/** Writes mails into the outbox, in the transaction of the change they tell of; a worker sends them. */
@Injectable()
export class MailService {
  constructor(
    private readonly jobs: JobsService,
    private readonly config: Config,
  ) {}

  /** Writes one mail; it is sent when the transaction has been committed. */
  async send({ template, to, userId, facts, token }: NewMail, tx: EntityManager): Promise<void> {
    if (to === null) return;
    const id = uuidv7();
    const sealedToken = token === undefined ? null : seal(Buffer.from(token), this.config.secretKey, TOKEN_PURPOSE);
    await tx.insert(OutboxMail, { id, template, recipient: to, userId, facts, sealedToken });
    await this.jobs.enqueue({ kind: MAIL_JOB, key: id, payload: { mailId: id } }, tx);
  }
}
