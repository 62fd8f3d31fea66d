import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Browser } from '../common/access.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { readLoginProblem } from '../pages/login-problem.js';
import { SignInOverPage } from '../pages/second-factor.page.js';
import { flowCookiesOf } from '../sso-flows/flow-cookie.js';
import { SsoRegistrationService } from '../sso-registration/sso-registration.service.js';
import { SsoRegisterPageQuery } from './sso-pages.dto.js';
import { SsoRegisterPage } from './sso-register.page.js';

/** The page where somebody whom a provider vouches for chooses a name, or says which account is theirs (contract.md §3.1). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class SsoRegisterPageController {
  constructor(
    private readonly registrations: SsoRegistrationService,
    private readonly config: Config,
  ) {}

  /** Our row tells who vouches for whom; the URL only what was typed last. */
  @Get()
  async show(
    @Query() query: SsoRegisterPageQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { config } = this;
    const {
      registration_token: token,
      issuer: _issuer,
      preferred_username: username = '',
      email = '',
      error,
      error_description,
      ...parameters
    } = query;
    const waiting = await this.registrations.describe(token, flowCookiesOf(request, config));
    if (!waiting) return sendPage(reply, config, SignInOverPage({ config, parameters }));
    const sentence = readLoginProblem({ error, error_description })?.description?.replace(/^Validation failed: /, '');
    sendPage(reply, config, SsoRegisterPage({ config, token, waiting, username, email, sentence: sentence ?? null }));
  }
}
