import { Controller, Get, Query, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AuditService } from '../audit/audit.service.js';
import { mapSecurityEvent, SecurityEventResponse } from '../audit/security-event.dto.js';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { linkToNext } from '../common/paging.js';
import { Config } from '../config/config.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { SecurityEventsQuery } from './security-events.dto.js';

const PATH = 'api/v1/security_events';

/** A person's own journal (contract.md §4.4). */
@ApiTags('Sessions')
@Controller(PATH)
export class SecurityEventsController {
  constructor(
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  @Get()
  @UserToken('read:security')
  @ApiOperation({ summary: 'What happened to the calling person’s account in the last 90 days, newest first.' })
  @ApiOkResponse({
    type: [SecurityEventResponse],
    headers: {
      Link: {
        description: 'The next page; absent on the last one.',
        schema: { type: 'string', example: `<https://example.org/${PATH}?limit=40&max_id=4711>; rel="next"` },
      },
    },
  })
  @ApiFailures(400, 401, 403)
  async list(
    @CallingUser() user: SignedInUser,
    @Query() { limit, max_id }: SecurityEventsQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SecurityEventResponse[]> {
    const page = await this.audit.list(user.id, limit, max_id);
    linkToNext(reply, this.config, `/${PATH}`, limit, page);
    return page.rows.map(mapSecurityEvent);
  }
}
