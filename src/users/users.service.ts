import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { violatedUnique } from '../common/database-errors.js';
import { type Detail, Refusal, ValidationFailed } from '../common/errors.js';
import { Config } from '../config/config.js';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { PasswordPolicy } from '../passwords/password-policy.service.js';
import { type Role, User } from './user.entity.js';
import { isEmailAddress, readIdentifier, RESERVED_USERNAMES, USERNAME } from './username.js';

/** What a new account is made of; name and address already trimmed and lower-cased. */
export interface NewUser {
  username: string;
  email: string | null;
  /** Null for somebody whom a provider vouches for: fails every password check. */
  password: string | null;
  emailVerifiedAt?: Date | null;
  displayName?: string;
  note?: string;
  locale?: string | null;
  registrationReason?: string | null;
  approvalPending?: boolean;
  confirmationPending?: boolean;
  role?: Role;
  /** Staff may take a reserved name. */
  mayBeReserved?: boolean;
}

/** A user ready to be written; its password is already hashed. */
export type CheckedUser = Pick<User, 'id' | 'username' | 'email' | 'passwordHash'> & Partial<User>;

const TAKEN: Record<string, Detail> = {
  user_username: { field: 'username', error: 'ERR_TAKEN', description: 'has already been taken' },
  user_email: { field: 'email', error: 'ERR_TAKEN', description: 'has already been taken' },
};

/** Knows people: finds, checks and creates them. */
@Injectable()
export class UsersService {
  constructor(
    @InjectRepository(User) private readonly users: Repository<User>,
    private readonly hasher: PasswordHasher,
    private readonly policy: PasswordPolicy,
    private readonly config: Config,
  ) {}

  find(id: string): Promise<User | null> {
    return this.users.findOneBy({ id });
  }

  /** The one local account an identifier means, or null (contract.md §0.10). */
  async findByIdentifier(identifier: string): Promise<User | null> {
    const { email, username } = readIdentifier(identifier, this.config.domain);
    const byEmail = email === null ? null : await this.users.findOneBy({ email });
    return byEmail ?? (username === null ? null : this.users.findOneBy({ username }));
  }

  /** How many people there are, and how many of them used a client in the last 30 days. */
  async count(): Promise<{ users: number; active: number }> {
    const [row] = await this.users.query(`
      select count(*) as users, count(*) filter (where exists (
        select from session s where s.user_id = u.id and s.last_used_at > now() - interval '30 days')) as active
      from "user" u where u.deletion_due_at is null and not u.approval_pending and not u.confirmation_pending`);
    return { users: row.users, active: row.active };
  }

  /** Everybody, by name. */
  list(): Promise<User[]> {
    return this.users.find({ order: { username: 'ASC' } });
  }

  /**
   * Checks a new account against every rule and hashes its password.
   * @throws ValidationFailed naming every bad value
   */
  async check(wanted: NewUser, further: Detail[] = []): Promise<CheckedUser> {
    const { password } = wanted;
    const weakness = password === null ? null : await this.policy.problem(password, wanted);
    const problems = [
      ...this.nameProblems(wanted),
      ...this.emailProblems(wanted.email),
      ...(weakness ? [weakness] : []),
      ...further,
    ];
    problems.push(...(await this.takenProblems(wanted, problems)));
    if (problems.length > 0) throw new ValidationFailed(problems);
    const { password: _password, mayBeReserved: _, ...columns } = wanted;
    return { ...columns, id: uuidv7(), passwordHash: password === null ? null : await this.hasher.hash(password) };
  }

  /**
   * Writes a checked account in the caller's transaction.
   * @throws ValidationFailed when somebody took the name or address meanwhile
   */
  async insert(user: CheckedUser, tx: EntityManager = this.users.manager): Promise<void> {
    try {
      await tx.insert(User, user);
    } catch (error) {
      const taken = TAKEN[violatedUnique(error) ?? ''];
      throw taken ? new ValidationFailed([taken]) : error;
    }
  }

  /**
   * Whether an address belongs to somebody else: on file, or until lately, so that its owner can still take it back
   * (contract.md §5.3, *undo address change*).
   */
  async isAddressTaken(
    email: string,
    except: string | null = null,
    tx: EntityManager = this.users.manager,
  ): Promise<boolean> {
    const [row] = await tx.query(
      `select exists (select from "user" where email = $1 and id is distinct from $2)
         or exists (select from mail_token where address = $1 and purpose = 'undo_address' and expires_at > now()
           and user_id is distinct from $2) as taken`,
      [email, except],
    );
    return row.taken;
  }

  /**
   * Holds a person's row, in the state in which their password was checked, until the transaction ends.
   * @throws Refusal `rejected` when the password was changed, or everything revoked, meanwhile
   */
  async demandEpoch({ id, credentialEpoch }: User, tx: EntityManager): Promise<void> {
    // As strong as `lockUser`: two that shared the row and then wanted to write it would wait for each other.
    const rows = await tx.query('select id from "user" where id = $1 and credential_epoch = $2 for no key update', [
      id,
      credentialEpoch,
    ]);
    if (rows.length === 0) throw new Refusal('rejected', 'Invalid password.');
  }

  /** Lets a waiting person in; false when nobody of that name waits. */
  async approve(username: string, tx: EntityManager = this.users.manager): Promise<string | null> {
    const user = await tx.findOneBy(User, { username, approvalPending: true });
    if (!user) return null;
    await tx.update(User, { id: user.id }, { approvalPending: false });
    return user.id;
  }

  /** What is wrong with a name, but for being taken. */
  nameProblems({ username, mayBeReserved = false }: Pick<NewUser, 'username' | 'mayBeReserved'>): Detail[] {
    const field = 'username';
    if (username === '') return [{ field, error: 'ERR_BLANK', description: "can't be blank" }];
    if (username.length < 3)
      return [{ field, error: 'ERR_TOO_SHORT', description: 'is too short (minimum is 3 characters)' }];
    if (username.length > 30)
      return [{ field, error: 'ERR_TOO_LONG', description: 'is too long (maximum is 30 characters)' }];
    if (!USERNAME.test(username)) {
      return [{ field, error: 'ERR_INVALID', description: 'must contain only letters, numbers and underscores' }];
    }
    const isReserved =
      RESERVED_USERNAMES.includes(username) || this.config.accounts.reserved_usernames.includes(username);
    return isReserved && !mayBeReserved ? [{ field, error: 'ERR_RESERVED', description: 'is reserved' }] : [];
  }

  /** What is wrong with the form or the domain of an address; nothing is with none. */
  emailProblems(email: string | null): Detail[] {
    const field = 'email';
    if (email === null) return [];
    if (!isEmailAddress(email)) return [{ field, error: 'ERR_INVALID', description: 'is invalid' }];
    const domain = email.slice(email.indexOf('@') + 1);
    const isBlocked = this.config.accounts.blocked_email_domains.some(
      (blocked) => domain === blocked.toLowerCase() || domain.endsWith(`.${blocked.toLowerCase()}`),
    );
    return isBlocked ? [{ field, error: 'ERR_BLOCKED', description: 'is not allowed' }] : [];
  }

  /** Looked up before the password is hashed, so that a taken name costs no hash; the unique index has the last word. */
  private async takenProblems({ username, email }: NewUser, found: Detail[]): Promise<Detail[]> {
    const isFine = (field: string) => !found.some((problem) => problem.field === field);
    const taken: Detail[] = [];
    if (isFine('username') && (await this.users.existsBy({ username }))) taken.push(TAKEN['user_username']!);
    if (email !== null && isFine('email') && (await this.isAddressTaken(email))) taken.push(TAKEN['user_email']!);
    return taken;
  }
}
