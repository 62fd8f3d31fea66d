import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountActionsController } from './account-actions.controller.js';
import { AccountEndingService } from './account-ending.service.js';
import { ChangeEmailService } from './change-email.service.js';
import { ChangePasswordService } from './change-password.service.js';
import { ErasureWorker } from './erasure.worker.js';
import { LaterController } from './later.controller.js';
import { SecurityEventsController } from './security-events.controller.js';

/** What a person does with their account as a whole. */
@Module({
  imports: [AuditModule, JobsModule, LimitsModule, MfaModule, SessionsModule, UsersModule],
  controllers: [AccountActionsController, SecurityEventsController, LaterController],
  providers: [AccountEndingService, ChangeEmailService, ChangePasswordService, ErasureWorker],
  exports: [AccountEndingService, ChangeEmailService, ChangePasswordService],
})
export class AccountModule {}
