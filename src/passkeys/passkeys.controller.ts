import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { PublicKeyCredentialCreationOptionsJSON } from '@simplewebauthn/server';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from '../sessions/principal.js';
import { PasskeyManagementService } from './passkey-management.service.js';
import { AddPasskeyBody, mapPasskey, PasskeyResponse, RemovePasskeyBody, RenamePasskeyBody } from './passkeys.dto.js';
import { PasskeysService } from './passkeys.service.js';

/** A person's passkeys and security keys; Gatehouse's own API. */
@ApiTags('Second factors')
@Controller('api/v1/gatehouse/passkeys')
export class PasskeysController {
  constructor(
    private readonly passkeys: PasskeysService,
    private readonly management: PasskeyManagementService,
  ) {}

  @Get()
  @UserToken('read:security')
  @ApiOperation({ summary: 'List the passkeys of the calling person, oldest first.' })
  @ApiOkResponse({ type: [PasskeyResponse] })
  @ApiFailures(401, 403)
  async list(@CallingUser() { id }: SignedInUser): Promise<PasskeyResponse[]> {
    return (await this.passkeys.list(id)).map(mapPasskey);
  }

  @Post('options')
  @HttpCode(200)
  @UserToken('write:security')
  @ApiOperation({
    summary: 'What `navigator.credentials.create` needs; good for five minutes, once. Takes no parameters.',
  })
  @ApiOkResponse({ description: 'PublicKeyCredentialCreationOptionsJSON (WebAuthn Level 3 §5.4).' })
  @ApiFailures(401, 403)
  options(@CallingUser() user: SignedInUser): Promise<PublicKeyCredentialCreationOptionsJSON> {
    return this.passkeys.registrationOptions(user);
  }

  @Post()
  @HttpCode(200)
  @UserToken('write:security')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Keep the passkey that the browser has made.' })
  @ApiOkResponse({ type: PasskeyResponse })
  @ApiFailures(400, 401, 403, 422, 429)
  async add(
    @Body() { name, response, password }: AddPasskeyBody,
    @CallingUser() user: SignedInUser,
    @Caller() { sessionId }: Principal,
    @Client() client: ClientInfo,
  ): Promise<PasskeyResponse> {
    return mapPasskey(await this.management.add({ ...user, sessionId }, { name, response, password }, client));
  }

  @Patch(':id')
  @UserToken('write:security')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Give a passkey another name.' })
  @ApiOkResponse({ type: PasskeyResponse })
  @ApiFailures(400, 401, 403, 404)
  async rename(
    @Param('id') id: string,
    @Body() { name }: RenamePasskeyBody,
    @CallingUser() user: SignedInUser,
    @Caller() { sessionId }: Principal,
    @Client() client: ClientInfo,
  ): Promise<PasskeyResponse> {
    return mapPasskey(await this.management.rename({ ...user, sessionId }, id, name, client));
  }

  @Delete(':id')
  @UserToken('write:security')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Remove a passkey.' })
  @ApiOkResponse({ schema: { example: {} } })
  @ApiFailures(400, 401, 403, 404, 422, 429)
  async remove(
    @Param('id') id: string,
    @Body() { password }: RemovePasskeyBody,
    @CallingUser() user: SignedInUser,
    @Caller() { sessionId }: Principal,
    @Client() client: ClientInfo,
  ): Promise<object> {
    await this.management.remove({ ...user, sessionId }, id, password, client);
    return {};
  }
}
