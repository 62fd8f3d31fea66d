import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Open } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { NoHead } from '../common/route-config.js';
import { LimitedByAddress } from '../limits/limited.js';
import { CaptchaResponse, mapCaptcha } from './captcha.dto.js';
import { CaptchasService } from './captchas.service.js';

/** What keeps programs from registering by the thousand, where the operator wants it (contract.md §5.2). */
@ApiTags('Accounts')
@Controller(['api/pleroma', 'api/v1/pleroma'])
export class CaptchaController {
  constructor(private readonly captchas: CaptchasService) {}

  @Get(['captcha', 'captcha.json'])
  @Open()
  @NoHead()
  @LimitedByAddress('captchas')
  @ApiOperation({ summary: 'A fresh captcha for one registration, or the word that none is asked for.' })
  @ApiOkResponse({ type: CaptchaResponse })
  @ApiFailures()
  async issue(): Promise<CaptchaResponse> {
    return mapCaptcha(await this.captchas.issue());
  }
}
