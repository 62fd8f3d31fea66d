import { Body, Controller, Get, Post, Query, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Refusal, ValidationFailed } from '../common/errors.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { AuthorizationParameters } from '../oauth/authorization-request.js';
import { RegistrationBody } from '../registration/registration.dto.js';
import { RegistrationService } from '../registration/registration.service.js';
import { RegisteredPage, RegisterPage } from './register.page.js';

/** Registration by a form, with the rules of `POST /api/v1/accounts`; the query keeps the sign-in it belongs to. */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller()
export class RegisterController {
  constructor(
    private readonly registrations: RegistrationService,
    private readonly config: Config,
  ) {}

  @Get()
  show(@Query() parameters: AuthorizationParameters, @Res() reply: FastifyReply): void {
    if (!this.config.registrations.enabled) throw new Refusal('not_allowed', 'Registrations are closed');
    sendPage(reply, this.config, RegisterPage({ config: this.config, parameters, typed: {}, problems: [] }));
  }

  @Post()
  @LimitedByAddress('account_registrations')
  async register(
    @Query() parameters: AuthorizationParameters,
    @Body() typed: RegistrationBody,
    @Client() client: ClientInfo,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { config } = this;
    try {
      const { identifier } = await this.registrations.register(typed, null, client);
      const isWaiting = identifier === 'awaiting_approval';
      sendPage(reply, config, RegisteredPage({ config, parameters, username: typed.username ?? '', isWaiting }));
    } catch (error) {
      if (!(error instanceof ValidationFailed)) throw error;
      sendPage(reply, config, RegisterPage({ config, parameters, typed, problems: error.details }), { status: 422 });
    }
  }
}
