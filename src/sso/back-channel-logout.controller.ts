import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ClientCredentials } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { SsoSessionsService } from '../identities/sso-sessions.service.js';
import { LimitedByFailures } from '../limits/limited.js';
import { LimitsService } from '../limits/limits.service.js';
import { OidcClient } from '../providers/oidc.client.js';
import { findProvider } from '../providers/provider.js';
import { ProviderTrouble } from '../providers/provider-trouble.js';
import { BackChannelLogoutBody } from './sso.dto.js';

/** Where a provider tells that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0). */
@ApiTags('Single sign-on')
@Controller('oauth/sso')
export class BackChannelLogoutController {
  constructor(
    private readonly oidc: OidcClient,
    private readonly sessions: SsoSessionsService,
    private readonly limits: LimitsService,
    private readonly config: Config,
  ) {}

  @Post(':issuer/backchannel-logout')
  @HttpCode(200)
  @ClientCredentials({ cors: false })
  @Speaks('oauth')
  @LimitedByFailures('token_failures')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'For providers: end the sessions that began by a sign-in there.' })
  @ApiOkResponse({ description: 'Ended, or nothing was there to end.' })
  @ApiFailures(400, 404, 503)
  async end(
    @Param('issuer') issuer: string,
    @Body() { logout_token: token }: BackChannelLogoutBody,
    @Client() client: ClientInfo,
  ): Promise<object> {
    const provider = findProvider(this.config, issuer);
    if (!provider) throw new Refusal('not_found');
    const request = await this.limits.countFailures('token_failures', client.ip, async () => {
      try {
        return await this.oidc.readLogoutToken(provider, token);
      } catch (error) {
        if (!(error instanceof ProviderTrouble)) throw error;
        if (error.kind === 'unavailable') throw new Refusal('unavailable', undefined, { cause: error });
        // §2.8: with status 400
        throw new Refusal('invalid_request', 'The logout token is not valid');
      }
    });
    await this.sessions.end(request, client);
    return {};
  }
}
