import { type DynamicModule, Module } from '@nestjs/common';
import { AccountModule } from '../account/account.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { BackupsModule } from '../backups/backups.module.js';
import type { Config } from '../config/config.js';
import { IdentitiesModule } from '../identities/identities.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { ProvidersModule } from '../providers/providers.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AccountScreenService } from './account-screen.service.js';
import { AccountSettingsController } from './account-settings.controller.js';
import { JournalSettingsController } from './journal-settings.controller.js';
import { SettingsController } from './settings.controller.js';
import { SettingsGate } from './settings-gate.js';
import { SettingsSignInService } from './settings-sign-in.service.js';

/** Where a person manages their account, as a client of our own front door; part of the built-in frontend. */
@Module({})
export class SettingsModule {
  static on({ frontend }: Config): DynamicModule {
    return {
      module: SettingsModule,
      imports: [
        AccountModule,
        AuditModule,
        BackupsModule,
        IdentitiesModule,
        OAuthModule,
        ProvidersModule,
        SessionsModule,
        UsersModule,
      ],
      controllers: frontend.builtin ? [SettingsController, AccountSettingsController, JournalSettingsController] : [],
      providers: [SettingsGate, SettingsSignInService, AccountScreenService],
      exports: [SettingsGate],
    };
  }
}
