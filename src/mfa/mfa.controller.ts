import { Body, Controller, Delete, Get, HttpCode, Post } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { InvalidFields } from '../common/errors.js';
import { NoHead, Speaks } from '../common/route-config.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import {
  BackupCodesResponse,
  ConfirmTotpBody,
  DisableMfaBody,
  MfaStateResponse,
  TotpSetupResponse,
} from './mfa.dto.js';
import { MfaService } from './mfa.service.js';
import { qrCodeDataUri } from './qr-code.js';

/** A person's second factors, as Pleroma-FE and Soapbox manage them (contract.md §6). */
@ApiTags('Second factors')
@Speaks('mfa')
@Controller(['api/pleroma/accounts/mfa', 'api/v1/pleroma/accounts/mfa'])
export class MfaController {
  constructor(private readonly mfa: MfaService) {}

  @Get()
  @UserToken('read:security')
  @ApiOperation({ summary: 'Whether a second factor is on, and whether it is an authenticator app.' })
  @ApiOkResponse({ type: MfaStateResponse })
  @ApiFailures(401, 403)
  async show(@CallingUser() user: SignedInUser): Promise<MfaStateResponse> {
    return { settings: await this.mfa.state(user) };
  }

  @Get('setup/totp')
  @NoHead()
  @UserToken('write:security')
  @ApiOperation({ summary: 'Begin to set up an authenticator app; an active one is left alone.' })
  @ApiOkResponse({ type: TotpSetupResponse })
  @ApiFailures(401, 403)
  async setUp(@CallingUser() user: SignedInUser): Promise<TotpSetupResponse> {
    const { key, uri } = await this.mfa.setUpTotp(user);
    return { key, provisioning_uri: uri, qr_code: await qrCodeDataUri(uri) };
  }

  @Post('confirm/totp')
  @HttpCode(200)
  @UserToken('write:security')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Turn the authenticator app on, with the password and a code of it.' })
  @ApiOkResponse({ schema: { example: {} } })
  @ApiFailures(401, 403, 422, 429)
  async confirm(
    @Body() { password, code }: ConfirmTotpBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<object> {
    if (code === undefined) throw new InvalidFields([{ field: 'code', kind: 'missing' }], 422);
    await this.mfa.confirmTotp(user, password, code, client);
    return {};
  }

  @Delete()
  @UserToken('write:security')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Turn every second factor off.' })
  @ApiOkResponse({ schema: { example: {} } })
  @ApiFailures(401, 403, 422, 429)
  async disableAll(
    @Body() { password = '' }: DisableMfaBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<object> {
    await this.mfa.disableAll(user, password, client);
    return {};
  }

  @Delete('totp')
  @UserToken('write:security')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Turn the authenticator app off; backup codes go with it.' })
  @ApiOkResponse({ schema: { example: {} } })
  @ApiFailures(401, 403, 422, 429)
  async disable(
    @Body() { password = '' }: DisableMfaBody,
    @CallingUser() user: SignedInUser,
    @Client() client: ClientInfo,
  ): Promise<object> {
    await this.mfa.disableTotp(user, password, client);
    return {};
  }

  @Get('backup_codes')
  @NoHead()
  @UserToken('write:security')
  @ApiOperation({ summary: 'Make ten new backup codes; earlier ones are void.' })
  @ApiOkResponse({ type: BackupCodesResponse })
  @ApiFailures(401, 403)
  async makeBackupCodes(@CallingUser() user: SignedInUser, @Client() client: ClientInfo): Promise<BackupCodesResponse> {
    return { codes: await this.mfa.makeBackupCodes(user, client) };
  }
}
