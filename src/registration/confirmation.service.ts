import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { violatedUnique } from '../common/database-errors.js';
import { type Detail, Refusal, ValidationFailed } from '../common/errors.js';
import { backoff, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { LimitsService } from '../limits/limits.service.js';
import { lockUser } from '../users/lock-user.js';
import { MailToken } from '../users/mail-token.entity.js';
import { MAIL_TOKEN_LIFE, MailTokensService } from '../users/mail-tokens.service.js';
import { NoticesService } from '../users/notices.service.js';
import { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { WelcomeService } from './welcome.service.js';

const JOB = 'resend_confirmation';

interface Payload {
  identifier: string;
  client: ClientInfo;
}

/** Has new people prove that they read the address they gave (contract.md §5.1, §5.3, §5.4). */
@Injectable()
export class ConfirmationService implements OnModuleInit {
  constructor(
    private readonly users: UsersService,
    private readonly tokens: MailTokensService,
    private readonly notices: NoticesService,
    private readonly welcomes: WelcomeService,
    private readonly limits: LimitsService,
    private readonly jobs: JobsService,
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register<Payload>({
      name: JOB,
      concurrency: 2,
      run: (job) => this.answer(job),
      retryAfter: ({ attempts }) => (attempts < 20 ? backoff(attempts, 2, 300) : null),
    });
  }

  /**
   * Writes the mail with the link; the account is not usable until it is opened. An earlier link dies. Somebody who was
   * confirmed, or given another address, meanwhile gets none.
   */
  async send(user: Pick<User, 'id' | 'email'>, client: ClientInfo | null, tx: EntityManager): Promise<void> {
    const present = await lockUser(user.id, tx);
    if (present?.email !== user.email || !isAwaited(present)) return;
    const wanted = { userId: user.id, purpose: 'confirm_registration', address: user.email } as const;
    const { token, expiresAt } = await this.tokens.issue({ ...wanted, life: MAIL_TOKEN_LIFE.confirm_registration }, tx);
    await this.audit.record({ type: 'email.confirmation_sent', userId: user.id }, client, tx);
    await this.notices.tell('confirm_registration', user.id, client, tx, { token, until: expiresAt.toISOString() });
  }

  /** Writes it once more for somebody who knows the password, or for a job, unless their mailbox has had enough. */
  async sendAgain(user: Pick<User, 'id' | 'email'>, client: ClientInfo, job?: RunningJob<Payload>): Promise<void> {
    if (user.email === null || !(await this.limits.mayMail('confirmation', user.email))) return;
    await this.dataSource.transaction(async (tx) => {
      await this.send(user, client, tx);
      await job?.complete(tx);
    });
  }

  /** Takes a request for another mail down: the same work for everybody, so that it tells nothing (contract.md §5.4). */
  async request(identifier: string, client: ClientInfo): Promise<void> {
    const payload: Payload = { identifier, client };
    await this.jobs.enqueue({ kind: JOB, payload }, this.dataSource.manager);
  }

  /**
   * The link was opened: the address is proved, and the account goes on to approval or is ready.
   * @throws Refusal `link_invalid`
   */
  async confirm(link: MailToken, client: ClientInfo | null): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      // The address of the link must still be the account's: a corrected one voids it.
      const isLive = await this.tokens.consume(link, tx);
      if (!isLive || !(await this.markConfirmed(link.userId, link.address, client, tx))) {
        throw new Refusal('link_invalid');
      }
    });
  }

  /** Staff vouches for the address; false when nothing waits to be confirmed. */
  async confirmByStaff(userId: string, tx: EntityManager): Promise<boolean> {
    await this.tokens.revoke(userId, ['confirm_registration'], tx);
    return this.markConfirmed(userId, null, null, tx);
  }

  /**
   * Sends the mail to another address, for a typing error in the first (contract.md §5.4).
   * @throws Refusal `confirmation_not_awaited`, ValidationFailed
   */
  async correct(userId: string, wanted: string | undefined, client: ClientInfo): Promise<void> {
    const user = await this.users.find(userId);
    if (!user?.confirmationPending) throw new Refusal('confirmation_not_awaited');
    const email = wanted ?? user.email;
    const problems = await this.addressProblems(email, user);
    if (problems.length > 0 || email === null) throw new ValidationFailed(problems);
    const mayWrite = await this.limits.mayMail('confirmation', email);
    await this.dataSource.transaction(async (tx) => {
      await this.writeAddress(user.id, email, tx);
      if (email !== user.email) await this.audit.record({ type: 'email.corrected', userId }, client, tx);
      if (mayWrite) await this.send({ id: user.id, email }, client, tx);
    });
  }

  private async answer(job: RunningJob<Payload>): Promise<void> {
    const { identifier, client } = job.payload;
    const user = await this.users.findByIdentifier(identifier);
    if (user && isAwaited(user)) await this.sendAgain(user, client, job);
  }

  private async markConfirmed(
    userId: string,
    address: string | null,
    client: ClientInfo | null,
    tx: EntityManager,
  ): Promise<boolean> {
    const [[user]] = await tx.query(
      `update "user" set confirmation_pending = false, email_verified_at = now()
       where id = $1 and confirmation_pending and email = coalesce($2, email) and deletion_due_at is null
       returning approval_pending as "approvalPending"`,
      [userId, address],
    );
    if (!user) return false;
    await this.audit.record({ type: 'email.confirmed', userId }, client, tx);
    await this.welcomes.greet(userId, user.approvalPending, client, tx);
    return true;
  }

  private async addressProblems(email: string | null, user: User): Promise<Detail[]> {
    if (email === null || email === '') return [{ field: 'email', error: 'ERR_BLANK', description: "can't be blank" }];
    const problems = this.users.emailProblems(email);
    if (problems.length > 0 || !(await this.users.isAddressTaken(email, user.id))) return problems;
    return [TAKEN];
  }

  private async writeAddress(userId: string, email: string, tx: EntityManager): Promise<void> {
    try {
      const [changed] = await tx.query(
        'update "user" set email = $2 where id = $1 and confirmation_pending returning id',
        [userId, email],
      );
      if (changed.length === 0) throw new Refusal('confirmation_not_awaited');
    } catch (error) {
      throw violatedUnique(error) === 'user_email' ? new ValidationFailed([TAKEN]) : error;
    }
  }
}

function isAwaited({ confirmationPending, deletionDueAt }: User): boolean {
  return confirmationPending && deletionDueAt === null;
}

const TAKEN: Detail = { field: 'email', error: 'ERR_TAKEN', description: 'has already been taken' };
