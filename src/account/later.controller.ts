import { Controller, Delete, Get, Post, Put } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Open, UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Refusal } from '../common/errors.js';

/** What Pleroma-FE asks for and is not offered yet: there are no aliases, and no moving away (contract.md §5.11). */
@ApiTags('Account')
@Controller(['api/pleroma', 'api/v1/pleroma'])
export class LaterController {
  @Get('aliases')
  @UserToken('read:accounts')
  @ApiOperation({ summary: 'Other accounts of the same person: none, so far.' })
  @ApiOkResponse({ schema: { example: { aliases: [] } } })
  @ApiFailures(401, 403)
  aliases(): { aliases: string[] } {
    return { aliases: [] };
  }

  @Put('aliases')
  @Open()
  @ApiOperation({ summary: 'Not offered yet.' })
  @ApiNotFoundResponse({ schema: { example: { error: 'Not implemented' } } })
  addAlias(): never {
    throw new Refusal('not_implemented');
  }

  @Delete('aliases')
  @Open()
  @ApiOperation({ summary: 'Not offered yet.' })
  @ApiNotFoundResponse({ schema: { example: { error: 'Not implemented' } } })
  removeAlias(): never {
    throw new Refusal('not_implemented');
  }

  @Post('move_account')
  @Open()
  @ApiOperation({ summary: 'Not offered yet.' })
  @ApiNotFoundResponse({ schema: { example: { error: 'Not implemented' } } })
  move(): never {
    throw new Refusal('not_implemented');
  }
}
