import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser } from '../common/access.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { readLoginProblem } from '../pages/login-problem.js';
import { OidcClient } from '../providers/oidc.client.js';
import { SsoLinkStepService } from '../sso-links/sso-link-step.service.js';
import { LinkOverPage, SsoLinkPage } from './sso-link.page.js';
import { SsoLinkPageQuery } from './sso-pages.dto.js';

/** The page that asks who wishes to link an identity; it changes nothing (contract.md §3.8.2). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class SsoLinkPageController {
  constructor(
    private readonly steps: SsoLinkStepService,
    private readonly oidc: OidcClient,
    private readonly config: Config,
  ) {}

  @Get()
  async show(@Query() query: SsoLinkPageQuery, @Res() reply: FastifyReply): Promise<void> {
    const { config } = this;
    const { ticket, error, error_description } = query;
    const waiting = await this.steps.describe(ticket);
    if (!waiting) return sendPage(reply, config, LinkOverPage({ config }), { status: 400 });
    // The form is answered with a redirect there, which the browser must be allowed to follow.
    await Promise.all([waiting.provider, ...waiting.via].map((provider) => this.oidc.prepare(provider)));
    const sentence = readLoginProblem({ error, error_description })?.description ?? null;
    sendPage(reply, config, SsoLinkPage({ config, ticket, waiting, sentence }), {
      formTargets: this.oidc.pageOrigins(),
    });
  }
}
