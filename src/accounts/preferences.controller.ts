import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';

/** Mastodon's defaults: there are no posts to have others for. */
const PREFERENCES = {
  'posting:default:visibility': 'public',
  'posting:default:sensitive': false,
  'posting:default:language': null,
  'reading:expand:media': 'default',
  'reading:expand:spoilers': false,
};

/** What clients ask for before they let somebody write (contract.md §8.4). */
@ApiTags('Accounts')
@Controller('api/v1/preferences')
export class PreferencesController {
  @Get()
  @UserToken('read:accounts')
  @ApiOperation({ summary: 'How the calling person wants to post and read: always as usual.' })
  @ApiOkResponse({ schema: { example: PREFERENCES } })
  @ApiFailures(401, 403)
  read(): object {
    return PREFERENCES;
  }
}
