import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordPolicy } from '../passwords/password-policy.service.js';
import { endAccess } from '../sessions/end-access.js';
import { MailTokensService } from '../users/mail-tokens.service.js';
import { NoticesService } from '../users/notices.service.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import type { ChangePasswordBody } from './account-actions.dto.js';

/** Whose account it is that changes, and by which of its sessions; null where the caller has none. */
export interface AccountOwner {
  id: string;
  username: string;
  sessionId: number | null;
}

/** Lets a person change their password, which signs everybody else out (contract.md §5.6). */
@Injectable()
export class ChangePasswordService {
  constructor(
    private readonly passwords: PasswordCheckService,
    private readonly policy: PasswordPolicy,
    private readonly hasher: PasswordHasher,
    private readonly tokens: MailTokensService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * The checks stand in the order of contract.md §5.6.
   * @throws Refusal `rejected` with the sentence that clients show
   */
  async change(owner: AccountOwner, body: ChangePasswordBody, client: ClientInfo): Promise<void> {
    const { password, new_password: wanted, new_password_confirmation: repeated } = body;
    const user = await this.passwords.demand(owner, password, client);
    if (wanted === '') throw new Refusal('rejected', "New password can't be blank.");
    if (wanted !== repeated) throw new Refusal('rejected', 'New password does not match confirmation.');
    const problem = await this.policy.problem(wanted, user);
    if (problem) throw new Refusal('rejected', `New password ${problem.description}.`);
    const passwordHash = await this.hasher.hash(wanted);
    await this.dataSource.transaction(async (tx) => {
      // The one that was checked must still be the one: of two changes at once the second fails.
      const [changed] = await tx.query(
        `update "user" set password_hash = $3, password_reset_required = false
         where id = $1 and credential_epoch = $2 returning id`,
        [user.id, user.credentialEpoch, passwordHash],
      );
      if (changed.length === 0) throw new Refusal('rejected', 'Invalid password.');
      await endAccess(tx, user.id, owner.sessionId);
      await this.tokens.revoke(user.id, ['confirm_address', 'reset_password'], tx);
      await this.audit.record({ type: 'password.changed', userId: user.id }, client, tx);
      await this.notices.tell('password_changed', user.id, client, tx);
    });
  }
}
