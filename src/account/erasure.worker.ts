import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { purge } from '../database/purge.js';
import { backoff, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';

/** The kind of the jobs that erase accounts; the key of one is the account's id. */
export const ERASE_JOB = 'erase_account';

/** What a person leaves behind in other tables; the journal is kept for its 90 days, against abuse. */
const PERSONAL = [
  'delete from backup_code where user_id = $1',
  'delete from factor_recovery where user_id = $1',
  'delete from linked_identity where user_id = $1',
  'delete from mfa_challenge where user_id = $1',
  'delete from passkey where user_id = $1',
  'delete from sso_flow where user_id = $1',
  'delete from sso_link_ticket where user_id = $1',
  'delete from totp_credential where user_id = $1',
  'delete from backup where user_id = $1',
  'delete from browser_session where user_id = $1',
  'delete from mail_token where user_id = $1',
  'delete from pending_sign_in where user_id = $1',
  'delete from seen_network where user_id = $1',
  // What still waits tells the person of the deletion itself; the outbox purges it.
  'delete from mail_outbox where user_id = $1 and (sent_at is not null or failed_at is not null)',
];

/**
 * Ended sessions have no index by person, and there may be thousands, so that this may take long: it is a commit of its
 * own. It looks for itself whether the erasure stands.
 */
const SESSIONS = `
  with ended as (
    delete from session s using "user" u where s.user_id = $1 and u.id = s.user_id and u.erased_at is not null returning s.id
  ), access as (
    delete from access_token t using ended where t.session_id = ended.id
  )
  delete from refresh_token r using ended where r.session_id = ended.id`;

/** What the person had to do with others, and they with the person, which may be as much; a commit of its own, too. */
const RELATIONS = ['source_id', 'target_id'].map(
  (end) => `delete from relationship r using "user" u where r.${end} = $1 and u.id = $1 and u.erased_at is not null`,
);

/** The lists that the person has imported; likewise. */
const IMPORTS = ['import_change', 'import_row', 'import'].map((table) => {
  const key = table === 'import' ? 'id' : 'import_id';
  return `delete from ${table} where ${key} in (select i.id from import i join "user" u on u.id = i.user_id
    where i.user_id = $1 and u.erased_at is not null)`;
});

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

  /** The job is done when all parts are; each may be repeated. */
  private async erase({ payload: { userId } }: RunningJob<{ userId: string }>): Promise<void> {
    await this.dataSource.transaction((tx) => this.erasePerson(userId, tx));
    for (const statement of [SESSIONS, ...RELATIONS, ...IMPORTS]) await purge(this.dataSource, statement, [userId]);
  }

  private async erasePerson(userId: string, tx: EntityManager): Promise<void> {
    // Somebody who came back at the last moment is not erased.
    const [erased] = await tx.query(
      `update "user" set email = null, email_verified_at = null, password_hash = null, role = 'user', display_name = '',
         note = '', locale = null, locked = false, bot = false, discoverable = true, settings_store = '{}',
         registration_reason = null, disabled_at = null, disabled_by_staff = false,
         approval_pending = false, confirmation_pending = false, password_reset_required = false, erased_at = now(),
         credential_epoch = credential_epoch + 1
       where id = $1 and deletion_due_at <= now() and erased_at is null returning id`,
      [userId],
    );
    if (erased.length === 0) return;
    for (const statement of PERSONAL) await tx.query(statement, [userId]);
    await this.audit.record({ type: 'account.erased', userId }, null, tx);
  }
}
