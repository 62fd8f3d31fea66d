import { Body, Controller, Post, Res } from '@nestjs/common';
import { ApiConsumes, ApiFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { follow } from '../auth/browser-step.js';
import { Browser } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { setFlowCookie } from '../sso-flows/flow-cookie.js';
import { SsoLinkStepService } from './sso-link-step.service.js';
import { LinkStepBody } from './sso-links.dto.js';

/** The form that asks who wishes to link an identity (contract.md §3.8.2). */
@ApiTags('Single sign-on')
@Controller('api/auth/sso/link')
export class SsoLinkStepController {
  constructor(
    private readonly steps: SsoLinkStepService,
    private readonly config: Config,
  ) {}

  @Post()
  @Browser()
  @Speaks('oauth')
  @LimitedByAddress('sso_starts')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Show who you are, and go on to the provider whose identity is to be linked.' })
  @ApiFoundResponse({ description: 'To the provider, back to the page with `error`, or to the home page.' })
  @ApiFailures(400, 403)
  async submit(@Body() body: LinkStepBody, @Client() client: ClientInfo, @Res() reply: FastifyReply): Promise<void> {
    const { location, cookie } = await this.steps.submit(body, client);
    if (cookie) setFlowCookie(reply, this.config, cookie);
    follow(reply, this.config, { location });
  }
}
