import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { JobsService } from '../jobs/jobs.service.js';
import { endAccess } from '../sessions/end-access.js';
import { MailTokensService } from '../users/mail-tokens.service.js';
import { NoticesService } from '../users/notices.service.js';
import { ERASE_JOB } from './erasure.worker.js';

/** Links that must not outlive the account's good standing (contract.md §4.5). */
const PENDING_LINKS = ['confirm_address', 'reset_password'] as const;

/** What letters say of who did it, when it was not the person. */
const BY_STAFF = { by: 'staff' } as const;

/** Disables and deletes accounts, and brings them back while that is possible (contract.md §5.8, §5.9). */
@Injectable()
export class AccountEndingService {
  constructor(
    private readonly tokens: MailTokensService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    private readonly jobs: JobsService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** Disables an account; false when it is disabled already. What staff disables, only staff enables. */
  async disable(userId: string, by: 'owner' | 'staff', client: ClientInfo | null): Promise<boolean> {
    return this.dataSource.transaction(async (tx) => {
      // The first disabling is what ended the tokens, which tell so for as long as it lasts (contract.md §0.4).
      const [changed] = await tx.query(
        `update "user" set disabled_at = coalesce(disabled_at, now()), disabled_by_staff = $2
         where id = $1 and erased_at is null and (disabled_at is null or ($2 and not disabled_by_staff)) returning id`,
        [userId, by === 'staff'],
      );
      if (changed.length === 0) return false;
      await this.endAll(userId, tx);
      await this.audit.record({ type: 'account.disabled', userId }, client, tx);
      await this.notices.tell('account_disabled', userId, client, tx, by === 'staff' ? BY_STAFF : {});
      return true;
    });
  }

  /** Staff lets somebody in again; false when the account is not disabled. */
  async enable(userId: string, client: ClientInfo | null): Promise<boolean> {
    return this.dataSource.transaction((tx) => this.lift(userId, client, tx));
  }

  /** Its owner comes back; in the caller's transaction. False when there is nothing to come back from. */
  async reactivate(userId: string, client: ClientInfo, tx: EntityManager): Promise<boolean> {
    const [isBack, isKept] = [
      await this.lift(userId, client, tx, false),
      await this.cancelDeletion(userId, client, tx),
    ];
    return isBack || isKept;
  }

  /** Ends an account: hidden at once, erased after the grace. False when it is deleted already. */
  async scheduleDeletion(
    userId: string,
    client: ClientInfo | null,
    grace: number = this.config.accounts.delete_grace,
  ): Promise<boolean> {
    return this.dataSource.transaction(async (tx) => {
      const [[changed]] = await tx.query(
        `update "user" set deletion_due_at = now() + make_interval(secs => $2)
         where id = $1 and deletion_due_at is null returning deletion_due_at as "dueAt"`,
        [userId, grace],
      );
      if (!changed) return false;
      await this.endAll(userId, tx);
      await this.jobs.enqueue({ kind: ERASE_JOB, key: userId, payload: { userId }, delay: grace }, tx);
      await this.audit.record({ type: 'account.deletion_scheduled', userId }, client, tx);
      // Only staff, at the command line, is nobody's client.
      if (grace === 0) await this.notices.tell('account_deleted', userId, client, tx, client ? {} : BY_STAFF);
      else await this.tellOfDeletion(userId, grace, changed.dueAt, client, tx);
      return true;
    });
  }

  /** Takes a deletion back, in the caller's transaction; false when there is none, or the account is erased. */
  async cancelDeletion(userId: string, client: ClientInfo | null, tx: EntityManager): Promise<boolean> {
    const [changed] = await tx.query(
      `update "user" set deletion_due_at = null where id = $1 and deletion_due_at is not null and erased_at is null returning id`,
      [userId],
    );
    if (changed.length === 0) return false;
    // Another deletion asks for another job, with a whole grace.
    await this.jobs.cancel(ERASE_JOB, userId, tx);
    await this.tokens.revoke(userId, ['cancel_deletion'], tx);
    await this.audit.record({ type: 'account.deletion_cancelled', userId }, client, tx);
    await this.notices.tell('deletion_cancelled', userId, client, tx);
    return true;
  }

  private async lift(userId: string, client: ClientInfo | null, tx: EntityManager, byStaff = true): Promise<boolean> {
    const [changed] = await tx.query(
      `update "user" set disabled_at = null, disabled_by_staff = false
       where id = $1 and disabled_at is not null and ($2 or not disabled_by_staff) returning id`,
      [userId, byStaff],
    );
    if (changed.length === 0) return false;
    await this.audit.record({ type: 'account.reactivated', userId }, client, tx);
    await this.notices.tell('account_reactivated', userId, client, tx, byStaff ? BY_STAFF : {});
    return true;
  }

  private async endAll(userId: string, tx: EntityManager): Promise<void> {
    await endAccess(tx, userId);
    await this.tokens.revoke(userId, [...PENDING_LINKS], tx);
  }

  private async tellOfDeletion(
    userId: string,
    grace: number,
    dueAt: Date,
    client: ClientInfo | null,
    tx: EntityManager,
  ): Promise<void> {
    const { token } = await this.tokens.issue({ userId, purpose: 'cancel_deletion', address: null, life: grace }, tx);
    const details = { token, until: dueAt.toISOString(), ...(!client && BY_STAFF) };
    await this.notices.tell('deletion_scheduled', userId, client, tx, details);
  }
}
