import { Body, Controller, Get, Param, Patch, Query } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Open, UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { ReadsOwnAccount } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { RelationshipsService } from '../relationships/relationships.service.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { AccountResponse, LookupQuery, mapAccount } from './account.dto.js';
import { readAccountName, readAcct } from './account-name.js';
import { CredentialAccountResponse, mapCredentialAccount, UpdateCredentialsBody } from './credential-account.dto.js';
import { ProfileService } from './profile.service.js';
import { mapRelationship, readAskedIds, RelationshipResponse, RelationshipsQuery } from './relationship.dto.js';

/** Accounts as Mastodon's clients know them (contract.md §8.4). */
@ApiTags('Accounts')
@Controller('api/v1/accounts')
export class AccountsController {
  constructor(
    private readonly profiles: ProfileService,
    private readonly relationships: RelationshipsService,
    private readonly config: Config,
  ) {}

  @Get('verify_credentials')
  @UserToken('read:accounts', 'profile')
  @ReadsOwnAccount()
  @ApiOperation({ summary: 'The account that an access token belongs to.' })
  @ApiOkResponse({ type: CredentialAccountResponse })
  @ApiFailures(401, 403)
  async verify(@CallingUser() user: SignedInUser): Promise<CredentialAccountResponse> {
    return mapCredentialAccount(this.config, await this.profiles.read(user));
  }

  @Patch('update_credentials')
  @UserToken('write:accounts')
  @ReadsOwnAccount()
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Change one’s own profile, or what a frontend keeps; what is not named stays as it is.' })
  @ApiOkResponse({ type: CredentialAccountResponse })
  @ApiFailures(400, 401, 403, 422)
  async update(
    @Body() body: UpdateCredentialsBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<CredentialAccountResponse> {
    return mapCredentialAccount(this.config, await this.profiles.update(user, body, client));
  }

  @Get('lookup')
  @Open()
  @ApiOperation({ summary: 'An account by its handle; only known ones, nothing is asked of other servers.' })
  @ApiOkResponse({ type: AccountResponse })
  @ApiFailures(400, 404)
  async lookUp(@Query() { acct }: LookupQuery): Promise<AccountResponse> {
    return mapAccount(this.config, await this.relationships.find(readAcct(this.config, acct)));
  }

  @Get('relationships')
  @UserToken('read:follows')
  @ApiOperation({
    summary: 'How the calling person stands to accounts, in the order asked; unknown ones are left out.',
  })
  @ApiOkResponse({ type: [RelationshipResponse] })
  @ApiFailures(400, 401, 403)
  async readRelationships(
    @Query() query: RelationshipsQuery,
    @CallingUser() { id }: SignedInUser,
  ): Promise<RelationshipResponse[]> {
    return (await this.relationships.read(id, readAskedIds(query))).map(mapRelationship);
  }

  @Get(':id')
  @Open()
  @ApiOperation({ summary: 'An account by its id, or by its local user name.' })
  @ApiOkResponse({ type: AccountResponse })
  @ApiFailures(404)
  async get(@Param('id') id: string): Promise<AccountResponse> {
    return mapAccount(this.config, await this.relationships.find(readAccountName(id)));
  }
}
