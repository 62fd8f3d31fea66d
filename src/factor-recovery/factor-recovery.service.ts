import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import { backoff, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { MfaService } from '../mfa/mfa.service.js';
import { lockUser } from '../users/lock-user.js';
import type { MailToken } from '../users/mail-token.entity.js';
import { MAIL_TOKEN_LIFE, MailTokensService } from '../users/mail-tokens.service.js';
import { NoticesService } from '../users/notices.service.js';
import type { User } from '../users/user.entity.js';
import { FactorRecovery } from './factor-recovery.entity.js';

/** The kind of the jobs that end a wait; the key of one is the account's id. What ends sign-ins has it look at once. */
const JOB = 'recover_factors';

/** Who asks, and under which password. */
export type RecoveringUser = Pick<User, 'id' | 'role' | 'email' | 'credentialEpoch'>;

/**
 * The last rung for who has lost every factor: asked for with the password, confirmed by mail, then a long wait that
 * every session, every factor and the mailbox can end. Mail alone never opens an account with a second factor.
 */
@Injectable()
export class FactorRecoveryService implements OnModuleInit {
  constructor(
    private readonly mfa: MfaService,
    private readonly tokens: MailTokensService,
    private readonly notices: NoticesService,
    private readonly jobs: JobsService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register<{ userId: string }>({
      name: JOB,
      concurrency: 1,
      run: (job) => this.look(job),
      retryAfter: ({ attempts }) => backoff(attempts, 10, 3600),
    });
  }

  /** Whether this way is open to a person at all: staff must ask each other, and without an address nobody can be told. */
  isOpenTo(user: Pick<User, 'role' | 'email'>): boolean {
    return this.config.mfa.recovery_delay > 0 && user.role === 'user' && user.email !== null;
  }

  /** Takes a request down, of somebody who has just proved to know the password; the mail asks whether it was them. */
  async request(user: RecoveringUser, client: ClientInfo): Promise<void> {
    if (!this.isOpenTo(user)) return;
    const { id: userId, email: address, credentialEpoch } = user;
    await this.dataSource.transaction(async (tx) => {
      if ((await lockUser(userId, tx))?.credentialEpoch !== credentialEpoch) return;
      // Who waits already is neither made to wait longer nor asked again.
      const rows = await tx.query(
        `insert into factor_recovery as r (user_id, credential_epoch) values ($1, $2)
         on conflict (user_id) do update set credential_epoch = excluded.credential_epoch, requested_at = now(), due_at = null
         where r.due_at is null or r.credential_epoch <> excluded.credential_epoch returning user_id`,
        [userId, credentialEpoch],
      );
      if (rows.length === 0) return;
      await this.tokens.revoke(userId, ['stop_recovery'], tx);
      const wanted = { userId, purpose: 'confirm_recovery', address, life: MAIL_TOKEN_LIFE.confirm_recovery } as const;
      const { token, expiresAt } = await this.tokens.issue(wanted, tx);
      await this.audit.record({ type: 'mfa.recovery_requested', userId }, client, tx);
      await this.notices.tell('recovery_confirm', userId, client, tx, { token, until: expiresAt.toISOString() });
    });
  }

  /**
   * The link of that mail was used: the wait begins.
   * @throws Refusal `link_invalid` when it has no effect any more: the password, the address or who may do this has changed
   */
  async begin(link: MailToken, client: ClientInfo): Promise<void> {
    const { userId } = link;
    const delay = this.config.mfa.recovery_delay;
    await this.dataSource.transaction(async (tx) => {
      const isLive = await this.tokens.consume(link, tx);
      const user = await lockUser(userId, tx);
      if (!isLive || !user || !this.isOpenTo(user) || user.email !== link.address) throw new Refusal('link_invalid');
      const [[row]] = await tx.query(
        `update factor_recovery set due_at = now() + make_interval(secs => $2)
         where user_id = $1 and due_at is null and credential_epoch = $3 returning due_at as "dueAt"`,
        [userId, delay, user.credentialEpoch],
      );
      if (!row) throw new Refusal('link_invalid');
      await this.lookIn(delay, userId, tx);
      const { token } = await this.tokens.issue({ userId, purpose: 'stop_recovery', address: null, life: delay }, tx);
      await this.audit.record({ type: 'mfa.recovery_begun', userId }, client, tx);
      await this.notices.tell('recovery_begun', userId, client, tx, { token, until: row.dueAt.toISOString() });
    });
  }

  /** When the factors of a person will go, or null when nobody waits. */
  async dueAt(userId: string): Promise<Date | null> {
    const [row] = await this.dataSource.query(
      `select r.due_at as "dueAt" from factor_recovery r
       join "user" u on u.id = r.user_id and u.credential_epoch = r.credential_epoch where r.user_id = $1`,
      [userId],
    );
    return row?.dueAt ?? null;
  }

  /**
   * Objects by the link in the mail.
   * @throws Refusal `link_invalid`
   */
  async stopByLink(link: MailToken, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      const isLive = await this.tokens.consume(link, tx);
      if (!isLive || !(await this.end(link.userId, client, tx))) throw new Refusal('link_invalid');
    });
  }

  /** Objects: by a session that is signed in, or because a factor was shown. False when nobody waits. */
  async stop(userId: string, client: ClientInfo): Promise<boolean> {
    if (!(await this.dataSource.manager.existsBy(FactorRecovery, { userId }))) return false;
    return this.dataSource.transaction((tx) => this.end(userId, client, tx));
  }

  /** Staff has made sure in their own way who it is: every factor goes at once. False when there is none. */
  async removeByStaff(userId: string): Promise<boolean> {
    return this.dataSource.transaction(async (tx) => {
      await lockUser(userId, tx);
      if (!(await this.mfa.removeAll(userId, null, tx))) return false;
      await this.forget(userId, tx);
      await this.audit.record({ type: 'mfa.recovery_done', userId }, null, tx);
      await this.notices.tell('recovery_done', userId, null, tx, { by: 'staff' });
      return true;
    });
  }

  private async end(userId: string, client: ClientInfo | null, tx: EntityManager): Promise<boolean> {
    await lockUser(userId, tx);
    // What was only asked for is taken back without a word.
    if (!(await this.forget(userId, tx))) return false;
    await this.audit.record({ type: 'mfa.recovery_stopped', userId }, client, tx);
    await this.notices.tell('recovery_stopped', userId, client, tx);
    return true;
  }

  /** Takes everything about it away; true when somebody waited. */
  private async forget(userId: string, tx: EntityManager): Promise<boolean> {
    const [[row]] = await tx.query('delete from factor_recovery where user_id = $1 returning due_at', [userId]);
    await this.tokens.revoke(userId, ['confirm_recovery', 'stop_recovery'], tx);
    await this.jobs.cancel(JOB, userId, tx);
    return row !== undefined && row.due_at !== null;
  }

  /**
   * Looks whether the time is over, and whether the wait still counts. Whoever objects at this very moment waits for the
   * person's row, and then there is nothing left to stop; or has done so, and then there is nothing left to do.
   */
  private async look(job: RunningJob<{ userId: string }>): Promise<void> {
    const { userId } = job.payload;
    await this.dataSource.transaction(async (tx) => {
      const user = await lockUser(userId, tx);
      const [wait]: Wait[] = await tx.query(
        `select credential_epoch as "credentialEpoch", requested_at::text as "requestedAt",
           greatest(extract(epoch from due_at - now()), 0)::float8 as "secondsLeft"
         from factor_recovery where user_id = $1 and due_at is not null`,
        [userId],
      );
      await job.complete(tx);
      if (!user || !wait) return;
      const { isOn, wasShown } = await this.mfa.useSince(userId, wait.requestedAt, tx);
      // Its owner has removed them all in another way.
      if (!isOn) await this.forget(userId, tx);
      // It ends with the password that it was begun with, and as soon as one factor turns out not to be lost.
      else if (wasShown || wait.credentialEpoch !== user.credentialEpoch || !this.isOpenTo(user))
        await this.end(userId, null, tx);
      else if (wait.secondsLeft > 0) await this.lookIn(wait.secondsLeft, userId, tx);
      else await this.finish(userId, tx);
    });
  }

  /** Nobody objected. */
  private async finish(userId: string, tx: EntityManager): Promise<void> {
    await this.mfa.removeAll(userId, null, tx);
    await this.forget(userId, tx);
    await this.audit.record({ type: 'mfa.recovery_done', userId }, null, tx);
    await this.notices.tell('recovery_done', userId, null, tx);
  }

  private async lookIn(seconds: number, userId: string, tx: EntityManager): Promise<void> {
    await this.jobs.cancel(JOB, userId, tx);
    await this.jobs.enqueue({ kind: JOB, key: userId, payload: { userId }, delay: seconds }, tx);
  }
}

/** A recovery that was begun. */
interface Wait {
  credentialEpoch: number;
  requestedAt: string;
  /** By the database's clock. */
  secondsLeft: number;
}
