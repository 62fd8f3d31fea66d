import { Controller, type DynamicModule, Module, type Type } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { LimitsModule } from '../limits/limits.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { RegistrationModule } from '../registration/registration.module.js';
import { RecoveryModule } from '../recovery/recovery.module.js';
import { AuthModule } from '../auth/auth.module.js';
import { HomeController } from './home.controller.js';
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
      imports: [AuthModule, LimitsModule, OAuthModule, RecoveryModule, RegistrationModule],
      controllers: builtin
        ? [
            at(routes.home, HomeController),
            at(routes.login, LoginPageController),
            at(routes.consent, ConsentPageController),
            at(routes.mfa, SecondFactorPageController),
            at(routes.code, CodePageController),
            at(routes.reactivate, ReactivatePageController),
            at(routes.register, RegisterController),
            at(routes.password_reset, PasswordResetController),
          ]
        : [],
      providers: [LoginRequestsService],
    };
  }
}

/** The controller at a configured path: a class of its own, so that two applications in one process may differ. */
function at(path: string, controller: Type<object>): Type<object> {
  const placed = class extends controller {};
  Object.defineProperty(placed, 'name', { value: controller.name });
  Controller(path)(placed);
  return placed;
}
