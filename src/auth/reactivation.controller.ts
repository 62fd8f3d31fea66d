import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Browser } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Text } from '../common/fields.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { follow } from './browser-step.js';
import { ReactivationService } from './reactivation.service.js';
import { readStepCookie } from './step-cookie.js';

/** Body of `POST /api/auth/reactivate` (contract.md §3.9). */
export class ReactivationBody {
  @Text({ description: 'Of the URL that the sign-in led to.' })
  reactivation_token?: string;
}

/** The step back into an account that was disabled or deleted (contract.md §3.9). */
@ApiTags('Frontend')
@Controller('api/auth')
export class ReactivationController {
  constructor(
    private readonly reactivations: ReactivationService,
    private readonly config: Config,
  ) {}

  @Post('reactivate')
  @Browser()
  @Speaks('login')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Bring the account back and go on signing in; needs the `gh_mfa` cookie of that sign-in.' })
  @ApiFoundResponse({ description: 'To the consent page with a `jwt` cookie, or to the login page with `error`.' })
  @ApiFailures(400, 403)
  async reactivate(
    @Body() { reactivation_token: token = '' }: ReactivationBody,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const cookie = readStepCookie(request, this.config);
    follow(reply, this.config, await this.reactivations.reactivate(token, cookie, client));
  }
}
