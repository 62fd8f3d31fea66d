import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { JWK } from 'jose';
import { SigningKeysService } from '../browsers/signing-keys.service.js';
import { Open } from '../common/access.js';
import { Cacheable } from '../common/route-config.js';
import { KNOWN_SCOPES } from '../common/scopes.js';
import { Config } from '../config/config.js';

/** Where generic OAuth clients find everything (contract.md §2.9); never shaped by `Host`. */
@ApiTags('Discovery')
@Controller()
export class WellKnownController {
  constructor(
    private readonly config: Config,
    private readonly keys: SigningKeysService,
  ) {}

  @Get('.well-known/oauth-authorization-server')
  @Open()
  @Cacheable()
  @ApiOperation({ summary: 'Authorization server metadata (RFC 8414).' })
  @ApiOkResponse({ schema: { type: 'object', additionalProperties: true } })
  metadata(): Record<string, unknown> {
    const { config } = this;
    return {
      issuer: config.publicUrl,
      authorization_endpoint: config.url('/oauth/authorize'),
      token_endpoint: config.url('/oauth/token'),
      revocation_endpoint: config.url('/oauth/revoke'),
      introspection_endpoint: config.url('/oauth/introspect'),
      userinfo_endpoint: config.url('/oauth/userinfo'),
      jwks_uri: config.url('/.well-known/jwks.json'),
      app_registration_endpoint: config.url('/api/v1/apps'),
      service_documentation: config.url('/docs'),
      scopes_supported: KNOWN_SCOPES,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: [
        'authorization_code',
        'refresh_token',
        'client_credentials',
        ...(config.takesPasswordGrant ? ['password'] : []),
      ],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    };
  }

  @Get(['.well-known/jwks.json', '.well-known/jwks'])
  @Open()
  @Cacheable()
  @ApiOperation({ summary: 'Public keys of the `jwt` cookie: the current one and retiring ones (RFC 7517).' })
  @ApiOkResponse({
    schema: { example: { keys: [{ kty: 'OKP', crv: 'Ed25519', use: 'sig', alg: 'EdDSA', kid: '…', x: '…' }] } },
  })
  async jwks(): Promise<{ keys: JWK[] }> {
    return { keys: await this.keys.publicJwks() };
  }

  @Get('robots.txt')
  @Open()
  @Cacheable()
  @Header('Content-Type', 'text/plain; charset=utf-8')
  @ApiOperation({ summary: 'What crawlers leave alone.' })
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' } } } })
  robots(): string {
    return 'User-agent: *\nDisallow: /oauth/\nDisallow: /auth/\nDisallow: /api/\n';
  }
}
