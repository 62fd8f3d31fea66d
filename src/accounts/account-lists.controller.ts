import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { OpenToCallers, UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Config } from '../config/config.js';
import { Caller, CallerIfAny, type Principal } from '../sessions/principal.js';
import { AccountResponse } from './account.dto.js';
import { AccountListQuery, LINK, MutedAccountResponse, sendAccounts, sendMutedAccounts } from './account-lists.dto.js';
import { AccountListsService } from './account-lists.service.js';
import { readAccountName } from './account-name.js';

/** Lists of accounts, by id from the highest: Pleroma-FE's export asks for what is below the last id until a page is empty. */
@ApiTags('Accounts')
@Controller('api/v1')
export class AccountListsController {
  constructor(
    private readonly lists: AccountListsService,
    private readonly config: Config,
  ) {}

  @Get('accounts/:id/following')
  @OpenToCallers()
  @ApiOperation({ summary: 'Whom an account follows; an access token may be sent along for `with_relationships`.' })
  @ApiOkResponse({ type: [AccountResponse], headers: LINK })
  @ApiFailures(400, 404)
  async following(
    @Param('id') id: string,
    @Query() query: AccountListQuery,
    @CallerIfAny() caller: Principal | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountResponse[]> {
    return sendAccounts(reply, this.config, await this.lists.follows('following', readAccountName(id), query, caller));
  }

  @Get('accounts/:id/followers')
  @OpenToCallers()
  @ApiOperation({ summary: 'Who follows an account; an access token may be sent along for `with_relationships`.' })
  @ApiOkResponse({ type: [AccountResponse], headers: LINK })
  @ApiFailures(400, 404)
  async followers(
    @Param('id') id: string,
    @Query() query: AccountListQuery,
    @CallerIfAny() caller: Principal | null,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountResponse[]> {
    return sendAccounts(reply, this.config, await this.lists.follows('followers', readAccountName(id), query, caller));
  }

  @Get('blocks')
  @UserToken('follow', 'read:blocks')
  @ApiOperation({ summary: 'Whom the calling person blocks.' })
  @ApiOkResponse({ type: [AccountResponse], headers: LINK })
  @ApiFailures(400, 401, 403)
  async blocks(
    @Query() query: AccountListQuery,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountResponse[]> {
    return sendAccounts(reply, this.config, await this.lists.own('blocks', query, caller));
  }

  @Get('mutes')
  @UserToken('follow', 'read:mutes')
  @ApiOperation({ summary: 'Whom the calling person mutes.' })
  @ApiOkResponse({ type: [MutedAccountResponse], headers: LINK })
  @ApiFailures(400, 401, 403)
  async mutes(
    @Query() query: AccountListQuery,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MutedAccountResponse[]> {
    return sendMutedAccounts(reply, this.config, await this.lists.own('mutes', query, caller));
  }
}
