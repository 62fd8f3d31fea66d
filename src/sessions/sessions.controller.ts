import { Controller, Delete, Get, Param, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { readRecordId } from '../common/record-id.js';
import { Config } from '../config/config.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from './principal.js';
import { mapSession, RevokeAllQuery, SessionResponse } from './session.dto.js';
import { SessionsService } from './sessions.service.js';

/** A person's own sessions (Pleroma's account API; contract.md §4). */
@ApiTags('Sessions')
@Controller('api')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly config: Config,
  ) {}

  @Get(['oauth_tokens', 'oauth_tokens.json'])
  @UserToken('read')
  @ApiOperation({ summary: 'List the live sessions of the calling person, this one first.' })
  @ApiOkResponse({ type: [SessionResponse] })
  @ApiFailures(401, 403)
  async list(@CallingUser() user: SignedInUser, @Caller() { sessionId }: Principal): Promise<SessionResponse[]> {
    return (await this.sessions.list(user.id, sessionId)).map(mapSession);
  }

  @Delete(['oauth_tokens/:id', 'oauth_tokens/:id.json'])
  @UserToken('write')
  @ApiOperation({ summary: 'Revoke one session; its access and refresh tokens are dead at once.' })
  @ApiOkResponse({ description: 'Revoked. 201 when `oauth.session_delete_status` says so.', schema: { example: {} } })
  @ApiFailures(401, 403, 404)
  async revoke(
    @CallingUser() user: SignedInUser,
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    await this.sessions.revoke(user.id, readSessionId(id), client);
    void reply.code(this.config.oauth.session_delete_status);
    return {};
  }

  @Delete(['oauth_tokens', 'oauth_tokens.json'])
  @UserToken('write')
  @ApiOperation({ summary: 'Revoke all sessions, signed-in browsers and unredeemed codes.' })
  @ApiOkResponse({ schema: { example: {} } })
  @ApiFailures(400, 401, 403)
  async revokeAll(
    @CallingUser() user: SignedInUser,
    @Caller() { sessionId }: Principal,
    @Query() { keep_current = false }: RevokeAllQuery,
    @Client() client: ClientInfo,
  ): Promise<object> {
    await this.sessions.revokeAll(user.id, keep_current ? sessionId : null, client);
    return {};
  }
}

/** A session's id in a path, with or without the suffix that Pleroma-FE knows. */
export function readSessionId(id: string): number {
  return readRecordId(id.replace(/\.json$/, ''));
}
