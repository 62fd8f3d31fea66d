import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { backoff, type RunningJob } from '../jobs/job-kind.js';
import { JobsService } from '../jobs/jobs.service.js';
import { MailService } from '../mail/mail.service.js';

/** The kind of the jobs that tell of a sign-in from a network that is new for the person; issuing a session enqueues them. */
export const NEW_NETWORK_JOB = 'new_network';

interface Payload {
  sessionId: number;
}

interface SignIn {
  userId: string;
  username: string;
  email: string | null;
  app: string;
  at: Date;
  ip: string | null;
  userAgent: string | null;
}

/**
 * Tells people of sign-ins from networks that are new for them, but for their very first (contract.md §2.5). Issuing a
 * session only writes the job: a statement that could write the mail would cost every sign-in what few of them need.
 */
@Injectable()
export class NewNetworkWorker implements OnModuleInit {
  constructor(
    private readonly jobs: JobsService,
    private readonly mail: MailService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    this.jobs.register<Payload>({
      name: NEW_NETWORK_JOB,
      concurrency: 2,
      run: (job) => this.tell(job),
      retryAfter: ({ attempts }) => backoff(attempts, 5, 600),
    });
  }

  private async tell(job: RunningJob<Payload>): Promise<void> {
    const signIn = await this.find(job.payload);
    if (!signIn) return;
    const { userId, username, email, app, at, ip, userAgent } = signIn;
    await this.dataSource.transaction(async (tx) => {
      const facts = { username, app, at: at.toISOString(), ip, userAgent };
      await this.mail.send({ template: 'new_sign_in', to: email, userId, facts }, tx);
      await job.complete(tx);
    });
  }

  private async find({ sessionId }: Payload): Promise<SignIn | null> {
    const [row] = await this.dataSource.query(
      `select u.id as "userId", u.username, u.email, a.name as app, s.created_at as at, s.ip, s.user_agent as "userAgent"
       from session s join "user" u on u.id = s.user_id join application a on a.id = s.application_id
       where s.id = $1`,
      [sessionId],
    );
    return row ?? null;
  }
}
