import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { endUnfinishedSignIns } from '../sessions/end-access.js';
import { lockUser } from '../users/lock-user.js';
import { NoticesService } from '../users/notices.service.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import { UsersService } from '../users/users.service.js';
import { BackupCodesService } from './backup-codes.service.js';
import { SecondFactorService } from './second-factor.service.js';
import { PERIOD } from './totp.js';
import { type TotpSetup, TotpService } from './totp.service.js';

/** What a code is refused with when nothing waits to be confirmed, or no longer does (contract.md §6.3). */
export const NOT_STARTED = 'Start the setup first.';

/** Whose factors are meant. */
export interface FactorOwner {
  id: string;
  username: string;
}

/** What is on (contract.md §6.1). */
export interface MfaState {
  enabled: boolean;
  totp: boolean;
}

/** Lets a person set up and remove what is asked for besides their password (contract.md §6). */
@Injectable()
export class MfaService {
  constructor(
    private readonly factors: SecondFactorService,
    private readonly totp: TotpService,
    private readonly codes: BackupCodesService,
    private readonly passkeys: PasskeysService,
    private readonly passwords: PasswordCheckService,
    private readonly users: UsersService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** What is on. */
  async state({ id }: FactorOwner): Promise<MfaState> {
    const kinds = await this.factors.challengesOf(id);
    return { enabled: kinds.length > 0, totp: kinds.includes('totp') };
  }

  /** Whether a factor is on, and whether one was added or shown since a moment; then not all of them are lost. */
  async useSince(userId: string, moment: string, tx: EntityManager): Promise<{ isOn: boolean; wasShown: boolean }> {
    const [use] = await tx.query(
      `select count(*) > 0 as "isOn", coalesce(bool_or(at > $2::timestamptz), false) as "wasShown" from (
         select greatest(enabled_at, to_timestamp(last_step * ${PERIOD})) as at from totp_credential
         where user_id = $1 and sealed_secret is not null
         union all select greatest(created_at, last_used_at) from passkey where user_id = $1) as factor`,
      [userId, moment],
    );
    return use;
  }

  /** Begins a setup; nothing counts before it is confirmed. */
  setUpTotp(owner: FactorOwner): Promise<TotpSetup> {
    return this.totp.setUp(owner);
  }

  /** The same URI for a key that was shown before. */
  totpUri(owner: FactorOwner, key: string): string {
    return this.totp.uriOf(owner, key);
  }

  /**
   * Ends a setup with the password and a code of the app.
   * @throws Refusal `rejected` "Invalid password.", "Start the setup first.", "invalid_token"; `throttled`
   */
  async confirmTotp(owner: FactorOwner, password: string, code: unknown, client: ClientInfo): Promise<void> {
    const user = await this.passwords.demand(owner, password, client);
    if (!(await this.totp.isPending(owner.id))) throw new Refusal('rejected', NOT_STARTED);
    const isRight = await this.factors.withinBudget(owner.id, () =>
      this.dataSource.transaction(async (tx) => {
        await this.users.demandEpoch(user, tx);
        if (typeof code !== 'string' || !(await this.totp.confirm(owner.id, code, tx))) return false;
        await endUnfinishedSignIns(tx, owner.id);
        await this.audit.record({ type: 'mfa.enabled', userId: owner.id }, client, tx);
        await this.notices.tell('factor_added', owner.id, client, tx, { factor: 'an authenticator app' });
        return true;
      }),
    );
    if (!isRight) throw new Refusal('rejected', 'invalid_token');
  }

  /**
   * Turns the authenticator app off; backup codes go with it.
   * @throws Refusal `rejected` "Invalid password.", `throttled`
   */
  async disableTotp(owner: FactorOwner, password: string, client: ClientInfo): Promise<void> {
    const user = await this.passwords.demand(owner, password, client);
    await this.dataSource.transaction(async (tx) => {
      await this.users.demandEpoch(user, tx);
      if (!(await this.totp.remove(owner.id, tx))) return;
      await this.codes.removeAll(owner.id, tx);
      await endUnfinishedSignIns(tx, owner.id);
      await this.audit.record({ type: 'mfa.disabled', userId: owner.id }, client, tx);
      await this.notices.tell('factor_removed', owner.id, client, tx, { factor: 'the authenticator app' });
    });
  }

  /**
   * Turns every factor off.
   * @throws Refusal `rejected` "Invalid password.", `throttled`
   */
  async disableAll(owner: FactorOwner, password: string, client: ClientInfo): Promise<void> {
    const user = await this.passwords.demand(owner, password, client);
    await this.dataSource.transaction(async (tx) => {
      await this.users.demandEpoch(user, tx);
      if (!(await this.removeAll(owner.id, client, tx))) return;
      await this.notices.tell('factor_removed', owner.id, client, tx, { factor: 'any second factor' });
    });
  }

  /** Takes every factor away from somebody who has proved in another way that they may, in the caller's transaction. */
  async removeAll(userId: string, client: ClientInfo | null, tx: EntityManager): Promise<boolean> {
    const wasOn = await this.totp.remove(userId, tx);
    const passkeys = await this.passkeys.removeAll(userId, tx);
    await this.codes.removeAll(userId, tx);
    if (!wasOn && passkeys === 0) return false;
    await endUnfinishedSignIns(tx, userId);
    await this.audit.record({ type: 'mfa.disabled', userId }, client, tx);
    return true;
  }

  /** Makes ten new backup codes, shown only now; earlier ones are void (contract.md §6.5). */
  async makeBackupCodes({ id }: FactorOwner, client: ClientInfo): Promise<string[]> {
    const set = await this.codes.make();
    const isOn = await this.factors.isOn(id);
    await this.dataSource.transaction(async (tx) => {
      // Otherwise two sets made at once would both count.
      await lockUser(id, tx);
      await this.codes.replace(id, set, tx);
      await endUnfinishedSignIns(tx, id);
      await this.audit.record({ type: 'mfa.codes_created', userId: id }, client, tx);
      if (isOn) await this.notices.tell('backup_codes_made', id, client, tx);
    });
    return set.codes;
  }
}
