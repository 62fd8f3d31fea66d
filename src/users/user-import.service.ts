import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import { hashProblem } from '../passwords/stored-hash.js';
import { type ImportedPerson, type ImportVerdict, NameRegister } from './name-register.js';
import { isEmailAddress } from './username.js';
import { UsersService } from './users.service.js';

interface Applicant {
  id: string;
  person: ImportedPerson;
  verdict: ImportVerdict;
}

const CHANGED_MEANWHILE: ImportVerdict = { outcome: 'refused', reason: 'name or address was given up just now' };

/**
 * Moves people in whom another server vouches for: their addresses count as verified, and the rules that keep strangers
 * out, reserved names and blocked mail domains, do not hold. Who is here already is left alone, so that an import can be
 * repeated, or broken off and begun again.
 */
@Injectable()
export class UserImportService {
  constructor(
    private readonly users: UsersService,
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** Takes a batch of people in, in one transaction; the verdicts stand in their order. */
  async importAll(people: ImportedPerson[]): Promise<ImportVerdict[]> {
    return this.dataSource.transaction(async (tx) => {
      const register = new NameRegister();
      await register.read(people, tx);
      const applicants = this.judge(people, register);
      await this.insert(applicants.filter(isAccepted), tx);
      return applicants.map(({ verdict }) => verdict);
    });
  }

  /** What `importAll` would say; changes nothing. The register remembers who was accepted in the batches before. */
  async tryAll(people: ImportedPerson[], register: NameRegister): Promise<ImportVerdict[]> {
    await register.read(people, this.dataSource.manager);
    return this.judge(people, register).map(({ verdict }) => verdict);
  }

  private judge(people: ImportedPerson[], register: NameRegister): Applicant[] {
    return people.map((person) => {
      const problems = this.problems(person);
      const verdict: ImportVerdict =
        problems.length > 0 ? { outcome: 'refused', reason: problems.join('; ') } : register.judge(person);
      if (verdict.outcome === 'imported') register.add(person);
      return { id: uuidv7(), person, verdict };
    });
  }

  private problems({ username, email, displayName, passwordHash }: ImportedPerson): string[] {
    const hash = passwordHash === null ? null : hashProblem(passwordHash);
    return [
      ...this.users.nameProblems({ username, mayBeReserved: true }).map(({ description }) => `username ${description}`),
      ...(email !== null && !isEmailAddress(email) ? ['email is invalid'] : []),
      ...(displayName.length > 100 ? ['display name is too long (maximum is 100 characters)'] : []),
      ...(/\p{Cc}/u.test(displayName) ? ['display name has control characters'] : []),
      ...(hash === null ? [] : [hash]),
    ];
  }

  private async insert(applicants: Applicant[], tx: EntityManager): Promise<void> {
    // Two imports at once wait for each other's names in one order, so that neither waits for ever.
    const inOrder = applicants.toSorted((a, b) => (a.person.username < b.person.username ? -1 : 1));
    const column = (name: keyof ImportedPerson) => inOrder.map(({ person }) => person[name]);
    const rows: { id: string }[] = await tx.query(
      `insert into "user" (id, username, email, email_verified_at, display_name, password_hash)
       select id, username, email, case when email is not null then now() end, display_name, password_hash
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
         as person (id, username, email, display_name, password_hash)
       on conflict do nothing returning id`,
      [inOrder.map(({ id }) => id), column('username'), column('email'), column('displayName'), column('passwordHash')],
    );
    const inserted = new Set(rows.map(({ id }) => id));
    await this.audit.recordForAll('account.imported', [...inserted], tx);
    await this.judgeAgain(
      inOrder.filter(({ id }) => !inserted.has(id)),
      tx,
    );
  }

  /** Somebody else took the name or the address between the look and the insert. */
  private async judgeAgain(applicants: Applicant[], tx: EntityManager): Promise<void> {
    if (applicants.length === 0) return;
    const register = new NameRegister();
    await register.read(
      applicants.map(({ person }) => person),
      tx,
    );
    for (const applicant of applicants) {
      const verdict = register.judge(applicant.person);
      applicant.verdict = verdict.outcome === 'imported' ? CHANGED_MEANWHILE : verdict;
    }
  }
}

function isAccepted({ verdict }: Applicant): boolean {
  return verdict.outcome === 'imported';
}
