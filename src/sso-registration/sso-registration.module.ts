import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { IdentitiesModule } from '../identities/identities.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { RegistrationModule } from '../registration/registration.module.js';
import { UsersModule } from '../users/users.module.js';
import { SsoRegistrationController } from './sso-registration.controller.js';
import { SsoRegistration } from './sso-registration.entity.js';
import { SsoRegistrationService } from './sso-registration.service.js';
import { SsoRegistrationsService } from './sso-registrations.service.js';
import { VouchedSignInService } from './vouched-sign-in.service.js';

/** How somebody whom a provider vouches for becomes somebody here. */
@Module({
  imports: [
    TypeOrmModule.forFeature([SsoRegistration]),
    AuditModule,
    AuthModule,
    IdentitiesModule,
    MfaModule,
    OAuthModule,
    RegistrationModule,
    UsersModule,
  ],
  controllers: [SsoRegistrationController],
  providers: [SsoRegistrationsService, SsoRegistrationService, VouchedSignInService],
  exports: [SsoRegistrationsService, SsoRegistrationService, VouchedSignInService],
})
export class SsoRegistrationModule {}
