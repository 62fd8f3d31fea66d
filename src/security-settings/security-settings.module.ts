import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { FactorRecoveryModule } from '../factor-recovery/factor-recovery.module.js';
import { MfaModule } from '../mfa/mfa.module.js';
import { PasskeysModule } from '../passkeys/passkeys.module.js';
import { ProvidersModule } from '../providers/providers.module.js';
import { SsoLinksModule } from '../sso-links/sso-links.module.js';
import { UsersModule } from '../users/users.module.js';
import { ProviderSettingsController } from './provider-settings.controller.js';
import { SecurityScreenService } from './security-screen.service.js';
import { SecuritySettingsController } from './security-settings.controller.js';
import { TotpSetupScreen } from './totp-setup-screen.service.js';

/** The settings' screen of second factors; part of the built-in frontend. */
@Module({})
export class SecuritySettingsModule {
  /** `settings` is the module that the app has, not a second one of its kind. */
  static on(config: Config, settings: DynamicModule): DynamicModule {
    return {
      module: SecuritySettingsModule,
      imports: [
        FactorRecoveryModule,
        MfaModule,
        PasskeysModule,
        ProvidersModule,
        SsoLinksModule,
        settings,
        UsersModule,
      ],
      controllers: config.frontend.builtin ? [SecuritySettingsController, ProviderSettingsController] : [],
      providers: [SecurityScreenService, TotpSetupScreen],
    };
  }
}
