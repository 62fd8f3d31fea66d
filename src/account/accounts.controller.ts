import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Config } from '../config/config.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { CredentialAccountResponse, mapCredentialAccount } from './account.dto.js';

/** Accounts as Mastodon's clients know them: who a token belongs to (contract.md §8.4). */
@ApiTags('Accounts')
@Controller('api/v1/accounts')
export class AccountsController {
  constructor(private readonly config: Config) {}

  @Get('verify_credentials')
  @UserToken('read:accounts', 'profile')
  @ApiOperation({ summary: 'The account that an access token belongs to.' })
  @ApiOkResponse({ type: CredentialAccountResponse })
  @ApiFailures(401, 403)
  verify(@CallingUser() user: SignedInUser): CredentialAccountResponse {
    return mapCredentialAccount(this.config, user);
  }
}
