import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { describeEvent } from '../audit/describe-event.js';
import { mapSecurityEvent } from '../audit/security-event.dto.js';
import type { Page } from '../common/paging.js';
import { Config } from '../config/config.js';
import { poolOf } from '../database/pool.js';
import { IdentitiesService } from '../identities/identities.service.js';
import { backoff, LeaseLost, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { type OwnRelation, pageOfRelations } from '../relationships/own-relations.js';
import type { RelationshipKind } from '../relationships/relationship.entity.js';
import { type ListedSession, pageOfSessions } from '../sessions/list-sessions.js';
import { mapSession } from '../sessions/session.dto.js';
import { accountBlock, USER_IS_ACTIVE } from '../users/account-state.js';
import { NoticesService } from '../users/notices.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { packFiles } from './archive.js';
import { Backup, BACKUP_LIFE, type BackupState } from './backup.entity.js';
import { dataFiles } from './data-files.js';

/** The kind of the jobs that make backups; the key of one is the backup's id. */
export const BACKUP_JOB = 'backup';

/** What a job is told. */
export interface BackupPayload {
  backupId: number;
  userId: string;
}

type BackupJob = RunningJob<BackupPayload>;

/** Then a backup has failed, and the person may ask for another. */
const MOST_ATTEMPTS = 5;

/** Rows that are read, and counted as progress, at once. */
const PAGE = 500;

/** Makes the archives that people ask for. Only who holds the job's lease writes, so no late worker replaces a file. */
@Injectable()
export class BackupWorker implements OnModuleInit {
  constructor(
    private readonly jobs: JobsService,
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly audit: AuditService,
    private readonly notices: NoticesService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register<BackupPayload>({
      name: BACKUP_JOB,
      concurrency: 1,
      run: (job) => this.run(job),
      retryAfter: ({ attempts }) => (attempts < MOST_ATTEMPTS ? backoff(attempts, 5, 300) : null),
    });
  }

  private async run(job: BackupJob): Promise<void> {
    // Purged or erased meanwhile: there is nothing left to do.
    if (!(await this.dataSource.manager.existsBy(Backup, { id: job.payload.backupId }))) return;
    try {
      // Whoever took it before did not live to say why it failed.
      if (job.attempts > MOST_ATTEMPTS) throw new Error('Every attempt ended with its process');
      const user = await this.users.find(job.payload.userId);
      if (!user || accountBlock(user) !== null) return await this.refuse(job);
      await this.make(job, user);
    } catch (error) {
      const isLast = job.attempts >= MOST_ATTEMPTS && !job.signal.aborted && !(error instanceof LeaseLost);
      if (isLast) await this.note(job, 'failed');
      throw error;
    }
  }

  private async make(job: BackupJob, user: User): Promise<void> {
    let records = 0;
    const count = async (read: number): Promise<void> => {
      records += read;
      await this.note(job, 'running', records);
    };
    await count(1);
    const file = await packFiles(
      dataFiles(this.config, {
        user,
        identities: await this.identities.list(user.id),
        sessions: pages(
          (below?: number) => pageOfSessions(poolOf(this.dataSource), user.id, PAGE, below),
          mapOwnSession,
          count,
        ),
        events: pages((below?: number) => this.audit.list(user.id, PAGE, below), mapOwnEvent, count),
        follows: this.relations('follow', user, count),
        blocks: this.relations('block', user, count),
        mutes: this.relations('mute', user, count),
      }),
    );
    await this.dataSource.transaction((tx) => this.finish(job, file, tx));
  }

  private relations(
    kind: RelationshipKind,
    { id }: User,
    count: (rows: number) => Promise<void>,
  ): AsyncGenerator<OwnRelation[]> {
    const read = (below?: string) => pageOfRelations(kind, id, PAGE, below, this.dataSource);
    return pages(read, (row) => row, count);
  }

  /** The file, its mail and the end of the job, once or not at all. */
  private async finish(job: BackupJob, file: Buffer, tx: EntityManager): Promise<void> {
    const { backupId, userId } = job.payload;
    await job.complete(tx);
    // Held until the end, so that nobody is disabled or deleted in between.
    const [owner] = await tx.query(`select id from "user" u where id = $1 and ${USER_IS_ACTIVE} for share`, [userId]);
    if (!owner) return fail(backupId, tx);
    const [[made]] = await tx.query(
      `update backup set state = 'complete', file = $2, file_size = $3 where id = $1
       returning created_at + ${BACKUP_LIFE} as "until"`,
      [backupId, file, file.length],
    );
    if (!made) return;
    await this.audit.record({ type: 'backup.created', userId }, null, tx);
    await this.notices.tell('backup_ready', userId, null, tx, { until: made.until.toISOString() });
  }

  /** Somebody who may not use their account gets no file; when they come back they may ask anew. */
  private async refuse(job: BackupJob): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      await job.complete(tx);
      await fail(job.payload.backupId, tx);
    });
  }

  /**
   * Writes how far it is.
   * @throws LeaseLost when the job is somebody else's by now, or the backup is gone
   */
  private async note(job: BackupJob, state: BackupState, records: number | null = null): Promise<void> {
    const [rows] = await this.dataSource.query(
      `update backup set state = $4, processed_number = coalesce($5, processed_number) from job
       where backup.id = $1 and job.id = $2 and job.attempts = $3 returning backup.id`,
      [job.payload.backupId, job.id, job.attempts, state, records],
    );
    if (rows.length === 0) throw new LeaseLost();
  }
}

async function fail(backupId: number, tx: EntityManager): Promise<void> {
  await tx.query(`update backup set state = 'failed' where id = $1`, [backupId]);
}

/** All pages of a list, each row as it shall stand in the archive, counted as they are read. */
async function* pages<Row, Id, Mapped extends object>(
  read: (below?: Id) => Promise<Page<Row, Id>>,
  map: (row: Row) => Mapped,
  count: (rows: number) => Promise<void>,
): AsyncGenerator<Mapped[]> {
  let page = await read();
  for (;;) {
    await count(page.rows.length);
    yield page.rows.map(map);
    if (page.next === null) return;
    page = await read(page.next);
  }
}

/** In a file no session is the calling one. */
function mapOwnSession(row: ListedSession): object {
  const { current: _, ...session } = mapSession(row);
  return session;
}

function mapOwnEvent(row: Parameters<typeof mapSecurityEvent>[0]): object {
  return { ...mapSecurityEvent(row), description: describeEvent(row.type) };
}
