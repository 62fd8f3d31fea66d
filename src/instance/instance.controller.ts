import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Open } from '../common/access.js';
import { Cacheable } from '../common/route-config.js';
import { InstanceV1Response, InstanceV2Response, mapInstanceV1, mapInstanceV2 } from './instance.dto.js';
import { InstanceService } from './instance.service.js';

/** What this instance is, for clients (contract.md §8.1, §8.2). */
@ApiTags('Instance')
@Controller('api')
export class InstanceController {
  constructor(private readonly instance: InstanceService) {}

  @Get('v1/instance')
  @Open()
  @Cacheable()
  @ApiOperation({ summary: 'The instance, as Mastodon 3 and Pleroma clients read it.' })
  @ApiOkResponse({ type: InstanceV1Response })
  async readV1(): Promise<InstanceV1Response> {
    return mapInstanceV1(await this.instance.facts());
  }

  @Get('v2/instance')
  @Open()
  @Cacheable()
  @ApiOperation({ summary: 'The instance, as Mastodon 4 clients read it.' })
  @ApiOkResponse({ type: InstanceV2Response })
  async readV2(): Promise<InstanceV2Response> {
    return mapInstanceV2(await this.instance.facts());
  }
}
