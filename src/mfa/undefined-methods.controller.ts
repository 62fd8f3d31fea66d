import { Controller, Delete, Get, Param, Post } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Refusal } from '../common/errors.js';
import { NoHead, Speaks } from '../common/route-config.js';

/**
 * Kinds of factor that there are not, in Pleroma's words (contract.md §6.2–6.4). Routes of their own, because what is
 * wrong with the fields does not matter here. Pleroma's `webauthn` is only not offered yet (contract.md §5.11).
 */
@ApiTags('Second factors')
@Speaks('mfa')
@Controller(['api/pleroma/accounts/mfa', 'api/v1/pleroma/accounts/mfa'])
export class UndefinedMethodsController {
  @Get('setup/:method')
  @NoHead()
  @UserToken('write:security')
  @ApiOperation({ summary: 'Nothing but `totp` can be set up here.' })
  @ApiFailures(400, 401, 403, 404)
  setUp(@Param('method') method: string): never {
    throw refusal(method, 'undefined method');
  }

  @Post('confirm/:method')
  @UserToken('write:security')
  @ApiOperation({ summary: 'Nothing but `totp` can be confirmed here.' })
  @ApiFailures(400, 401, 403, 404)
  confirm(@Param('method') method: string): never {
    throw refusal(method, 'undefined mfa method');
  }

  @Delete(':method')
  @UserToken('write:security')
  @ApiOperation({ summary: 'Nothing but `totp` can be turned off by its name here.' })
  @ApiFailures(400, 401, 403, 404)
  disable(@Param('method') method: string): never {
    throw refusal(method, 'undefined mfa method');
  }
}

function refusal(method: string, sentence: string): Refusal {
  return method === 'webauthn' ? new Refusal('not_implemented') : new Refusal('undefined_method', sentence);
}
