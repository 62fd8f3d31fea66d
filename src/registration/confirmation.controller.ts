import { Body, Controller, Get, HttpCode, Param, Post, Res } from '@nestjs/common';
import {
  ApiBody,
  ApiConsumes,
  ApiFoundResponse,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Browser, MergedParameters, Open, UnconfirmedUserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { QueryOrBody } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { CorrectAddressBody, ResendParameters } from './confirmation.dto.js';
import { ConfirmationService } from './confirmation.service.js';

/** The mail that confirms an address, once more (contract.md §5.3, §5.4). */
@ApiTags('Accounts')
@Controller('api')
export class ConfirmationController {
  constructor(
    private readonly confirmations: ConfirmationService,
    private readonly config: Config,
  ) {}

  @Post(['pleroma/accounts/confirmation_resend', 'v1/pleroma/accounts/confirmation_resend'])
  @HttpCode(204)
  @Open()
  @QueryOrBody()
  @LimitedByAddress('mail_requests')
  @ApiConsumes(...BODY_TYPES)
  @ApiQuery({ type: ResendParameters })
  @ApiBody({ type: ResendParameters, required: false })
  @ApiOperation({ summary: 'Ask for the confirmation mail again; the answer is the same for everybody.' })
  @ApiNoContentResponse({ description: 'A mail is sent if there is such an account and it awaits confirmation.' })
  @ApiFailures(400)
  async resend(@MergedParameters() { email, nickname }: ResendParameters, @Client() client: ClientInfo): Promise<void> {
    await this.confirmations.request(email || nickname || '', client);
  }

  @Post('v1/emails/confirmations')
  @HttpCode(200)
  @UnconfirmedUserToken()
  @LimitedByAddress('mail_requests')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Send the confirmation mail again, to another address if the first was wrong.' })
  @ApiOkResponse({ schema: { example: {} } })
  @ApiFailures(400, 401, 403, 422)
  async correct(
    @Body() { email }: CorrectAddressBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<object> {
    await this.confirmations.correct(user.id, email, client);
    return {};
  }

  @Get('account/confirm_email/:user_id/:token')
  @Browser()
  @ApiOperation({ summary: 'Pleroma’s address of a confirmation link.' })
  @ApiFoundResponse({ description: 'To the page of the link.' })
  showPleromas(@Param('token') token: string, @Res() reply: FastifyReply): void {
    void reply
      .code(302)
      .header('location', this.config.url(`/auth/link/${encodeURIComponent(token)}`))
      .send();
  }
}
