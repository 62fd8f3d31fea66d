import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource, InjectRepository } from '@nestjs/typeorm';
import { type DataSource, type EntityManager, Repository } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { purge } from '../database/purge.js';
import { JobsService } from '../jobs/jobs.service.js';
import { BACKUP_JOB, type BackupPayload } from './backup.worker.js';
import { Backup, BACKUP_LIFE } from './backup.entity.js';

/** A finished archive. */
export interface BackupFile {
  /** For the person's folder of downloads. */
  name: string;
  bytes: Buffer;
}

/** By what a person asks for a backup, or takes one away. */
export interface BackupTaker {
  applicationId: number | null;
  client: ClientInfo;
}

/** More than these of seven days nobody looks at; there are many only when many failed. */
const MOST = 40;

/** Keeps the copies of their data that people ask for: one a week, for a week (contract.md §5.10). */
@Injectable()
export class BackupsService {
  private readonly log = new Logger(BackupsService.name);

  constructor(
    @InjectRepository(Backup) private readonly backups: Repository<Backup>,
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly jobs: JobsService,
    private readonly audit: AuditService,
  ) {}

  /** A person's backups, newest first, without their files. */
  list(userId: string): Promise<Backup[]> {
    return this.backups
      .createQueryBuilder('b')
      .where(`b.user_id = :userId and b.created_at > now() - ${BACKUP_LIFE}`, { userId })
      .orderBy('b.id', 'DESC')
      .limit(MOST)
      .getMany();
  }

  /**
   * Asks for a new backup.
   * @throws Refusal `invalid_request` when there is one of the last seven days that did not fail
   */
  async request(userId: string, by: BackupTaker): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      // Two at once wait for each other here, and the second sees what the first has written.
      await tx.query('select from "user" where id = $1 for no key update', [userId]);
      const [made] = await tx.query(
        `insert into backup (user_id) select $1 where not exists (
           select from backup where user_id = $1 and state <> 'failed' and created_at > now() - ${BACKUP_LIFE})
         returning id`,
        [userId],
      );
      if (!made) throw new Refusal('invalid_request', 'Last export was less than 7 days ago');
      const payload: BackupPayload = { backupId: made.id, userId };
      await this.jobs.enqueue({ kind: BACKUP_JOB, key: String(made.id), payload }, tx);
      await this.record('backup.requested', userId, by, tx);
    });
  }

  /**
   * The file of a person's finished backup. Who takes it away is journaled; null only looks.
   * @throws Refusal `record_not_found` when there is none: unknown, somebody else's, unfinished, failed or too old
   */
  async readFile(userId: string, id: number, by: BackupTaker | null): Promise<BackupFile> {
    const [row] = await this.backups.query(
      `select b.file, b.created_at as "createdAt", u.username from backup b join "user" u on u.id = b.user_id
       where b.id = $1 and b.user_id = $2 and b.state = 'complete' and b.created_at > now() - ${BACKUP_LIFE}`,
      [id, userId],
    );
    if (!row) throw new Refusal('record_not_found');
    if (by) await this.record('backup.downloaded', userId, by);
    return { name: `gatehouse-${row.username}-${row.createdAt.toISOString().slice(0, 10)}.zip`, bytes: row.file };
  }

  /** Files go after seven days, as do the rows of what failed. */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await purge(this.dataSource, `delete from backup where created_at < now() - ${BACKUP_LIFE}`);
    } catch (err) {
      this.log.warn({ err }, 'Old backups could not be purged now');
    }
  }

  private record(
    type: 'backup.requested' | 'backup.downloaded',
    userId: string,
    { applicationId, client }: BackupTaker,
    tx?: EntityManager,
  ): Promise<void> {
    return this.audit.record({ type, userId, applicationId }, client, tx);
  }
}
