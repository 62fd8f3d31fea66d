import { Body, Controller, Get, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo, networkOf } from '../common/client-info.js';
import { Refusal, ValidationFailed } from '../common/errors.js';
import { sendPage } from '../common/html-document.js';
import { Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { LimitsService } from '../limits/limits.service.js';
import { AuthorizationParameters } from '../oauth/authorization-request.js';
import { CaptchasService, type IssuedCaptcha } from '../registration/captchas.service.js';
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
    private readonly captchas: CaptchasService,
    private readonly limits: LimitsService,
    private readonly config: Config,
  ) {}

  @Get()
  async show(
    @Query() parameters: AuthorizationParameters,
    @Client() client: ClientInfo,
    @Req() { method }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (!this.config.registersByPassword) throw new Refusal('not_allowed', 'Registrations are closed');
    // HEAD has no effects (contract.md §0.2).
    const captcha = method === 'HEAD' ? null : await this.firstCaptcha(client);
    sendPage(reply, this.config, RegisterPage({ config: this.config, parameters, typed: {}, problems: [], captcha }));
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
      const { username = '', email = '' } = typed;
      const confirmsAt = identifier === 'missing_confirmed_email' ? email : null;
      sendPage(reply, config, RegisteredPage({ config, parameters, username, confirmsAt }));
    } catch (error) {
      if (!(error instanceof ValidationFailed)) throw error;
      const captcha = await this.captchas.issue();
      const page = RegisterPage({ config, parameters, typed, problems: error.details, captcha });
      sendPage(reply, config, page, { status: 422 });
    }
  }

  /** Counted like those of the API; the ones after it are counted with the posts they follow. */
  private async firstCaptcha({ ip }: ClientInfo): Promise<IssuedCaptcha | null> {
    if (!this.config.registrations.captcha) return null;
    await this.limits.consume('captchas', networkOf(ip));
    return this.captchas.issue();
  }
}
