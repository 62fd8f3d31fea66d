import { Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { RelationshipsService } from '../relationships/relationships.service.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from '../sessions/principal.js';
import { AccountResponse } from './account.dto.js';
import { AccountListQuery, LINK, sendAccounts } from './account-lists.dto.js';
import { AccountListsService } from './account-lists.service.js';
import { readAccountId } from './account-name.js';
import { mapRelationship, RelationshipResponse } from './relationship.dto.js';

/** Those who ask to follow a locked account, and what its owner answers (contract.md §8.4). */
@ApiTags('Accounts')
@Controller('api/v1/follow_requests')
export class FollowRequestsController {
  constructor(
    private readonly lists: AccountListsService,
    private readonly relationships: RelationshipsService,
    private readonly config: Config,
  ) {}

  @Get()
  @UserToken('follow', 'read:follows')
  @ApiOperation({ summary: 'The accounts that ask to follow the calling person, by id from the highest.' })
  @ApiOkResponse({ type: [AccountResponse], headers: LINK })
  @ApiFailures(400, 401, 403)
  async list(
    @Query() query: AccountListQuery,
    @Caller() caller: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccountResponse[]> {
    return sendAccounts(reply, this.config, await this.lists.own('follow_requests', query, caller));
  }

  @Post(':id/authorize')
  @HttpCode(200)
  @UserToken('follow', 'write:follows')
  @ApiOperation({ summary: 'Let an account follow that asked to.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(401, 403, 404)
  async authorize(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    return mapRelationship(await this.relationships.answer(user.id, readAccountId(id), 'authorize', client));
  }

  @Post(':id/reject')
  @HttpCode(200)
  @UserToken('follow', 'write:follows')
  @ApiOperation({ summary: 'Decline to be followed by an account that asked to.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(401, 403, 404)
  async reject(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    return mapRelationship(await this.relationships.answer(user.id, readAccountId(id), 'reject', client));
  }
}
