import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { backoff, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { LimitsService } from '../limits/limits.service.js';
import { lockUser } from '../users/lock-user.js';
import { NoticesService } from '../users/notices.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { mayReset, PasswordResetService } from './password-reset.service.js';

const JOB = 'forgotten_password';

interface Payload {
  identifier: string;
  client: ClientInfo;
}

/**
 * Answers forgotten passwords. The request only writes a job, the same for everybody, so that neither its answer nor its
 * time tells whether there is such an account (contract.md §5.5); the job looks, and writes the mail.
 */
@Injectable()
export class ForgottenPasswordWorker implements OnModuleInit {
  constructor(
    private readonly jobs: JobsService,
    private readonly users: UsersService,
    private readonly resets: PasswordResetService,
    private readonly notices: NoticesService,
    private readonly limits: LimitsService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register<Payload>({
      name: JOB,
      concurrency: 2,
      run: (job) => this.answer(job),
      retryAfter: ({ attempts }) => (attempts < 20 ? backoff(attempts, 2, 300) : null),
    });
  }

  /** Takes the request down. */
  async request(identifier: string, client: ClientInfo): Promise<void> {
    const payload: Payload = { identifier, client };
    await this.jobs.enqueue({ kind: JOB, payload }, this.dataSource.manager);
  }

  private async answer(job: RunningJob<Payload>): Promise<void> {
    const { identifier, client } = job.payload;
    const user = await this.users.findByIdentifier(identifier);
    if (!user || user.email === null || !this.mayBeWritten(user)) return;
    if (!(await this.limits.mayMail('reset', user.email))) return;
    await this.dataSource.transaction(async (tx) => {
      // What was true a moment ago may not be so now.
      const present = await lockUser(user.id, tx);
      if (present?.email !== user.email || !this.mayBeWritten(present)) return;
      const token = await this.resets.issue(user, tx);
      await this.audit.record({ type: 'password.reset_requested', userId: user.id }, client, tx);
      await this.notices.tell('password_reset', user.id, client, tx, { token });
      await job.complete(tx);
    });
  }

  /** An address that nobody proved may be a typing error, and would hand the account to a stranger. */
  private mayBeWritten(user: User): boolean {
    return mayReset(user) && (user.emailVerifiedAt !== null || !this.config.confirmsEmail);
  }
}
