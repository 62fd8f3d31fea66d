import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { violatedUnique } from '../common/database-errors.js';
import { Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import { LimitsService } from '../limits/limits.service.js';
import { SecondFactorService } from '../mfa/second-factor.service.js';
import { endAccess, endUnfinishedSignIns } from '../sessions/end-access.js';
import { MailToken } from '../users/mail-token.entity.js';
import { MAIL_TOKEN_LIFE, MailTokensService } from '../users/mail-tokens.service.js';
import { NoticesService } from '../users/notices.service.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { AccountEndingService } from './account-ending.service.js';
import type { ChangeEmailBody } from './account-actions.dto.js';
import type { AccountOwner } from './change-password.service.js';

/** Changes the address of an account, which is the way back into it: only once the new one is proved, and with a way to undo (contract.md §5.7). */
@Injectable()
export class ChangeEmailService {
  constructor(
    private readonly passwords: PasswordCheckService,
    private readonly factors: SecondFactorService,
    private readonly users: UsersService,
    private readonly tokens: MailTokensService,
    private readonly notices: NoticesService,
    private readonly endings: AccountEndingService,
    private readonly limits: LimitsService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Asks for the change, or makes it where there is no mail.
   * @throws Refusal `rejected` with the sentence that clients show, `throttled` after too many
   */
  async request(owner: AccountOwner, { email, password, code }: ChangeEmailBody, client: ClientInfo): Promise<void> {
    await this.limits.consume('address_changes', owner.id);
    const user = await this.passwords.demand(owner, password, client);
    const shown = await this.factors.demandIfSent(user.id, code, client);
    this.refuseForm(email);
    // Also for a factor that is turned on while the link waits.
    if (this.config.smtpUrl !== null && email !== '') return this.ask(user, email, shown !== 'right', client);
    if (shown === 'missing') throw new Refusal('rejected', 'Two-factor code required.');
    await this.apply(user, email || null, client);
  }

  /** The address that waits to be confirmed, or null. */
  async pending(userId: string): Promise<{ address: string; expiresAt: Date } | null> {
    const [row] = await this.dataSource.query(
      `select address, expires_at as "expiresAt" from mail_token
       where user_id = $1 and purpose = 'confirm_address' and expires_at > now()`,
      [userId],
    );
    return row ?? null;
  }

  /**
   * The holder of the new address opened its link: the change is made, and the old address can undo it.
   * @throws Refusal `link_invalid` when the link, or the address, was taken meanwhile
   */
  async confirm(link: MailToken, client: ClientInfo): Promise<void> {
    await this.use(link, (tx) => this.replace(link.userId, link.address, true, client, tx));
  }

  /**
   * The holder of the old address takes it back. Whoever changed it may know the password and hold sessions and later
   * links, so all of these end: only the reset mail to the restored address leads in again.
   * @throws Refusal `link_invalid`
   */
  async undo(link: MailToken, client: ClientInfo): Promise<void> {
    await this.use(link, async (tx) => {
      const { email: thiefs } = await tx.findOneByOrFail(User, { id: link.userId });
      await writeAddress(tx, link.userId, link.address, true);
      await tx.query('update "user" set password_hash = null, password_reset_required = true where id = $1', [
        link.userId,
      ]);
      await this.endings.reactivate(link.userId, client, tx);
      await endAccess(tx, link.userId);
      // Earlier links to undo stay: they are older owners' ways back.
      await tx.query('delete from mail_token where user_id = $1 and created_at >= $2', [link.userId, link.createdAt]);
      await this.tokens.revoke(link.userId, ['confirm_address', 'reset_password', 'cancel_deletion'], tx);
      await this.audit.record({ type: 'email.restored', userId: link.userId }, client, tx);
      await this.notices.tell('address_restored', link.userId, client, tx);
      await this.notices.tell('address_restored', link.userId, client, tx, { to: thiefs });
    });
  }

  /** Whoever holds a link learns nothing of other accounts, so an address that is taken by now makes it a dead one. */
  private async use(link: MailToken, change: (tx: EntityManager) => Promise<void>): Promise<void> {
    try {
      await this.dataSource.transaction(async (tx) => {
        if (!(await this.tokens.consume(link, tx))) throw new Refusal('link_invalid');
        await change(tx);
      });
    } catch (error) {
      throw error instanceof AddressTaken ? new Refusal('link_invalid', undefined, { cause: error }) : error;
    }
  }

  private refuseForm(email: string): void {
    const { email_required } = this.config.registrations;
    if (email === '' && (email_required || this.config.confirmsEmail)) {
      throw new Refusal('rejected', "Email can't be blank.");
    }
    const [problem] = this.users.emailProblems(email || null);
    if (!problem) return;
    const isBlocked = problem.error === 'ERR_BLOCKED';
    throw new Refusal('rejected', isBlocked ? 'Email domain is not allowed.' : 'Email has invalid format.');
  }

  /** An address in use gets the same answer, and its holder a word, so that nobody learns who is here (security.md R81). */
  private async ask(user: User, email: string, needsFactor: boolean, client: ClientInfo): Promise<void> {
    const [isTaken, mayWrite] = await Promise.all([
      this.users.isAddressTaken(email, user.id),
      this.limits.mayMail('change_email', email),
    ]);
    await this.dataSource.transaction(async (tx) => {
      await this.users.demandEpoch(user, tx);
      await this.audit.record({ type: 'email.change_requested', userId: user.id }, client, tx);
      await this.notices.tell('address_change_requested', user.id, client, tx, { address: email });
      const isOwn = email === user.email;
      if (mayWrite && (isTaken || isOwn)) await this.tellHolder(email, client, tx);
      if (isOwn) return this.tokens.revoke(user.id, ['confirm_address'], tx);
      // A taken address waits like a free one, by a link that nobody gets: what shows as pending must not tell them apart.
      const wanted = { userId: user.id, purpose: 'confirm_address', address: email, needsFactor } as const;
      const { token, expiresAt } = await this.tokens.issue({ ...wanted, life: MAIL_TOKEN_LIFE.confirm_address }, tx);
      if (isTaken || !mayWrite) return;
      const details = { to: email, address: email, token, until: expiresAt.toISOString() };
      await this.notices.tell('confirm_address', user.id, client, tx, details);
    });
  }

  /** Who has the address, or can still take it back. */
  private async tellHolder(email: string, client: ClientInfo, tx: EntityManager): Promise<void> {
    const [holder] = await tx.query(
      `select id from "user" where email = $1 union all
       select user_id from mail_token where address = $1 and purpose = 'undo_address' and expires_at > now() limit 1`,
      [email],
    );
    if (holder) await this.notices.tell('address_in_use', holder.id, client, tx, { to: email, address: email });
  }

  /** Without mail nothing can be proved, so the change is made at once and marked as unproved. */
  private async apply(user: User, email: string | null, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      await this.users.demandEpoch(user, tx);
      await this.audit.record({ type: 'email.change_requested', userId: user.id }, client, tx);
      if (email !== user.email) await this.replace(user.id, email, false, client, tx);
    });
  }

  private async replace(
    userId: string,
    email: string | null,
    isVerified: boolean,
    client: ClientInfo,
    tx: EntityManager,
  ): Promise<void> {
    const { email: before, emailVerifiedAt } = await tx.findOneByOrFail(User, { id: userId });
    if (email !== null && (await this.users.isAddressTaken(email, userId, tx))) throw new AddressTaken();
    const isGoingHome = await this.endLaterUndos(userId, email, tx);
    await writeAddress(tx, userId, email, isVerified);
    await this.tokens.revoke(userId, ['confirm_address', 'reset_password'], tx);
    // Unfinished sign-ins do not outlive the way back into the account (contract.md §4.5).
    await endUnfinishedSignIns(tx, userId);
    await this.audit.record({ type: 'email.changed', userId }, client, tx);
    if (before === null || before === email) return;
    const details = { to: before, ...(email !== null && { address: email }) };
    // Nobody proved the old address, so that it may be a stranger's: it is told, and gets no key to the account.
    const isUnproved = emailVerifiedAt === null && this.config.confirmsEmail;
    if (isGoingHome || isUnproved) return this.notices.tell('address_replaced', userId, client, tx, details);
    const undo = { userId, purpose: 'undo_address', address: before, life: MAIL_TOKEN_LIFE.undo_address } as const;
    const { token, expiresAt } = await this.tokens.issue(undo, tx);
    await this.notices.tell('address_changed', userId, client, tx, {
      ...details,
      token,
      until: expiresAt.toISOString(),
    });
  }

  /**
   * An address that can still be taken back is on its way home: whatever came in between, which may have been a thief's,
   * has no claim. False when it is new.
   */
  private async endLaterUndos(userId: string, email: string | null, tx: EntityManager): Promise<boolean> {
    const [ended] = await tx.query(
      `delete from mail_token where user_id = $1 and purpose = 'undo_address' and created_at >= (
         select min(created_at) from mail_token
         where user_id = $1 and purpose = 'undo_address' and address = $2 and expires_at > now())
       returning hash`,
      [userId, email],
    );
    return ended.length > 0;
  }
}

/** Somebody else took the address meanwhile. */
class AddressTaken extends Refusal {
  constructor() {
    super('rejected', 'Email has already been taken.');
  }
}

/** @throws AddressTaken */
async function writeAddress(
  tx: EntityManager,
  userId: string,
  email: string | null,
  isVerified: boolean,
): Promise<void> {
  try {
    await tx.query(
      'update "user" set email = $2, email_verified_at = case when $3 then now() end where id = $1 and erased_at is null',
      [userId, email, isVerified],
    );
  } catch (error) {
    throw violatedUnique(error) === 'user_email' ? new AddressTaken() : error;
  }
}
