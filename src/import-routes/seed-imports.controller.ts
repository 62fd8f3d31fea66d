import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { TakesFile } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { ImportsService } from '../imports/imports.service.js';
import type { RelationshipKind } from '../relationships/relationship.entity.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { ListBody } from './imports.dto.js';
import { uploadedList } from './uploaded-list.js';

const STARTED = {
  schema: { type: 'string', example: 'job started' },
  description: 'Kept, every row of it; `Location` is the import.',
};

/** Imports as Pleroma's clients know them (contract.md §7.1). */
@ApiTags('Imports')
@Controller(['api/pleroma', 'api/v1/pleroma'])
export class SeedImportsController {
  constructor(
    private readonly imports: ImportsService,
    private readonly config: Config,
  ) {}

  @Post('follow_import')
  @HttpCode(200)
  @UserToken('follow', 'write:follows')
  @TakesFile()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Follow the accounts of a list.' })
  @ApiOkResponse(STARTED)
  @ApiFailures(400, 401, 403, 413, 422, 429)
  follow(
    @Body() body: ListBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.start('follow', body, user, client, reply);
  }

  @Post('blocks_import')
  @HttpCode(200)
  @UserToken('follow', 'write:blocks')
  @TakesFile()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Block the accounts of a list.' })
  @ApiOkResponse(STARTED)
  @ApiFailures(400, 401, 403, 413, 422, 429)
  block(
    @Body() body: ListBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.start('block', body, user, client, reply);
  }

  @Post('mutes_import')
  @HttpCode(200)
  @UserToken('follow', 'write:mutes')
  @TakesFile()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Mute the accounts of a list.' })
  @ApiOkResponse(STARTED)
  @ApiFailures(400, 401, 403, 413, 422, 429)
  mute(
    @Body() body: ListBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return this.start('mute', body, user, client, reply);
  }

  /** The seed's answer is a JSON string, quotes included. */
  private async start(
    kind: RelationshipKind,
    { list }: ListBody,
    user: SignedInUser,
    client: ClientInfo,
    reply: FastifyReply,
  ): Promise<string> {
    const wish = { kind, mode: 'merge', dryRun: false, list: uploadedList(list, this.config) } as const;
    const { row } = await this.imports.accept(user, wish, client);
    void reply.header('location', `/api/v1/imports/${row.id}`).type('application/json; charset=utf-8');
    return JSON.stringify('job started');
  }
}
