import { Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Text } from '../common/fields.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { ForgottenPasswordWorker } from '../recovery/forgotten-password.worker.js';
import { PasswordResetService } from '../recovery/password-reset.service.js';
import { readLoginProblem } from './login-problem.js';
import { PasswordResetQuery } from './pages.dto.js';
import { ForgottenPage, MailIsOnItsWayPage, NewPasswordPage, PasswordIsSetPage } from './password-reset.page.js';

/** Body of the form that asks for a mail. */
export class ForgottenBody {
  @Text({ description: 'E-mail address or user name.', folded: true, required: true, max: 254 })
  identifier: string;
}

/** The page of a new password, and of the mail that leads to it (contract.md §3.1, §5.5). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class PasswordResetController {
  constructor(
    private readonly resets: PasswordResetService,
    private readonly forgotten: ForgottenPasswordWorker,
    private readonly config: Config,
  ) {}

  @Get()
  async show(@Query() query: PasswordResetQuery, @Res() reply: FastifyReply): Promise<void> {
    const { config } = this;
    const { token, success, login_reset } = query;
    if (success === 'true') return sendPage(reply, config, PasswordIsSetPage({ config }));
    if (token === undefined) return sendPage(reply, config, ForgottenPage({ config, isLate: false }));
    if (!(await this.resets.isLive(token))) return sendPage(reply, config, ForgottenPage({ config, isLate: true }));
    const problem = readLoginProblem(query)?.description ?? null;
    sendPage(reply, config, NewPasswordPage({ config, token, problem, isDemanded: login_reset === 'true' }));
  }

  @Post()
  @LimitedByAddress('mail_requests')
  async request(
    @Body() { identifier }: ForgottenBody,
    @Client() client: ClientInfo,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.forgotten.request(identifier, client);
    sendPage(reply, this.config, MailIsOnItsWayPage({ config: this.config }));
  }
}
