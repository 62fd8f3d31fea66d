import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiFoundResponse,
  ApiNoContentResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser, MergedParameters, Open } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { QueryOrBody, Speaks } from '../common/route-config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { ForgottenPasswordWorker } from './forgotten-password.worker.js';
import { ForgottenPasswordParameters, PleromaResetBody, ResetBody } from './recovery.dto.js';
import { ResetFormService } from './reset-form.service.js';

/** The way back in for who forgot the password (contract.md §5.5). */
@ApiTags('Account')
@Controller()
export class RecoveryController {
  constructor(
    private readonly forgotten: ForgottenPasswordWorker,
    private readonly forms: ResetFormService,
  ) {}

  @Post('auth/password')
  @HttpCode(204)
  @Open()
  @QueryOrBody()
  @LimitedByAddress('mail_requests')
  @ApiConsumes(...BODY_TYPES)
  @ApiQuery({ type: ForgottenPasswordParameters })
  @ApiBody({ type: ForgottenPasswordParameters, required: false })
  @ApiOperation({ summary: 'Ask for a mail with a link to a new password; the answer is the same for everybody.' })
  @ApiNoContentResponse({ description: 'A mail is sent if there is such an account with an address to write to.' })
  @ApiFailures(400)
  async request(
    @MergedParameters() { email, nickname, username }: ForgottenPasswordParameters,
    @Client() client: ClientInfo,
  ): Promise<void> {
    await this.forgotten.request(email || nickname || username || '', client);
  }

  @Post('api/auth/reset')
  @Browser()
  @Speaks('oauth')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Set a new password with the token of a mail.' })
  @ApiFoundResponse({ description: 'To the reset page, with `success=true`, or with `error` and `error_description`.' })
  @ApiFailures(400, 403)
  async reset(@Body() body: ResetBody, @Client() client: ClientInfo, @Res() reply: FastifyReply): Promise<void> {
    const repeated = body.password2 ?? body['password-confirm'] ?? body.password_confirmation;
    const sent = { token: body.token ?? '', password: body.password ?? '', repeated };
    void reply
      .code(302)
      .header('location', await this.forms.submit(sent, client))
      .send();
  }

  @Get(['api/pleroma/password_reset/:token', 'api/v1/pleroma/password_reset/:token'])
  @Open()
  @ApiOperation({ summary: 'Pleroma’s address of the reset page.' })
  @ApiFoundResponse({ description: 'To the reset page.' })
  showPleromas(@Param('token') token: string, @Res() reply: FastifyReply): void {
    void reply.code(302).header('location', this.forms.pageUrl(token)).send();
  }

  @Post(['api/pleroma/password_reset', 'api/v1/pleroma/password_reset'])
  @Browser()
  @Speaks('oauth')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'The same as `POST /api/auth/reset`, with the fields of Pleroma’s form.' })
  @ApiFoundResponse({ description: 'As there.' })
  @ApiFailures(400, 403)
  async resetPleromas(
    @Body() body: PleromaResetBody,
    @Client() client: ClientInfo,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { 'data[token]': token = '', 'data[password]': password = '' } = body;
    const sent = { token, password, repeated: body['data[password_confirmation]'] };
    void reply
      .code(302)
      .header('location', await this.forms.submit(sent, client))
      .send();
  }
}
