import { Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiFoundResponse, ApiOperation, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { follow } from '../auth/browser-step.js';
import { Browser, MergedParameters, SignInStart } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { NoHead, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { clearFlowCookie, flowCookiesOf, setFlowCookie } from '../sso-flows/flow-cookie.js';
import { SsoCallbackService } from './sso-callback.service.js';
import { SsoCallbackQuery, SsoStartParameters } from './sso.dto.js';
import { SsoStartService } from './sso-start.service.js';

const TO_PROVIDER = 'To the provider, with a `gh_flow_` cookie; or to the login page with `error`.';

/** Sign-in at an external OpenID provider (Lysand's Frontend API; contract.md §3.6, §3.7). */
@ApiTags('Single sign-on')
@Controller('oauth/sso')
export class SsoController {
  constructor(
    private readonly starts: SsoStartService,
    private readonly callbacks: SsoCallbackService,
    private readonly config: Config,
  ) {}

  @Get()
  @NoHead()
  @SignInStart()
  @LimitedByAddress('sso_starts')
  @ApiQuery({ type: SsoStartParameters })
  @ApiOperation({ summary: 'Sign in at a provider: a link.' })
  @ApiFoundResponse({ description: TO_PROVIDER })
  @ApiFailures(400)
  async startByLink(@MergedParameters() parameters: SsoStartParameters, @Res() reply: FastifyReply): Promise<void> {
    await this.start(parameters, reply);
  }

  @Post()
  @SignInStart()
  @LimitedByAddress('sso_starts')
  @ApiConsumes(...BODY_TYPES)
  @ApiBody({ type: SsoStartParameters })
  @ApiOperation({ summary: 'Sign in at a provider: a form; parameters stand in the query or the body.' })
  @ApiFoundResponse({ description: TO_PROVIDER })
  @ApiFailures(400)
  async startByForm(@MergedParameters() parameters: SsoStartParameters, @Res() reply: FastifyReply): Promise<void> {
    await this.start(parameters, reply);
  }

  @Post(':issuer')
  @SignInStart()
  @LimitedByAddress('sso_starts')
  @ApiConsumes(...BODY_TYPES)
  @ApiParam({ name: 'issuer', example: 'keycloak' })
  @ApiBody({ type: SsoStartParameters })
  @ApiOperation({ summary: 'The same with the provider in the path, as Versia’s frontend sends it.' })
  @ApiFoundResponse({ description: TO_PROVIDER })
  @ApiFailures(400)
  async startByPath(
    @Param('issuer') issuer: string,
    @MergedParameters() parameters: SsoStartParameters,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.start({ ...parameters, issuer }, reply);
  }

  @Get(':issuer/callback')
  @NoHead()
  @Browser()
  @Speaks('login')
  @ApiParam({ name: 'issuer', example: 'keycloak' })
  @ApiOperation({ summary: 'Where a provider sends the browser back to; needs the `gh_flow_` cookie of that sign-in.' })
  @ApiFoundResponse({
    description:
      'To the consent page with a `jwt` cookie, the second factor, the registration or the login page; or, when an identity is linked, to the home page.',
  })
  @ApiFailures(400, 404)
  async finish(
    @Param('issuer') issuer: string,
    @Query() query: SsoCallbackQuery,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { config } = this;
    const { step, cookie, endedFlowId } = await this.callbacks.finish(
      issuer,
      query,
      flowCookiesOf(request, config),
      client,
    );
    if (endedFlowId !== null) clearFlowCookie(reply, config, endedFlowId);
    if (cookie) setFlowCookie(reply, config, cookie);
    follow(reply, config, step);
  }

  private async start(parameters: SsoStartParameters, reply: FastifyReply): Promise<void> {
    const { location, cookie } = await this.starts.start(parameters);
    setFlowCookie(reply, this.config, cookie);
    follow(reply, this.config, { location });
  }
}
