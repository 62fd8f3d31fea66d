import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { UsersModule } from '../users/users.module.js';
import { ForgottenPasswordWorker } from './forgotten-password.worker.js';
import { PasswordResetService } from './password-reset.service.js';
import { RecoveryController } from './recovery.controller.js';
import { ResetFormService } from './reset-form.service.js';

/** Forgotten passwords. */
@Module({
  imports: [AuditModule, JobsModule, LimitsModule, UsersModule],
  controllers: [RecoveryController],
  providers: [ForgottenPasswordWorker, PasswordResetService, ResetFormService],
  exports: [ForgottenPasswordWorker, PasswordResetService],
})
export class RecoveryModule {}
