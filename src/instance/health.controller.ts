import { Controller, Get, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Open } from '../common/access.js';
import { type Health, HealthService } from './health.service.js';

/** Whether the process runs, and whether it should get requests (contract.md §8.6). */
@ApiTags('Operation')
@Controller()
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get('health/live')
  @Open()
  @ApiOperation({ summary: 'The process runs.' })
  @ApiOkResponse({ schema: { example: { status: 'ok' } } })
  live(): Health {
    return { status: 'ok' };
  }

  @Get(['health/ready', 'health'])
  @Open()
  @ApiOperation({ summary: 'The process can answer requests now.' })
  @ApiOkResponse({ schema: { example: { status: 'ok' } } })
  @ApiServiceUnavailableResponse({ schema: { example: { status: 'unavailable', reasons: ['database'] } } })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Health> {
    const health = await this.health.check();
    void reply.code(health.status === 'ok' ? 200 : 503);
    return health;
  }
}
