import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBasicAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApplicationsService, type ClientCredential } from '../applications/applications.service.js';
import { ClientCredentials } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { NoHttp10Cache, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { mapToken, TokenResponse } from '../sessions/token.dto.js';
import { Credential } from './client-credential.js';
import { PasswordGrantService } from './password-grant.service.js';
import { MfaChallengeBody } from './token.dto.js';

/** The second half of a password grant (Pleroma; contract.md §2.6). */
@ApiTags('OAuth')
@Speaks('challenge')
@Controller('oauth/mfa')
export class MfaChallengeController {
  constructor(
    private readonly applications: ApplicationsService,
    private readonly grants: PasswordGrantService,
    private readonly config: Config,
  ) {}

  @Post('challenge')
  @HttpCode(200)
  @ClientCredentials({ cors: true })
  @LimitedByAddress('token_requests')
  @NoHttp10Cache()
  @ApiBasicAuth()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Exchange an `mfa_token` and a code for tokens.' })
  @ApiOkResponse({ type: TokenResponse })
  @ApiFailures(400, 403)
  async answer(
    @Credential() credential: ClientCredential,
    @Body() { mfa_token: token, code, challenge_type: type }: MfaChallengeBody,
    @Client() client: ClientInfo,
  ): Promise<TokenResponse> {
    const application = await this.applications.authenticate(credential);
    return mapToken(this.config, await this.grants.answer(application, { token, code, type }, client));
  }
}
