import { Module } from '@nestjs/common';
import { ApplicationsModule } from '../applications/applications.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { ConfirmationController } from './confirmation.controller.js';
import { ConfirmationService } from './confirmation.service.js';
import { RegistrationController } from './registration.controller.js';
import { RegistrationService } from './registration.service.js';
import { WelcomeService } from './welcome.service.js';

/** How people get an account. */
@Module({
  imports: [ApplicationsModule, AuditModule, JobsModule, LimitsModule, SessionsModule, UsersModule],
  controllers: [ConfirmationController, RegistrationController],
  providers: [ConfirmationService, WelcomeService, RegistrationService],
  exports: [ConfirmationService, WelcomeService, RegistrationService],
})
export class RegistrationModule {}
