import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApplicationsModule } from '../applications/applications.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { FactorRecoveryModule } from '../factor-recovery/factor-recovery.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AppsController } from './apps.controller.js';
import { AppsService } from './apps.service.js';
import { AuthorizationCode } from './authorization-code.entity.js';
import { AuthorizationCodesService } from './authorization-codes.service.js';
import { AuthorizationRequests } from './authorization-request.js';
import { MfaChallengeController } from './mfa-challenge.controller.js';
import { MfaChallenge } from './mfa-challenge.entity.js';
import { MfaChallengesService } from './mfa-challenges.service.js';
import { PasswordGrantService } from './password-grant.service.js';
import { TokenController } from './token.controller.js';
import { TokenManagementController } from './token-management.controller.js';
import { TokenManagementService } from './token-management.service.js';
import { TokenService } from './token.service.js';
import { UserinfoController } from './userinfo.controller.js';

/** The OAuth server as clients meet it: registration, authorization requests, codes, tokens. */
@Module({
  imports: [
    TypeOrmModule.forFeature([AuthorizationCode, MfaChallenge]),
    ApplicationsModule,
    AuditModule,
    FactorRecoveryModule,
    LimitsModule,
    MfaModule,
    SessionsModule,
    UsersModule,
  ],
  controllers: [AppsController, TokenController, MfaChallengeController, TokenManagementController, UserinfoController],
  providers: [
    AppsService,
    AuthorizationCodesService,
    AuthorizationRequests,
    TokenService,
    PasswordGrantService,
    MfaChallengesService,
    TokenManagementService,
  ],
  exports: [
    AppsService,
    AuthorizationCodesService,
    AuthorizationRequests,
    TokenService,
    TokenManagementService,
    ApplicationsModule,
  ],
})
export class OAuthModule {}
