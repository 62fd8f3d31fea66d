import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { isDatabaseAway } from '../common/database-errors.js';
import { openWithEither } from '../common/secret-keys.js';
import { Config } from '../config/config.js';
import { backoff, type JobKind, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { isTemplateName, renderLetter } from '../letters/render-letter.js';
import { letterLinks, TokenGone } from './letter-links.js';
import { MAIL_JOB, TOKEN_PURPOSE } from './mail.service.js';
import { MailTransport, type OutgoingMail } from './mail-transport.js';
import type { OutboxMail } from './outbox-mail.entity.js';
import { ServerWatch } from './server-watch.js';
import { DeliveryFailed } from './smtp-failure.js';

/** Mails that one process sends at once. */
const AT_ONCE = 5;

/** Seconds after which a mail that does not go out is given up (security.md D17). */
const GIVEN_UP_AFTER = 48 * 3600;

/** The longest that one mail waits for its next attempt, in seconds, but for the spread: out within a minute of recovery. */
const MOST_WAIT = 40;

/** The longest that a mail waits which may have arrived, in seconds. */
const MOST_DOUBT = 4 * 3600;

interface MailPayload {
  mailId: string;
}

type WaitingMail = Pick<OutboxMail, 'id' | 'recipient' | 'template' | 'facts' | 'sealedToken' | 'createdAt'> & {
  /** Seconds since it was written, by the database's clock. */
  age: number;
};

/** Comes again in so many seconds. */
class ComeAgain extends Error {
  constructor(
    readonly seconds: number,
    reason: string,
  ) {
    super(reason);
  }
}

/** Empties the outbox: each mail is sent at least once, always with the same Message-ID, until it is out or given up. */
@Injectable()
export class MailWorker implements JobKind<MailPayload>, OnModuleInit {
  readonly name = MAIL_JOB;
  private readonly log = new Logger(MailWorker.name);
  private readonly server = new ServerWatch();

  constructor(
    private readonly jobs: JobsService,
    private readonly transport: MailTransport,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register(this);
  }

  /** Mails wait in the queue while there is no server to take them. */
  get concurrency(): number {
    return this.server.allowance(AT_ONCE, Date.now());
  }

  async run(job: RunningJob<MailPayload>): Promise<void> {
    const mail = await this.find(job.payload.mailId);
    if (!mail) return;
    let letter: OutgoingMail;
    try {
      letter = this.write(mail);
    } catch (error) {
      return this.giveUp(job, mail, error instanceof Error ? error.message : String(error));
    }
    try {
      await this.transport.deliver(letter, job.signal);
    } catch (error) {
      if (job.signal.aborted || !(error instanceof DeliveryFailed)) throw error;
      return this.settle(job, mail, error);
    }
    this.noteAnswer();
    await this.dataSource.transaction(async (tx) => {
      await job.complete(tx);
      await tx.query('update mail_outbox set sent_at = now(), failure = null, sealed_token = null where id = $1', [
        mail.id,
      ]);
    });
  }

  retryAfter({ attempts }: RunningJob<MailPayload>, error: unknown): number {
    if (error instanceof ComeAgain) return error.seconds;
    if (!isDatabaseAway(error)) this.log.error({ err: error }, 'A mail could not be sent because of a fault of ours');
    return backoff(attempts, 5, MOST_WAIT);
  }

  private async find(id: string): Promise<WaitingMail | null> {
    const [mail]: WaitingMail[] = await this.dataSource.query(
      `select id, recipient, template, facts, sealed_token as "sealedToken", created_at as "createdAt",
         extract(epoch from now() - created_at)::float8 as age
       from mail_outbox where id = $1 and sent_at is null and failed_at is null`,
      [id],
    );
    return mail ?? null;
  }

  private write({ id, template, recipient, facts, sealedToken, createdAt }: WaitingMail): OutgoingMail {
    if (!isTemplateName(template)) throw new Error('There is no such letter');
    const token = sealedToken && openWithEither(sealedToken, this.config, TOKEN_PURPOSE);
    if (sealedToken && !token) throw new TokenGone();
    const links = letterLinks(this.config, token && token.toString());
    return { id, template, recipient, createdAt, ...renderLetter(template, facts, links) };
  }

  /** Decides what becomes of a mail that did not go out. */
  private async settle(job: RunningJob<MailPayload>, mail: WaitingMail, failure: DeliveryFailed): Promise<void> {
    const { verdict, message, code } = failure;
    if (verdict === 'refused' || verdict === 'later') this.noteAnswer();
    if (verdict === 'away' && this.server.failed(Date.now()))
      this.log.warn({ code }, 'Mails cannot be sent now; they wait');
    if (verdict === 'refused' || mail.age > GIVEN_UP_AFTER) return this.giveUp(job, mail, message, code);
    throw new ComeAgain(this.secondsUntilNext(verdict, job.attempts, mail.age), message);
  }

  private secondsUntilNext(verdict: DeliveryFailed['verdict'], attempts: number, age: number): number {
    // The watch over the server decides when, and with which mail: not the same one first again.
    if (verdict === 'away') return 0;
    // It may have arrived, so each repetition waits as long as all before: a slow server must not flood anybody.
    if (verdict === 'unsure') return Math.min(Math.max(age, 5), MOST_DOUBT);
    return backoff(attempts, 5, MOST_WAIT);
  }

  private async giveUp(job: RunningJob<MailPayload>, mail: WaitingMail, failure: string, code?: string): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      await job.complete(tx);
      await tx.query('update mail_outbox set failed_at = now(), failure = $2, sealed_token = null where id = $1', [
        mail.id,
        failure,
      ]);
    });
    this.log.error(
      { mail: mail.id, template: mail.template, code },
      'A mail was given up: see the command `mail list`',
    );
  }

  private noteAnswer(): void {
    if (this.server.answered()) this.log.log('Mails can be sent again');
  }
}
