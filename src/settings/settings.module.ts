import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { SettingsController } from './settings.controller.js';
import { SettingsSignInService } from './settings-sign-in.service.js';

/** Where a person manages their account, as a client of our own front door; part of the built-in frontend. */
@Module({})
export class SettingsModule {
  static on({ frontend }: Config): DynamicModule {
    return {
      module: SettingsModule,
      imports: [OAuthModule, SessionsModule],
      controllers: frontend.builtin ? [SettingsController] : [],
      providers: [SettingsSignInService],
    };
  }
}
