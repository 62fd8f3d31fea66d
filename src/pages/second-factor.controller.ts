import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SecondFactorStepService } from '../auth/second-factor-step.service.js';
import { readStepCookie } from '../auth/step-cookie.js';
import { Browser } from '../common/access.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { SecondFactorPageQuery } from './pages.dto.js';
import { SecondFactorPage, SignInOverPage } from './second-factor.page.js';

/** The page that asks for the second factor (contract.md §3.1, §3.4). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class SecondFactorPageController {
  constructor(
    private readonly steps: SecondFactorStepService,
    private readonly config: Config,
  ) {}

  /** Our row tells which factors there are; the URL only what happened last. */
  @Get()
  async show(
    @Query() query: SecondFactorPageQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { config } = this;
    const {
      mfa_token: token,
      error,
      recovery,
      challenge_types: _types,
      error_description: _words,
      ...parameters
    } = query;
    const waiting = await this.steps.describe(token, readStepCookie(request, config));
    if (!waiting) return sendPage(reply, config, SignInOverPage({ config, parameters }));
    const [isWrong, isRecoveryRequested] = [error !== undefined, recovery === 'requested'];
    sendPage(reply, config, SecondFactorPage({ config, token, waiting, isWrong, isRecoveryRequested }));
  }
}
