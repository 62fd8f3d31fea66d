import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { ShortReads } from '../database/short-reads.js';
import { LimitsService } from '../limits/limits.service.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { lockUser } from '../users/lock-user.js';
import { NoticesService } from '../users/notices.service.js';
import { BackupCodesService } from './backup-codes.service.js';
import { readBackupCode } from './backup-codes.js';
import { TotpService } from './totp.service.js';

/** How a person may answer (contract.md §3.1, §3.4). */
export type ChallengeType = 'webauthn' | 'totp' | 'recovery';

/** What somebody shows as their second factor. */
export interface ShownFactor {
  /** As sent; anything but a known type is wrong. */
  type: string;
  /** A code, or what a browser's WebAuthn answered, as JSON. */
  value: string;
}

/** What became of a code beside a password: it was right, or there is none, or no second factor is on. */
export type CodeAlong = 'right' | 'missing' | 'off';

/** Asks for second factors: one budget per account over all kinds and all routes (contract.md §1.1, *second factor*). */
@Injectable()
export class SecondFactorService {
  constructor(
    private readonly totp: TotpService,
    private readonly codes: BackupCodesService,
    private readonly passkeys: PasskeysService,
    private readonly limits: LimitsService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    private readonly reads: ShortReads,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** How a person may answer; empty where no factor is on. Backup codes work only beside one (contract.md §6.5). */
  async challengesOf(userId: string): Promise<ChallengeType[]> {
    // One look-up by key, because every sign-in asks.
    const [row] = await this.reads.query<{ hasPasskey: boolean; hasTotp: boolean }>({
      name: 'find_second_factors',
      text: `select exists (select from passkey where user_id = $1) as "hasPasskey",
        exists (select from totp_credential where user_id = $1 and sealed_secret is not null) as "hasTotp"`,
      values: [userId],
    });
    const kinds: ChallengeType[] = [];
    if (row?.hasPasskey) kinds.push('webauthn');
    if (row?.hasTotp) kinds.push('totp');
    return kinds.length === 0 ? [] : [...kinds, 'recovery'];
  }

  /** Whether one is asked for. */
  async isOn(userId: string): Promise<boolean> {
    return (await this.challengesOf(userId)).length > 0;
  }

  /**
   * Whether what is shown is right; it is spent with that.
   * @param applicationId the client program that it is for, as far as there is one
   * @throws Refusal `throttled` when too much was wrong
   */
  async check(
    userId: string,
    shown: ShownFactor,
    client: ClientInfo,
    applicationId: number | null = null,
  ): Promise<boolean> {
    const isRight = await this.withinBudget(userId, async () => {
      // Soapbox has people type a backup code where it sends `totp` (contract.md §2.6).
      const isBackupCode = shown.type === 'totp' && readBackupCode(shown.value) !== null;
      if (shown.type === 'recovery' || isBackupCode) return this.consumeBackupCode(userId, shown.value, client);
      if (shown.type === 'webauthn') return this.passkeys.verify(shown.value, 'second_factor', userId);
      return shown.type === 'totp' && this.totp.consume(userId, shown.value);
    });
    await this.audit.record({ type: isRight ? 'mfa.passed' : 'mfa.failed', userId, applicationId }, client);
    return isRight;
  }

  /**
   * Checks a code that somebody may have sent along with their password.
   * @throws Refusal `rejected` "Invalid code.", `throttled`
   */
  async demandIfSent(userId: string, code: string | undefined, client: ClientInfo): Promise<CodeAlong> {
    if (!(await this.isOn(userId))) return 'off';
    if (code === undefined || code === '') return 'missing';
    await this.demand(userId, code, client);
    return 'right';
  }

  /** @throws Refusal `rejected` "Invalid code." unless a code is right, `throttled` */
  async demand(userId: string, code: string, client: ClientInfo): Promise<void> {
    if (!(await this.check(userId, { type: 'totp', value: code }, client)))
      throw new Refusal('rejected', 'Invalid code.');
  }

  /** @throws Refusal `throttled` when nothing would be looked at now; takes no point */
  demandBudget(userId: string): Promise<void> {
    return this.limits.demand('second_factor', userId);
  }

  /**
   * One attempt on an account's factors: counted before it is looked at, given back when it was right.
   * @throws Refusal `throttled`
   */
  async withinBudget(userId: string, attempt: () => Promise<boolean>): Promise<boolean> {
    await this.limits.consume('second_factor', userId);
    const isRight = await attempt();
    if (isRight) await this.limits.refund('second_factor', userId);
    return isRight;
  }

  private async consumeBackupCode(userId: string, typed: string, client: ClientInfo): Promise<boolean> {
    const digest = (await this.isOn(userId)) ? await this.codes.digestOf(userId, typed) : null;
    if (digest === null) return false;
    return this.dataSource.transaction(async (tx) => {
      // Two at once are told one after the other how many are left.
      await lockUser(userId, tx);
      const left = await this.codes.consume(userId, digest, tx);
      if (left === null) return false;
      await this.notices.tell('backup_code_used', userId, client, tx, { left: String(left) });
      return true;
    });
  }
}
