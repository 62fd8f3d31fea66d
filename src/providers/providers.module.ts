import { Module } from '@nestjs/common';
import { OidcClient } from './oidc.client.js';

/** The configured OpenID providers. */
@Module({ providers: [OidcClient], exports: [OidcClient] })
export class ProvidersModule {}
