import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Open } from '../common/access.js';
import { Cacheable } from '../common/route-config.js';
import { Config } from '../config/config.js';

/** What the operator tells frontends (Lysand's Frontend API; contract.md §3.2). */
@ApiTags('Frontend')
@Controller('api/v1/frontend/config')
export class FrontendConfigController {
  constructor(private readonly config: Config) {}

  @Get()
  @Open()
  @Cacheable()
  @ApiOperation({ summary: 'The configured `frontend.settings`, verbatim.' })
  @ApiOkResponse({
    schema: { type: 'object', additionalProperties: true, example: { 'org.example.fe:theme': 'dark' } },
  })
  read(): Record<string, unknown> {
    return this.config.frontend.settings;
  }
}
