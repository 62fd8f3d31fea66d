import { Controller, Get, Param, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { ImportsService } from '../imports/imports.service.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from '../sessions/principal.js';
import { ImportEventsService } from './import-events.service.js';
import { ANY_READ, demandScopes, readScopes } from './kinds.js';

/** How far an import is, as it goes (contract.md §7.6). */
@ApiTags('Imports')
@Controller('api/v1/imports')
export class ImportEventsController {
  constructor(
    private readonly imports: ImportsService,
    private readonly events: ImportEventsService,
  ) {}

  @Get(':id/events')
  @UserToken(...ANY_READ)
  @ApiOperation({
    summary: 'Server-sent events: the import whenever it changes, at most twice a second, until it ends.',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ description: '`event: import`, then `event: end`; `data` is the import.' })
  @ApiFailures(401, 403, 404, 429)
  async follow(
    @Param('id') id: string,
    @CallingUser() user: SignedInUser,
    @Caller() { scopes, sessionId }: Principal,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { row } = await this.imports.get(user.id, id);
    demandScopes(scopes, readScopes(row.kind));
    const stream = this.events.open(user.id, id, sessionId, reply.raw);
    // Proxies must not gather events.
    void reply.type('text/event-stream').header('x-accel-buffering', 'no').send(stream);
  }
}
