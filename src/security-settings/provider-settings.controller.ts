import { Controller, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { follow } from '../auth/browser-step.js';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { SettingsGate } from '../settings/settings-gate.js';
import type { SettingsCaller } from '../settings/settings-sign-in.service.js';
import { setFlowCookie } from '../sso-flows/flow-cookie.js';
import { SsoLinksService } from '../sso-links/sso-links.service.js';
import { SecurityScreenService } from './security-screen.service.js';
import { SECURITY_PATH } from './security.page.js';

/** Linking and unlinking providers on the security screen, by the same rules as the API (contract.md §3.8). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller(`${SECURITY_PATH}/providers/:id`)
export class ProviderSettingsController {
  constructor(
    private readonly gate: SettingsGate,
    private readonly screen: SecurityScreenService,
    private readonly links: SsoLinksService,
    private readonly config: Config,
  ) {}

  @Post('link')
  @LimitedByAddress('sso_starts')
  async link(
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt(request, reply, async ({ user, sessionId }) => {
      const { link, cookie } = await this.links.begin({ ...user, sessionId }, { issuer: id }, client);
      if (cookie) setFlowCookie(reply, this.config, cookie);
      follow(reply, this.config, { location: link });
    });
  }

  @Post('unlink')
  async unlink(
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt(request, reply, async ({ user }) => {
      await this.links.unlink(user.id, id, client);
      this.gate.goTo(reply, SECURITY_PATH);
    });
  }

  private async attempt(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (caller: SettingsCaller) => Promise<void>,
  ): Promise<void> {
    const showProblem = (caller: SettingsCaller, sentence: string) =>
      this.screen.send(reply, caller, { where: 'providers', sentence });
    await this.gate.attempt(request, reply, work, showProblem, ['rejected', 'unavailable']);
  }
}
