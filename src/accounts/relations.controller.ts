import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { RelationshipsService } from '../relationships/relationships.service.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { readAccountId } from './account-name.js';
import {
  FollowBody,
  mapRelationship,
  MuteBody,
  readFollowOptions,
  readMuteOptions,
  RelationshipResponse,
} from './relationship.dto.js';

/** What one person does to another: follow, block, mute, and the end of each (contract.md §8.4). */
@ApiTags('Accounts')
@Controller('api/v1/accounts/:id')
export class RelationsController {
  constructor(private readonly relationships: RelationshipsService) {}

  @Post('follow')
  @HttpCode(200)
  @UserToken('follow', 'write:follows')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Follow an account; a locked one, or one elsewhere, is asked.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(400, 401, 403, 404)
  async follow(
    @Param('id') id: string,
    @Body() body: FollowBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    const options = readFollowOptions(body);
    return mapRelationship(await this.relationships.follow(user.id, readAccountId(id), options, client));
  }

  @Post('unfollow')
  @HttpCode(200)
  @UserToken('follow', 'write:follows')
  @ApiOperation({ summary: 'Follow an account no more, or ask it no more.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(401, 403, 404)
  async unfollow(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    return mapRelationship(await this.relationships.end('follow', user.id, readAccountId(id), client));
  }

  @Post('block')
  @HttpCode(200)
  @UserToken('follow', 'write:blocks')
  @ApiOperation({ summary: 'Block an account; follows and requests end both ways.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(401, 403, 404)
  async block(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    return mapRelationship(await this.relationships.block(user.id, readAccountId(id), client));
  }

  @Post('unblock')
  @HttpCode(200)
  @UserToken('follow', 'write:blocks')
  @ApiOperation({ summary: 'Block an account no more.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(401, 403, 404)
  async unblock(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    return mapRelationship(await this.relationships.end('block', user.id, readAccountId(id), client));
  }

  @Post('mute')
  @HttpCode(200)
  @UserToken('follow', 'write:mutes')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Mute an account, for ever or for a while.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(400, 401, 403, 404)
  async mute(
    @Param('id') id: string,
    @Body() body: MuteBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    const options = readMuteOptions(body);
    return mapRelationship(await this.relationships.mute(user.id, readAccountId(id), options, client));
  }

  @Post('unmute')
  @HttpCode(200)
  @UserToken('follow', 'write:mutes')
  @ApiOperation({ summary: 'Mute an account no more.' })
  @ApiOkResponse({ type: RelationshipResponse })
  @ApiFailures(401, 403, 404)
  async unmute(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<RelationshipResponse> {
    return mapRelationship(await this.relationships.end('mute', user.id, readAccountId(id), client));
  }
}
