import { Body, Controller, Get, HttpCode, Post, Req } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AppToken, UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { CredentialAccountResponse, mapCredentialAccount } from './account.dto.js';
import { mapRegistration, RegistrationBody, RegistrationResponse } from './registration.dto.js';
import { RegistrationService } from './registration.service.js';

/** Accounts as Mastodon's clients know them: registration, and who a token belongs to (contract.md §5.1, §8.4). */
@ApiTags('Accounts')
@Controller('api/v1/accounts')
export class AccountsController {
  constructor(
    private readonly registrations: RegistrationService,
    private readonly config: Config,
  ) {}

  @Post()
  @HttpCode(200)
  @AppToken('write:accounts', (config) => !config.registrations.require_app_token)
  @LimitedByAddress('account_registrations')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Register an account.' })
  @ApiOkResponse({
    type: RegistrationResponse,
    description: 'A token of the new person; or `manual_login_required` when no client asked.',
  })
  @ApiFailures(400, 401, 403, 422)
  async register(
    @Body() body: RegistrationBody,
    @Client() client: ClientInfo,
    @Req() { principal }: FastifyRequest,
  ): Promise<Partial<RegistrationResponse>> {
    return mapRegistration(this.config, await this.registrations.register(body, principal ?? null, client));
  }

  @Get('verify_credentials')
  @UserToken('read:accounts', 'profile')
  @ApiOperation({ summary: 'The account that an access token belongs to.' })
  @ApiOkResponse({ type: CredentialAccountResponse })
  @ApiFailures(401, 403)
  verify(@CallingUser() user: SignedInUser): CredentialAccountResponse {
    return mapCredentialAccount(this.config, user);
  }
}
