import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBasicAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { ClientCredential } from '../applications/applications.service.js';
import { ClientCredentials } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { NoHttp10Cache, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { Credential } from './client-credential.js';
import { mapToken, TokenResponse } from '../sessions/token.dto.js';
import { TokenBody } from './token.dto.js';
import { TokenService } from './token.service.js';

/** The token endpoint (RFC 6749 §3.2; contract.md §2.5). */
@ApiTags('OAuth')
@Speaks('oauth')
@Controller('oauth')
export class TokenController {
  constructor(
    private readonly tokens: TokenService,
    private readonly config: Config,
  ) {}

  @Post('token')
  @HttpCode(200)
  @ClientCredentials({ cors: true })
  @LimitedByAddress('token_requests')
  @NoHttp10Cache()
  @ApiBasicAuth()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Exchange a code, a refresh token or client credentials for tokens.' })
  @ApiOkResponse({ type: TokenResponse })
  @ApiFailures(400, 401)
  async issue(
    @Credential() credential: ClientCredential,
    @Body() body: TokenBody,
    @Client() client: ClientInfo,
  ): Promise<TokenResponse> {
    return mapToken(this.config, await this.tokens.issue(credential, body, client));
  }
}
