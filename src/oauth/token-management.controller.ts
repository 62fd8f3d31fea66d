import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBasicAuth, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { ClientCredential } from '../applications/applications.service.js';
import { ClientCredentials } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { Credential } from './client-credential.js';
import { IntrospectionResponse, mapIntrospection, TokenReferenceBody } from './token-management.dto.js';
import { TokenManagementService } from './token-management.service.js';

/** What clients may do with tokens they hold (contract.md §2.7, §2.8). */
@ApiTags('OAuth')
@Speaks('oauth')
@Controller('oauth')
export class TokenManagementController {
  constructor(
    private readonly tokens: TokenManagementService,
    private readonly config: Config,
  ) {}

  @Post('revoke')
  @HttpCode(200)
  @ClientCredentials({ cors: true })
  @LimitedByAddress('token_requests')
  @ApiBasicAuth()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'End the session that a token belongs to (RFC 7009).' })
  @ApiOkResponse({ description: 'Ended, or there was nothing to end.', schema: { example: {} } })
  @ApiFailures(400, 401)
  async revoke(
    @Body() { token }: TokenReferenceBody,
    @Credential() credential: ClientCredential,
    @Client() client: ClientInfo,
  ): Promise<object> {
    await this.tokens.revoke(credential, token, client);
    return {};
  }

  @Post('introspect')
  @HttpCode(200)
  @ClientCredentials({ cors: false })
  @LimitedByAddress('token_requests')
  @ApiBasicAuth()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Ask what an access token of this client stands for (RFC 7662).' })
  @ApiOkResponse({ type: IntrospectionResponse })
  @ApiFailures(400, 401)
  async introspect(
    @Body() { token }: TokenReferenceBody,
    @Credential() credential: ClientCredential,
    @Client() client: ClientInfo,
  ): Promise<IntrospectionResponse> {
    return mapIntrospection(this.config, await this.tokens.introspect(credential, token, client));
  }
}
