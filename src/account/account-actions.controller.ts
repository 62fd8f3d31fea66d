import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { MergedParameters, UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { QueryOrBody, Speaks } from '../common/route-config.js';
import { LimitedByFailures } from '../limits/limited.js';
import { SecondFactorService } from '../mfa/second-factor.service.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from '../sessions/principal.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import { AccountEndingService } from './account-ending.service.js';
import {
  ActionResponse,
  ChangeEmailBody,
  ChangePasswordBody,
  DeleteParameters,
  PasswordParameters,
} from './account-actions.dto.js';
import { ChangeEmailService } from './change-email.service.js';
import { ChangePasswordService } from './change-password.service.js';

const DONE: ActionResponse = { status: 'success' };

/** What a person changes about their account, as Pleroma-FE and Soapbox ask for it (contract.md §5.6–5.9). */
@ApiTags('Account')
@Speaks('account')
@Controller(['api/pleroma', 'api/v1/pleroma'])
export class AccountActionsController {
  constructor(
    private readonly passwordChanges: ChangePasswordService,
    private readonly emailChanges: ChangeEmailService,
    private readonly endings: AccountEndingService,
    private readonly passwords: PasswordCheckService,
    private readonly factors: SecondFactorService,
  ) {}

  @Post('change_password')
  @HttpCode(200)
  @UserToken('write:accounts')
  @LimitedByFailures('password_address')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Change the password; every session but the calling one ends.' })
  @ApiOkResponse({ type: ActionResponse })
  @ApiFailures(400, 401, 403)
  async changePassword(
    @Body() body: ChangePasswordBody,
    @CallingUser() user: SignedInUser,
    @Caller() { sessionId }: Principal,
    @Client() client: ClientInfo,
  ): Promise<ActionResponse> {
    await this.passwordChanges.change({ ...user, sessionId }, body, client);
    return DONE;
  }

  @Post('change_email')
  @HttpCode(200)
  @UserToken('write:accounts')
  @LimitedByFailures('password_address')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({
    summary: 'Change the e-mail address; where mail is on, a link sent to the new one makes the change.',
  })
  @ApiOkResponse({ type: ActionResponse })
  @ApiFailures(400, 401, 403)
  async changeEmail(
    @Body() body: ChangeEmailBody,
    @CallingUser() user: SignedInUser,
    @Caller() { sessionId }: Principal,
    @Client() client: ClientInfo,
  ): Promise<ActionResponse> {
    await this.emailChanges.request({ ...user, sessionId }, body, client);
    return DONE;
  }

  @Post('disable_account')
  @HttpCode(200)
  @UserToken('write:accounts')
  @LimitedByFailures('password_address')
  @QueryOrBody()
  @ApiConsumes(...BODY_TYPES)
  @ApiBody({ type: PasswordParameters })
  @ApiOperation({ summary: 'Disable the account until its owner signs in again.' })
  @ApiOkResponse({ type: ActionResponse })
  @ApiFailures(400, 401, 403)
  async disable(
    @MergedParameters() { password = '' }: PasswordParameters,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<ActionResponse> {
    await this.passwords.demand(user, password, client);
    await this.endings.disable(user.id, 'owner', client);
    return DONE;
  }

  @Post('delete_account')
  @HttpCode(200)
  @UserToken('write:accounts')
  @LimitedByFailures('password_address')
  @QueryOrBody()
  @ApiConsumes(...BODY_TYPES)
  @ApiBody({ type: DeleteParameters })
  @ApiOperation({ summary: 'Delete the account; for some days its owner can take that back.' })
  @ApiOkResponse({ type: ActionResponse })
  @ApiFailures(400, 401, 403)
  async delete(
    @MergedParameters() { password = '', code }: DeleteParameters,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<ActionResponse> {
    await this.passwords.demand(user, password, client);
    await this.factors.demandIfSent(user.id, code, client);
    await this.endings.scheduleDeletion(user.id, client);
    return DONE;
  }
}
