import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { UsersModule } from '../users/users.module.js';
import { FactorRecoveryController } from './factor-recovery.controller.js';
import { FactorRecoveryService } from './factor-recovery.service.js';

/** The way back for who has lost every second factor. */
@Module({
  imports: [AuditModule, JobsModule, MfaModule, UsersModule],
  controllers: [FactorRecoveryController],
  providers: [FactorRecoveryService],
  exports: [FactorRecoveryService],
})
export class FactorRecoveryModule {}
