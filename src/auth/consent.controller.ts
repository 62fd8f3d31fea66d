import { Controller, Post, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiFoundResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CallingBrowser, type SignedInBrowser } from '../browsers/signed-in-browser.js';
import { MergedParameters, SignInStep } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { follow } from './browser-step.js';
import { ConsentParameters } from './consent.dto.js';
import { ConsentService } from './consent.service.js';

/** Consent, at the seed's route and at the one that Lysand's and Versia's real frontends post to (contract.md §3.5). */
@ApiTags('Frontend')
@Controller()
export class ConsentController {
  constructor(
    private readonly consents: ConsentService,
    private readonly config: Config,
  ) {}

  @Post(['api/auth/redirect', 'oauth/authorize'])
  @SignInStep()
  @ApiConsumes(...BODY_TYPES)
  @ApiBody({ type: ConsentParameters })
  @ApiOperation({ summary: 'Approve or deny what a client asks for; parameters stand in the query or the body.' })
  @ApiFoundResponse({
    description: 'To the registered redirect URI with `code`, `state` and `iss`, or with `error=access_denied`.',
  })
  @ApiFailures(400, 403)
  async decide(
    @MergedParameters() parameters: ConsentParameters,
    @CallingBrowser() browser: SignedInBrowser | null,
    @Client() client: ClientInfo,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    follow(reply, this.config, await this.consents.decide(parameters, browser, client));
  }
}
