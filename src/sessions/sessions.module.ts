import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { MailModule } from '../mail/mail.module.js';
import { UsersModule } from '../users/users.module.js';
import { LastUse } from './last-use.js';
import { NewNetworkWorker } from './new-network.worker.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsPurge } from './sessions.purge.js';
import { SessionsService } from './sessions.service.js';
import { StepUpService } from './step-up.service.js';

/** Grants to clients, and the tokens that descend from them. */
@Module({
  imports: [AuditModule, JobsModule, MailModule, UsersModule],
  controllers: [SessionsController],
  providers: [SessionsService, StepUpService, NewNetworkWorker, SessionsPurge, LastUse],
  exports: [SessionsService, StepUpService],
})
export class SessionsModule {}
