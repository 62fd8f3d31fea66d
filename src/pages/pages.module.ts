import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { LimitsModule } from '../limits/limits.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { RegistrationModule } from '../registration/registration.module.js';
import { RecoveryModule } from '../recovery/recovery.module.js';
import { ProvidersModule } from '../providers/providers.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { HomeController } from './home.controller.js';
import { placedAt } from './placed-at.js';
import { LoginRequestsService } from './login-requests.service.js';
import { PasswordResetController } from './password-reset.controller.js';
import { ReactivatePageController } from './reactivate.controller.js';
import { RegisterController } from './register.controller.js';
import { SecondFactorPageController } from './second-factor.controller.js';
import { CodePageController, ConsentPageController, LoginPageController } from './sign-in.controller.js';

/** The built-in frontend, where the operator has not put another one. */
@Module({})
export class PagesModule {
  static on({ frontend: { builtin, routes } }: Config): DynamicModule {
    return {
      module: PagesModule,
      imports: [AuthModule, LimitsModule, OAuthModule, ProvidersModule, RecoveryModule, RegistrationModule],
      controllers: builtin
        ? [
            placedAt(routes.home, HomeController),
            placedAt(routes.login, LoginPageController),
            placedAt(routes.consent, ConsentPageController),
            placedAt(routes.mfa, SecondFactorPageController),
            placedAt(routes.code, CodePageController),
            placedAt(routes.reactivate, ReactivatePageController),
            placedAt(routes.register, RegisterController),
            placedAt(routes.password_reset, PasswordResetController),
          ]
        : [],
      providers: [LoginRequestsService],
    };
  }
}
