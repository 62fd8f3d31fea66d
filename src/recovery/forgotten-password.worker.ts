import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { backoff, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { LimitsService } from '../limits/limits.service.js';
import { NoticesService } from '../users/notices.service.js';
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
    const { email = null } = user ?? {};
    if (!user || email === null || !mayReset(user)) return;
    // An address that nobody proved may be a typing error, and would hand the account to a stranger.
    if (this.config.confirmsEmail && user.emailVerifiedAt === null) return;
    if (!(await this.limits.mayMail('reset', email))) return;
    await this.dataSource.transaction(async (tx) => {
      const token = await this.resets.issue(user, tx);
      await this.audit.record({ type: 'password.reset_requested', userId: user.id }, client, tx);
      await this.notices.tell('password_reset', user.id, client, tx, { token });
      await job.complete(tx);
    });
  }
}
