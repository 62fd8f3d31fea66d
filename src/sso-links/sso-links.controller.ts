import { Body, Controller, Delete, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiConsumes, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { describeProvider } from '../providers/provider.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from '../sessions/principal.js';
import { setFlowCookie } from '../sso-flows/flow-cookie.js';
import { LinkBody, LinkResponse, ProviderResponse } from './sso-links.dto.js';
import { SsoLinksService } from './sso-links.service.js';

/** A person's identities at providers (Lysand's Frontend API; contract.md §3.8). */
@ApiTags('Single sign-on')
@Controller('api/v1/sso')
export class SsoLinksController {
  constructor(
    private readonly links: SsoLinksService,
    private readonly config: Config,
  ) {}

  @Get()
  @UserToken('read:security')
  @ApiOperation({ summary: 'List the providers that the calling person can sign in by.' })
  @ApiOkResponse({ type: [ProviderResponse] })
  @ApiFailures(401, 403)
  async list(@CallingUser() { id }: SignedInUser): Promise<ProviderResponse[]> {
    return (await this.links.list(id)).map((provider) => describeProvider(this.config, provider));
  }

  @Post()
  @HttpCode(200)
  @UserToken('write:security')
  @LimitedByAddress('sso_starts')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Begin to link an identity; the browser that makes this call must open the link.' })
  @ApiOkResponse({ type: LinkResponse })
  @ApiFailures(400, 401, 403, 404, 422, 503)
  async begin(
    @Body() wish: LinkBody,
    @CallingUser() user: SignedInUser,
    @Caller() { sessionId }: Principal,
    @Client() client: ClientInfo,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<LinkResponse> {
    const { link, cookie } = await this.links.begin({ ...user, sessionId }, wish, client);
    if (cookie) setFlowCookie(reply, this.config, cookie);
    return { link };
  }

  @Get(':issuer')
  @UserToken('read:security')
  @ApiOperation({ summary: 'One provider that the calling person can sign in by.' })
  @ApiOkResponse({ type: ProviderResponse })
  @ApiFailures(401, 403, 404)
  async get(@Param('issuer') issuer: string, @CallingUser() { id }: SignedInUser): Promise<ProviderResponse> {
    return describeProvider(this.config, await this.links.get(id, issuer));
  }

  @Delete(':issuer')
  @HttpCode(204)
  @UserToken('write:security')
  @ApiOperation({ summary: 'Unlink an identity; sessions live on.' })
  @ApiNoContentResponse({ description: 'Unlinked.' })
  @ApiFailures(401, 403, 404, 422)
  async unlink(
    @Param('issuer') issuer: string,
    @CallingUser() { id }: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<void> {
    await this.links.unlink(id, issuer, client);
  }
}
