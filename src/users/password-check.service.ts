import { createHmac } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { type ClientInfo, networkOf } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { type BudgetName, Config } from '../config/config.js';
import { LimitsService } from '../limits/limits.service.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { needsRehash } from '../passwords/stored-hash.js';
import { NoticesService } from './notices.service.js';
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
  private readonly log = new Logger(PasswordCheckService.name);

  constructor(
    private readonly users: UsersService,
    private readonly hasher: PasswordHasher,
    private readonly limits: LimitsService,
    private readonly notices: NoticesService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Whether the password is that of the person the identifier means.
   * @param identifier trimmed and lower-cased
   * @throws Refusal `throttled` when the budget of the address or the identifier is spent, `unavailable` when hashing is
   */
  async verify(identifier: string, password: string, client: ClientInfo): Promise<PasswordVerdict> {
    const address = networkOf(client.ip);
    await this.limits.consume('password_address', address);
    await this.limits.consume('password_identifier', identifier);
    const user = await this.users.findByIdentifier(identifier);
    const account = user?.id ?? `unknown:${identifier}`;
    const { mayTry, isWorthAMail } = await this.mayTry(account);
    if (isWorthAMail && user) await this.warn(user, client);
    const matches = await this.compare(user, identifier, password);
    const isRight = matches && mayTry;
    if (isRight && user) await this.renewHash(user, password);
    if (isRight) await this.forgive(address, identifier, account);
    return { claimed: user, person: isRight ? user : null };
  }

  /**
   * Whether a signed-in person knows their own password, within the same budgets as a sign-in (security.md R79).
   * @throws Refusal `throttled`, `unavailable`, or `rejected` "Invalid password."
   */
  async demand(owner: { id: string; username: string }, password: string, client: ClientInfo): Promise<User> {
    const { person } = await this.verify(owner.username, password, client);
    if (person?.id === owner.id) return person;
    await this.audit.record({ type: 'password.refused', userId: owner.id }, client);
    throw new Refusal('rejected', 'Invalid password.');
  }

  /** Nobody's password is wrong after the time that somebody's takes, also while hashes of another server are about. */
  private async compare(user: User | null, identifier: string, password: string): Promise<boolean> {
    if (user?.passwordHash) return this.hasher.verify(user.passwordHash, password);
    await this.hasher.verify(await this.likeness(identifier), password);
    return false;
  }

  /** The hash of some account, always of the same one for an identifier, which nobody outside can tell. */
  private async likeness(identifier: string): Promise<string | null> {
    const place = createHmac('sha256', this.config.secretKey).update(`likeness ${identifier}`).digest();
    const name = Array.from(place.subarray(0, 4), (byte) => (byte % 36).toString(36)).join('');
    const [account] = await this.dataSource.query(
      `select password_hash as "passwordHash" from (
         (select 1 as turn, username, password_hash from "user" where username >= $1 order by username limit 20)
         union all (select 2, username, password_hash from "user" order by username limit 20)
       ) neighbours where password_hash is not null order by turn, username limit 1`,
      [name],
    );
    return account?.passwordHash ?? null;
  }

  /** What another server hashed, or we long ago, gives way to a hash of today; a password that was changed meanwhile stays. */
  private async renewHash(user: User, password: string): Promise<void> {
    if (user.passwordHash === null || !needsRehash(user.passwordHash)) return;
    try {
      const fresh = await this.hasher.hash(password);
      await this.dataSource.query('update "user" set password_hash = $3 where id = $1 and password_hash = $2', [
        user.id,
        user.passwordHash,
        fresh,
      ]);
    } catch (err) {
      // The next sign-in tries again.
      this.log.warn({ err }, 'A password hash could not be renewed now');
    }
  }

  /** An exhausted account is answered like a wrong password, so that a 429 never ties an address to a name. */
  private async mayTry(account: string): Promise<{ mayTry: boolean; isWorthAMail: boolean }> {
    const left = async (name: BudgetName) => (await this.limits.tryConsume(name, account))?.remaining ?? 0;
    const [attempts, streak] = await Promise.all([left('password_account'), left('password_streak')]);
    const isHeldBack = streak < 0 && (await left('password_long_run')) < 0;
    return { mayTry: attempts >= 0 && !isHeldBack, isWorthAMail: streak === -1 };
  }

  /** Once a streak: sign-in is slowed down from here on, and the owner should know why (contract.md §1.1, *long run*). */
  private async warn(user: User, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction((tx) => this.notices.tell('wrong_passwords', user.id, client, tx));
  }

  /** A new password begins with no failures against it. */
  async forgiveAccount({ id, username, email }: User): Promise<void> {
    const spellings = [
      username,
      `@${username}`,
      `${username}@${this.config.domain}`,
      `@${username}@${this.config.domain}`,
    ];
    const identifiers = email === null ? spellings : [...spellings, email];
    await Promise.all([
      ...identifiers.map((identifier) => this.limits.clear('password_identifier', identifier)),
      this.limits.clear('password_account', id),
      this.limits.clear('password_streak', id),
      this.limits.clear('password_long_run', id),
    ]);
  }

  private async forgive(address: string, identifier: string, account: string): Promise<void> {
    await Promise.all([
      this.limits.refund('password_address', address),
      this.limits.clear('password_identifier', identifier),
      this.limits.clear('password_account', account),
      this.limits.clear('password_streak', account),
      this.limits.clear('password_long_run', account),
    ]);
  }
}
