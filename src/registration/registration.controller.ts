import { Body, Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { AppToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { mapRegistration, RegistrationBody, RegistrationResponse } from './registration.dto.js';
import { RegistrationService } from './registration.service.js';

/** Registration as Mastodon's clients know it (contract.md §5.1). */
@ApiTags('Accounts')
@Controller('api/v1/accounts')
export class RegistrationController {
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
}
