import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { Config } from '../config/config.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordPolicy } from '../passwords/password-policy.service.js';
import { endAccess } from '../sessions/end-access.js';
import type { MailToken } from '../users/mail-token.entity.js';
import { MAIL_TOKEN_LIFE, MailTokensService } from '../users/mail-tokens.service.js';
import { NoticesService } from '../users/notices.service.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import type { User } from '../users/user.entity.js';

/** Why a new password was not taken, in the words of `error` and `error_description` (contract.md §5.5). */
export class ResetRefused extends Refusal {
  constructor(
    readonly reason: 'invalid_token' | 'password_mismatch' | 'invalid_password',
    sentence: string,
  ) {
    super('rejected', sentence);
  }
}

/** What the form of a new password sends. */
export interface NewPassword {
  token: string;
  password: string;
  /** Compared when sent. */
  repeated: string | undefined;
}

/** Sets a new password for who reads the mail of an account (contract.md §5.5). */
@Injectable()
export class PasswordResetService {
  constructor(
    private readonly tokens: MailTokensService,
    private readonly passwords: PasswordCheckService,
    private readonly policy: PasswordPolicy,
    private readonly hasher: PasswordHasher,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** A fresh token for one new password; it voids older ones. */
  async issue(user: Pick<User, 'id' | 'email'>, tx: EntityManager): Promise<string> {
    const wanted = { userId: user.id, purpose: 'reset_password', address: user.email } as const;
    return (await this.tokens.issue({ ...wanted, life: MAIL_TOKEN_LIFE.reset_password }, tx)).token;
  }

  /** The URL that a token is used at. */
  url(token: string): string {
    return `${this.config.url(this.config.frontend.routes.password_reset)}?token=${token}`;
  }

  /** Whether a token would be taken now; changes nothing. */
  async isLive(token: string): Promise<boolean> {
    return (await this.find(token)) !== null;
  }

  /** Staff demands a new password: the present one opens nothing but the form for the next (contract.md §0.4). */
  async demandNew(user: User, client: ClientInfo | null, tx: EntityManager): Promise<string> {
    await tx.query('update "user" set password_reset_required = true where id = $1', [user.id]);
    await endAccess(tx, user.id);
    await this.tokens.revoke(user.id, ['confirm_address'], tx);
    const token = await this.issue(user, tx);
    await this.audit.record({ type: 'password.reset_demanded', userId: user.id }, client, tx);
    await this.notices.tell('password_reset', user.id, client, tx, { token, by: 'staff' });
    return token;
  }

  /**
   * Sets the new password; everybody is signed out, the second factor stays.
   * @throws ResetRefused
   */
  async reset({ token, password, repeated }: NewPassword, client: ClientInfo): Promise<void> {
    const link = await this.find(token);
    if (!link) throw new ResetRefused('invalid_token', 'Invalid token');
    if (repeated !== undefined && repeated !== password) {
      throw new ResetRefused('password_mismatch', 'Passwords do not match');
    }
    const problem = await this.policy.problem(password, link.user);
    if (problem) throw new ResetRefused('invalid_password', `Password ${problem.description}`);
    const passwordHash = await this.hasher.hash(password);
    await this.dataSource.transaction(async (tx) => {
      if (!(await this.tokens.consume(link, tx))) throw new ResetRefused('invalid_token', 'Invalid token');
      await tx.query('update "user" set password_hash = $2, password_reset_required = false where id = $1', [
        link.userId,
        passwordHash,
      ]);
      await endAccess(tx, link.userId);
      await this.tokens.revoke(link.userId, ['confirm_address', 'reset_password'], tx);
      await this.audit.record({ type: 'password.reset', userId: link.userId }, client, tx);
      await this.notices.tell('password_was_reset', link.userId, client, tx);
    });
    await this.passwords.forgiveAccount(link.user);
  }

  private async find(token: string): Promise<MailToken | null> {
    const link = await this.tokens.find(token, ['reset_password']);
    return link && mayReset(link.user) ? link : null;
  }
}

/** Whether a new password would be of use to this person: nobody else keeps them out (contract.md §5.5). */
export function mayReset(user: User): boolean {
  const isKeptOut = user.disabledAt !== null && user.disabledByStaff;
  return user.deletionDueAt === null && !isKeptOut && !user.approvalPending && !user.confirmationPending;
}
