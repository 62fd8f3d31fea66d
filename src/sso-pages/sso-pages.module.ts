import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { placedAt } from '../pages/placed-at.js';
import { ProvidersModule } from '../providers/providers.module.js';
import { SsoLinksModule } from '../sso-links/sso-links.module.js';
import { SsoRegistrationModule } from '../sso-registration/sso-registration.module.js';
import { SsoLinkPageController } from './sso-link.controller.js';
import { SsoRegisterPageController } from './sso-register.controller.js';

/** The built-in pages of single sign-on, where the operator has not put others. */
@Module({})
export class SsoPagesModule {
  static on({ frontend: { builtin, routes } }: Config): DynamicModule {
    return {
      module: SsoPagesModule,
      imports: [ProvidersModule, SsoLinksModule, SsoRegistrationModule],
      controllers: builtin
        ? [placedAt(routes.sso_register, SsoRegisterPageController), placedAt(routes.sso_link, SsoLinkPageController)]
        : [],
    };
  }
}
