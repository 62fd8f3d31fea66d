import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import { PasswordHasher } from '../passwords/password-hasher.js';
import { BackupCode } from './backup-code.entity.js';
import { newBackupCodes, readBackupCode } from './backup-codes.js';

/** A set that is not written yet: what is shown, and how it is kept. */
export interface BackupCodeSet {
  codes: string[];
  salt: Buffer;
  hashes: Buffer[];
}

/** Keeps backup codes: each works once, and only the newest set does. */
@Injectable()
export class BackupCodesService {
  constructor(
    @InjectRepository(BackupCode) private readonly rows: Repository<BackupCode>,
    private readonly hasher: PasswordHasher,
  ) {}

  /** Makes a set; hashing takes its time, so it is done before the transaction that writes it. */
  async make(): Promise<BackupCodeSet> {
    const codes = newBackupCodes();
    const salt = randomBytes(16);
    const hashes: Buffer[] = [];
    // One after the other: somebody who signs in meanwhile waits for one hash, not for ten.
    for (const code of codes) hashes.push(await this.hasher.digest(code, salt));
    return { codes, salt, hashes };
  }

  /** Writes a set in place of any earlier one. */
  async replace(userId: string, { salt, hashes }: BackupCodeSet, tx: EntityManager): Promise<void> {
    await this.removeAll(userId, tx);
    await tx.query('insert into backup_code (user_id, salt, hash) select $1, $2, unnest($3::bytea[])', [
      userId,
      salt,
      hashes,
    ]);
  }

  /** The digest that a typed code has if it is one of the person's; null when it cannot be one. */
  async digestOf(userId: string, typed: string): Promise<Buffer | null> {
    const code = readBackupCode(typed);
    if (code === null) return null;
    const known = await this.rows.findOneBy({ userId });
    return this.hasher.digest(code, known?.salt ?? randomBytes(16));
  }

  /** Spends the code of that digest, in one statement; answers how many are left, or null when there is none. */
  async consume(userId: string, digest: Buffer, tx: EntityManager): Promise<number | null> {
    const [spent] = await tx.query('delete from backup_code where user_id = $1 and hash = $2 returning id', [
      userId,
      digest,
    ]);
    return spent.length === 1 ? tx.countBy(BackupCode, { userId }) : null;
  }

  /** How many are left. */
  count(userId: string): Promise<number> {
    return this.rows.countBy({ userId });
  }

  /** All of them are void. */
  async removeAll(userId: string, tx: EntityManager): Promise<void> {
    await tx.delete(BackupCode, { userId });
  }
}
