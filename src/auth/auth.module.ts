import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountModule } from '../account/account.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { BrowsersModule } from '../browsers/browsers.module.js';
import { FactorRecoveryModule } from '../factor-recovery/factor-recovery.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { PasskeysModule } from '../passkeys/passkeys.module.js';
import { RecoveryModule } from '../recovery/recovery.module.js';
import { RegistrationModule } from '../registration/registration.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { ConsentController } from './consent.controller.js';
import { ConsentService } from './consent.service.js';
import { LoginController } from './login.controller.js';
import { LoginService } from './login.service.js';
import { PasskeySignInController } from './passkey-sign-in.controller.js';
import { PasskeySignInService } from './passkey-sign-in.service.js';
import { PendingSignIn } from './pending-sign-in.entity.js';
import { PendingSignInsService } from './pending-sign-ins.service.js';
import { ReactivationController } from './reactivation.controller.js';
import { ReactivationService } from './reactivation.service.js';
import { SecondFactorStepController } from './second-factor-step.controller.js';
import { SecondFactorStepService } from './second-factor-step.service.js';
import { SignInService } from './sign-in.service.js';

/** The front door: password, reactivation and consent. */
@Module({
  imports: [
    TypeOrmModule.forFeature([PendingSignIn]),
    AccountModule,
    AuditModule,
    BrowsersModule,
    FactorRecoveryModule,
    LimitsModule,
    MfaModule,
    OAuthModule,
    PasskeysModule,
    RecoveryModule,
    RegistrationModule,
    SessionsModule,
    UsersModule,
  ],
  controllers: [
    LoginController,
    ReactivationController,
    SecondFactorStepController,
    ConsentController,
    PasskeySignInController,
  ],
  providers: [
    LoginService,
    SignInService,
    ReactivationService,
    SecondFactorStepService,
    PendingSignInsService,
    ConsentService,
    PasskeySignInService,
  ],
  exports: [LoginService, PasskeySignInService, SecondFactorStepService, SignInService],
})
export class AuthModule {}
