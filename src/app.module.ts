import { type DynamicModule, Module } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { LoggerModule } from 'nestjs-pino';
import type { Logger } from 'pino';
import { AccessModule } from './access/access.module.js';
import { AccountModule } from './account/account.module.js';
import { AccountsModule } from './accounts/accounts.module.js';
import { AuthModule } from './auth/auth.module.js';
import { BackupsModule } from './backups/backups.module.js';
import { CommonModule } from './common/common.module.js';
import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { DatabaseModule } from './database/database.module.js';
import { ENTITIES } from './entities.js';
import { FrontendConfigModule } from './frontend-config/frontend-config.module.js';
import { MailLinksModule } from './mail-links/mail-links.module.js';
import { MailModule } from './mail/mail.module.js';
import { ImportSettingsModule } from './import-settings/import-settings.module.js';
import { ImportWorkModule } from './import-work/import-work.module.js';
import { ImportRoutesModule } from './import-routes/import-routes.module.js';
import { InstanceModule } from './instance/instance.module.js';
import { SERIALIZERS } from './logging.js';
import { FactorRecoveryModule } from './factor-recovery/factor-recovery.module.js';
import { MfaModule } from './mfa/mfa.module.js';
import { OAuthModule } from './oauth/oauth.module.js';
import { PagesModule } from './pages/pages.module.js';
import { RegistrationModule } from './registration/registration.module.js';
import { SecuritySettingsModule } from './security-settings/security-settings.module.js';
import { SessionsModule } from './sessions/sessions.module.js';
import { SettingsModule } from './settings/settings.module.js';
import { SsoModule } from './sso/sso.module.js';
import { SsoPagesModule } from './sso-pages/sso-pages.module.js';

/** The whole house: its rooms, which `nest generate` adds to, on one configuration and one database. */
@Module({
  imports: [
    CommonModule,
    MailModule,
    AccessModule,
    SessionsModule,
    AccountModule,
    AccountsModule,
    BackupsModule,
    RegistrationModule,
    InstanceModule,
    FrontendConfigModule,
    MailLinksModule,
    MfaModule,
    FactorRecoveryModule,
    ImportWorkModule,
    ImportRoutesModule,
    OAuthModule,
    AuthModule,
    SsoModule,
  ],
})
export class AppModule {
  static on(config: Config, databaseUrl: string, log: Logger, queryLimitMs?: number): DynamicModule {
    const settings = SettingsModule.on(config);
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(config),
        DatabaseModule.at(databaseUrl, ENTITIES, queryLimitMs),
        ScheduleModule.forRoot(),
        // Requests are logged by a hook, after the answer: middleware would cost every request more.
        LoggerModule.forRoot({
          pinoHttp: { logger: log, serializers: SERIALIZERS, wrapSerializers: false },
          forRoutes: [],
        }),
        PagesModule.on(config),
        SsoPagesModule.on(config),
        settings,
        SecuritySettingsModule.on(config, settings),
        ImportSettingsModule.on(config, settings),
      ],
    };
  }
}
