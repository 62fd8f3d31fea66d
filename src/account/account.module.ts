import { Module } from '@nestjs/common';
import { ApplicationsModule } from '../applications/applications.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountsController } from './accounts.controller.js';
import { RegistrationService } from './registration.service.js';

/** What a person does with their account as a whole. */
@Module({
  imports: [ApplicationsModule, AuditModule, SessionsModule, UsersModule],
  controllers: [AccountsController],
  providers: [RegistrationService],
  exports: [RegistrationService],
})
export class AccountModule {}
