import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApplicationsModule } from '../applications/applications.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { Captcha } from './captcha.entity.js';
import { CaptchaController } from './captcha.controller.js';
import { CaptchasService } from './captchas.service.js';
import { ConfirmationController } from './confirmation.controller.js';
import { ConfirmationService } from './confirmation.service.js';
import { RegistrationController } from './registration.controller.js';
import { RegistrationService } from './registration.service.js';
import { WelcomeService } from './welcome.service.js';

/** How people get an account. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Captcha]),
    ApplicationsModule,
    AuditModule,
    JobsModule,
    LimitsModule,
    SessionsModule,
    UsersModule,
  ],
  controllers: [CaptchaController, ConfirmationController, RegistrationController],
  providers: [CaptchasService, ConfirmationService, WelcomeService, RegistrationService],
  exports: [CaptchasService, ConfirmationService, WelcomeService, RegistrationService],
})
export class RegistrationModule {}
