import { Controller, HttpCode, Post, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { PublicKeyCredentialRequestOptionsJSON } from '@simplewebauthn/server';
import type { FastifyReply } from 'fastify';
import { Browser, MergedParameters, SignInStep } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Text } from '../common/fields.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress, LimitedByFailures } from '../limits/limited.js';
import { AuthorizationParameters } from '../oauth/authorization-request.js';
import { follow } from './browser-step.js';
import { PasskeySignInService } from './passkey-sign-in.service.js';

/** Parameters of `POST /api/auth/passkey`: an authorization request, and what the browser answered. */
export class PasskeySignInParameters extends AuthorizationParameters {
  @Text({ description: 'AuthenticationResponseJSON (WebAuthn Level 3 §5.5.1), as text.', max: 20_000, prose: true })
  response?: string;
}

/** Sign-in without a password; Gatehouse's own. */
@ApiTags('Frontend')
@Controller('api/auth/passkey')
export class PasskeySignInController {
  constructor(
    private readonly signIns: PasskeySignInService,
    private readonly config: Config,
  ) {}

  @Post('options')
  @HttpCode(200)
  @Browser()
  @Speaks('oauth')
  @LimitedByAddress('passkey_options')
  @ApiOperation({ summary: 'What `navigator.credentials.get` needs to sign in; good for five minutes, once.' })
  @ApiOkResponse({ description: 'PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3 §5.5.1).' })
  @ApiFailures(403)
  options(): Promise<PublicKeyCredentialRequestOptionsJSON> {
    return this.signIns.options();
  }

  @Post()
  @SignInStep()
  @LimitedByFailures('password_address')
  @ApiConsumes(...BODY_TYPES)
  @ApiQuery({ type: AuthorizationParameters })
  @ApiBody({ type: PasskeySignInParameters })
  @ApiOperation({ summary: 'Sign in by a passkey; the OAuth parameters stand in the query or the body.' })
  @ApiFoundResponse({ description: 'To the consent page with a `jwt` cookie, or to the login page with `error`.' })
  @ApiFailures(400, 403)
  async signIn(
    @MergedParameters() { response = '', ...parameters }: PasskeySignInParameters,
    @Client() client: ClientInfo,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    follow(reply, this.config, await this.signIns.signIn(parameters, response, client));
  }
}
