import { Injectable } from '@nestjs/common';
import { networkOf } from '../common/client-info.js';
import type { BudgetName } from '../config/config.js';
import { LimitsService } from '../limits/limits.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import type { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/** What became of an attempt. */
export interface PasswordVerdict {
  /** Whom the identifier means, whatever the password: for the journal only. */
  claimed: User | null;
  /** Who has proved to be that person. */
  person: User | null;
}

/**
 * Checks passwords within the attempt budgets: every try is counted before the hash is compared, known and unknown
 * identifiers alike, so that counts, answers and times tell nobody whether an account exists (contract.md §1.1).
 */
@Injectable()
export class PasswordCheckService {
  constructor(
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly limits: LimitsService,
  ) {}

  /** @throws Refusal `throttled` when the address has no attempts left; takes none */
  async demandAttempts(ip: string): Promise<void> {
    await this.limits.demand('password_address', networkOf(ip));
  }

  /**
   * Whether the password is that of the person the identifier means.
   * @param identifier trimmed and lower-cased
   * @throws Refusal `throttled` when the budget of the address or the identifier is spent, `unavailable` when hashing is
   */
  async verify(identifier: string, password: string, ip: string): Promise<PasswordVerdict> {
    const address = networkOf(ip);
    await this.limits.consume('password_address', address);
    await this.limits.consume('password_identifier', identifier);
    const user = await this.users.findByIdentifier(identifier);
    const account = user?.id ?? `unknown:${identifier}`;
    const mayTry = await this.mayTry(account);
    const matches = await this.hasher.verify(user?.passwordHash ?? null, password);
    const isRight = matches && mayTry;
    if (isRight) await this.forgive(address, identifier, account);
    return { claimed: user, person: isRight ? user : null };
  }

  /** An exhausted account is answered like a wrong password, so that a 429 never ties an address to a name. */
  private async mayTry(account: string): Promise<boolean> {
    const spent = async (name: BudgetName) => ((await this.limits.tryConsume(name, account))?.remaining ?? 0) < 0;
    const [isSpent, isLongRun] = await Promise.all([spent('password_account'), spent('password_streak')]);
    return !isSpent && !(isLongRun && (await spent('password_long_run')));
  }

  private async forgive(address: string, identifier: string, account: string): Promise<void> {
    await Promise.all([
      this.limits.refund('password_address', address),
      this.limits.clear('password_identifier', identifier),
      this.limits.clear('password_account', account),
      this.limits.clear('password_streak', account),
    ]);
  }
}
