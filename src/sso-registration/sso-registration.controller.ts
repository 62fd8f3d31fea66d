import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { follow } from '../auth/browser-step.js';
import { Browser } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { clearFlowCookie, flowCookiesOf } from '../sso-flows/flow-cookie.js';
import { SsoRegistrationBody } from './sso-registration.dto.js';
import { SsoRegistrationService } from './sso-registration.service.js';

/** Registration of somebody whom a provider vouched for (contract.md §3.7.1). */
@ApiTags('Single sign-on')
@Controller('api/auth/sso/register')
export class SsoRegistrationController {
  constructor(
    private readonly registrations: SsoRegistrationService,
    private readonly config: Config,
  ) {}

  @Post()
  @Browser()
  @Speaks('login')
  @LimitedByAddress('account_registrations')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({
    summary: 'Choose a name, or prove the account that is yours; needs the `gh_flow_` cookie of that sign-in.',
  })
  @ApiFoundResponse({
    description: 'To the consent page with a `jwt` cookie, back to the page with `error`, or to the login page.',
  })
  @ApiFailures(400, 403)
  async decide(
    @Body() body: SsoRegistrationBody,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { config } = this;
    const { step, endedFlowId } = await this.registrations.decide(body, flowCookiesOf(request, config), client);
    if (endedFlowId !== null) clearFlowCookie(reply, config, endedFlowId);
    follow(reply, config, step);
  }
}
