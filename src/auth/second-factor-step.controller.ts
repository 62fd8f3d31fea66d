import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { ApiConsumes, ApiFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { PublicKeyCredentialRequestOptionsJSON } from '@simplewebauthn/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Browser, MergedParameters } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { QueryOrBody, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { follow } from './browser-step.js';
import { PendingSignInBody, SecondFactorParameters } from './second-factor-step.dto.js';
import { SecondFactorStepService } from './second-factor-step.service.js';
import { readStepCookie } from './step-cookie.js';

/** The second factor of a sign-in (contract.md §3.4). */
@ApiTags('Frontend')
@Browser()
@Speaks('login')
@Controller('api/auth/mfa')
export class SecondFactorStepController {
  constructor(
    private readonly steps: SecondFactorStepService,
    private readonly config: Config,
  ) {}

  @Post()
  @QueryOrBody()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Show the second factor; needs the `gh_mfa` cookie of the sign-in.' })
  @ApiFoundResponse({ description: 'To the consent page with a `jwt` cookie, or back to the page with `error`.' })
  @ApiFailures(400, 403, 429)
  async submit(
    @MergedParameters() { mfa_token: token = '', code, response, challenge_type: type }: SecondFactorParameters,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const shown = { type: type ?? 'totp', value: (type === 'webauthn' ? response : code) ?? '' };
    follow(reply, this.config, await this.steps.submit(token, readStepCookie(request, this.config), shown, client));
  }

  @Post('recovery')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Say that every factor is lost: a mail asks whether it was you, and a long wait begins.' })
  @ApiFoundResponse({ description: 'Back to the page, with `recovery=requested`.' })
  @ApiFailures(400, 403)
  async requestRecovery(
    @Body() { mfa_token: token = '' }: PendingSignInBody,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const step = await this.steps.requestRecovery(token, readStepCookie(request, this.config), client);
    follow(reply, this.config, step);
  }

  @Post('passkey_options')
  @HttpCode(200)
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'What `navigator.credentials.get` needs to answer with a passkey.' })
  @ApiOkResponse({ description: 'PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3 §5.5.1).' })
  @ApiFailures(400, 403)
  passkeyOptions(
    @Body() { mfa_token: token = '' }: PendingSignInBody,
    @Req() request: FastifyRequest,
  ): Promise<PublicKeyCredentialRequestOptionsJSON> {
    return this.steps.passkeyOptions(token, readStepCookie(request, this.config));
  }
}
