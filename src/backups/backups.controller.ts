import { Controller, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { readRecordId } from '../common/record-id.js';
import { Config } from '../config/config.js';
import { Caller, CallingUser, type Principal, type SignedInUser } from '../sessions/principal.js';
import { ARCHIVE_TYPE, BackupResponse, mapBackup, sendArchive } from './backups.dto.js';
import { BackupsService } from './backups.service.js';

/** A copy of one's data to take along (Pleroma's account API; contract.md §5.10). */
@ApiTags('Accounts')
@Controller('api')
export class BackupsController {
  constructor(
    private readonly backups: BackupsService,
    private readonly config: Config,
  ) {}

  @Get(['pleroma/backups', 'v1/pleroma/backups'])
  @UserToken('read:backups')
  @ApiOperation({ summary: 'List the copies of their data that the calling person asked for in the last 7 days.' })
  @ApiOkResponse({ type: [BackupResponse] })
  @ApiFailures(401, 403)
  async list(@CallingUser() { id }: SignedInUser): Promise<BackupResponse[]> {
    return (await this.backups.list(id)).map((backup) => mapBackup(this.config, backup));
  }

  @Post(['pleroma/backups', 'v1/pleroma/backups'])
  @HttpCode(200)
  @UserToken('read:backups')
  @ApiOperation({ summary: 'Ask for a copy of the calling person’s data; one in 7 days. Takes no parameters.' })
  @ApiOkResponse({ type: [BackupResponse], description: 'The list with the new one; a mail tells when it is ready.' })
  @ApiFailures(400, 401, 403)
  async request(
    @CallingUser() user: SignedInUser,
    @Caller() { applicationId }: Principal,
    @Client() client: ClientInfo,
  ): Promise<BackupResponse[]> {
    await this.backups.request(user.id, { applicationId, client });
    return this.list(user);
  }

  @Get('v1/backups/:id/file')
  @UserToken('read:backups')
  @ApiOperation({ summary: 'Download a finished copy.' })
  @ApiProduces(ARCHIVE_TYPE)
  @ApiOkResponse({ description: 'A ZIP archive.', schema: { type: 'string', format: 'binary' } })
  @ApiFailures(401, 403, 404)
  async download(
    @CallingUser() { id: userId }: SignedInUser,
    @Caller() { applicationId }: Principal,
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Req() { method }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // HEAD takes nothing away (contract.md §0.2).
    const by = method === 'HEAD' ? null : { applicationId, client };
    sendArchive(reply, await this.backups.readFile(userId, readRecordId(id), by));
  }
}
