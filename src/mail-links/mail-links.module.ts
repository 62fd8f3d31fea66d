import { Module } from '@nestjs/common';
import { AccountModule } from '../account/account.module.js';
import { FactorRecoveryModule } from '../factor-recovery/factor-recovery.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { RegistrationModule } from '../registration/registration.module.js';
import { UsersModule } from '../users/users.module.js';
import { MailLinksController } from './mail-links.controller.js';
import { MailLinksService } from './mail-links.service.js';

/** What links in mails lead to. */
@Module({
  imports: [AccountModule, FactorRecoveryModule, MfaModule, RegistrationModule, UsersModule],
  controllers: [MailLinksController],
  providers: [MailLinksService],
})
export class MailLinksModule {}
