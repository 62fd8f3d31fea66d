import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { backoff, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';

/** The kind of the jobs that erase accounts; the key of one is the account's id. */
export const ERASE_JOB = 'erase_account';

/** Sessions that one statement removes: an account may have thousands, and no statement may take long. */
const BATCH = 1000;

/** What a person leaves behind in other tables; the journal is kept for its 90 days, against abuse. */
const PERSONAL = [
  'delete from backup where user_id = $1',
  'delete from browser_session where user_id = $1',
  'delete from mail_token where user_id = $1',
  'delete from pending_sign_in where user_id = $1',
  'delete from seen_network where user_id = $1',
  // What still waits tells the person of the deletion itself; the outbox purges it.
  'delete from mail_outbox where user_id = $1 and (sent_at is not null or failed_at is not null)',
];

/** Erases deleted accounts when their grace is over: all but the bare name, which stays taken (contract.md §5.9). */
@Injectable()
export class ErasureWorker implements OnModuleInit {
  constructor(
    private readonly jobs: JobsService,
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register<{ userId: string }>({
      name: ERASE_JOB,
      concurrency: 1,
      run: (job) => this.erase(job),
      // However long the database is away: a promise to erase does not lapse.
      retryAfter: ({ attempts }) => backoff(attempts, 10, 3600),
    });
  }

  private async erase(job: RunningJob<{ userId: string }>): Promise<void> {
    const { userId } = job.payload;
    await this.dataSource.transaction(async (tx) => {
      // Somebody who came back at the last moment is not erased.
      const [erased] = await tx.query(
        `update "user" set email = null, email_verified_at = null, password_hash = null, role = 'user', display_name = '',
           note = '', locale = null, registration_reason = null, disabled_at = null, disabled_by_staff = false,
           approval_pending = false, confirmation_pending = false, password_reset_required = false, erased_at = now(),
           credential_epoch = credential_epoch + 1
         where id = $1 and deletion_due_at <= now() and erased_at is null returning id`,
        [userId],
      );
      if (erased.length > 0) {
        for (const statement of PERSONAL) await tx.query(statement, [userId]);
        await eraseSessions(userId, tx);
        await this.audit.record({ type: 'account.erased', userId }, null, tx);
      }
      await job.complete(tx);
    });
  }
}

async function eraseSessions(userId: string, tx: EntityManager): Promise<void> {
  for (;;) {
    const [ended] = await tx.query(
      `delete from session where id in (select id from session where user_id = $1 limit ${BATCH}) returning id`,
      [userId],
    );
    if (ended.length === 0) return;
    const ids = ended.map(({ id }: { id: number }) => id);
    await tx.query('delete from access_token where session_id = any($1)', [ids]);
    await tx.query('delete from refresh_token where session_id = any($1)', [ids]);
  }
}
