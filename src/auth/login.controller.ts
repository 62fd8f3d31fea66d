import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiFoundResponse,
  ApiNoContentResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { CallingBrowser, type SignedInBrowser } from '../browsers/signed-in-browser.js';
import { Browser, MergedParameters, SignInStep } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import type { Parameters } from '../common/parameters.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByFailures } from '../limits/limited.js';
import { AuthorizationParameters } from '../oauth/authorization-request.js';
import { follow } from './browser-step.js';
import { LoginBody } from './login.dto.js';
import { LoginService } from './login.service.js';

/** Sign-in by forms of any frontend (Lysand's Frontend API; contract.md §3.3, §3.9). */
@ApiTags('Frontend')
@Controller('api/auth')
export class LoginController {
  constructor(
    private readonly logins: LoginService,
    private readonly config: Config,
  ) {}

  @Post('login')
  @SignInStep()
  @LimitedByFailures('password_address')
  @ApiConsumes(...BODY_TYPES)
  @ApiQuery({ type: AuthorizationParameters })
  @ApiBody({ type: LoginBody })
  @ApiOperation({ summary: 'Sign in by password; the OAuth parameters stand in the query or the body.' })
  @ApiFoundResponse({
    description:
      'To the consent page with a `jwt` cookie, or back to the login page with `error` and `error_description`.',
  })
  @ApiFailures(400, 403, 422)
  async signIn(
    @MergedParameters() parameters: AuthorizationParameters,
    @Body() body: Parameters,
    @Client() client: ClientInfo,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    follow(reply, this.config, await this.logins.signIn(parameters, body, client));
  }

  @Post('continue')
  @SignInStep()
  @ApiConsumes(...BODY_TYPES)
  @ApiQuery({ type: AuthorizationParameters })
  @ApiOperation({ summary: 'Go on as the person this browser is signed in as.' })
  @ApiFoundResponse({ description: 'To the consent page, or back to the login page with `error=login_required`.' })
  @ApiFailures(400, 403)
  async continueAs(
    @MergedParameters() parameters: AuthorizationParameters,
    @CallingBrowser() browser: SignedInBrowser | null,
    @Client() client: ClientInfo,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    follow(reply, this.config, await this.logins.continueAs(browser, parameters, client));
  }

  @Post('logout')
  @Browser()
  @Speaks('oauth')
  @ApiOperation({ summary: 'Sign this browser out; access tokens live on.' })
  @ApiFoundResponse({ description: 'To the home page.' })
  @ApiNoContentResponse({ description: 'When `Accept` names JSON only.' })
  @ApiFailures(403)
  async signOut(
    @CallingBrowser() browser: SignedInBrowser | null,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    follow(reply, this.config, await this.logins.signOut(browser, client), wantsJsonOnly(request) ? 204 : 302);
  }
}

function wantsJsonOnly(request: FastifyRequest): boolean {
  const types = new Negotiator(request.raw).mediaTypes();
  return types.length === 1 && types[0] === 'application/json';
}
