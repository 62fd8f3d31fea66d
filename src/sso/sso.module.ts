import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { IdentitiesModule } from '../identities/identities.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { RegistrationModule } from '../registration/registration.module.js';
import { SsoFlowsModule } from '../sso-flows/sso-flows.module.js';
import { SsoLinksModule } from '../sso-links/sso-links.module.js';
import { SsoRegistrationModule } from '../sso-registration/sso-registration.module.js';
import { UsersModule } from '../users/users.module.js';
import { BackChannelLogoutController } from './back-channel-logout.controller.js';
import { SsoCallbackService } from './sso-callback.service.js';
import { SsoController } from './sso.controller.js';
import { SsoSignInService } from './sso-sign-in.service.js';
import { SsoStartService } from './sso-start.service.js';

/** The side door: an external OpenID provider vouches for a person, and never decides who they are. */
@Module({
  imports: [
    AuditModule,
    IdentitiesModule,
    LimitsModule,
    OAuthModule,
    RegistrationModule,
    SsoFlowsModule,
    SsoLinksModule,
    SsoRegistrationModule,
    UsersModule,
  ],
  controllers: [SsoController, BackChannelLogoutController],
  providers: [SsoStartService, SsoCallbackService, SsoSignInService],
})
export class SsoModule {}
