import { Controller, Delete, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { UserToken } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { CallingUser, type SignedInUser } from '../sessions/principal.js';
import { FactorRecoveryService } from './factor-recovery.service.js';

/** Whether somebody waits for the second factors of the account to be removed. */
export class FactorRecoveryResponse {
  @ApiProperty({
    type: String,
    nullable: true,
    example: '2026-01-05T03:04:05.678Z',
    description: 'When they go, unless somebody objects; null when nobody waits.',
  })
  due_at: string | null;
}

/** The wait of somebody who says that every second factor is lost, and the objection of who is signed in; Gatehouse's own API. */
@ApiTags('Second factors')
@Controller('api/v1/gatehouse/mfa_recovery')
export class FactorRecoveryController {
  constructor(private readonly recoveries: FactorRecoveryService) {}

  @Get()
  @UserToken('read:security')
  @ApiOperation({ summary: 'Whether the second factors of the calling person are about to be removed.' })
  @ApiOkResponse({ type: FactorRecoveryResponse })
  @ApiFailures(401, 403)
  async show(@CallingUser() { id }: SignedInUser): Promise<FactorRecoveryResponse> {
    return { due_at: (await this.recoveries.dueAt(id))?.toISOString() ?? null };
  }

  @Delete()
  @UserToken('write:security')
  @ApiOperation({ summary: 'Object: the factors stay.' })
  @ApiOkResponse({ schema: { example: {} } })
  @ApiFailures(401, 403, 404)
  async stop(@CallingUser() { id }: SignedInUser, @Client() client: ClientInfo): Promise<object> {
    if (!(await this.recoveries.stop(id, client))) throw new Refusal('record_not_found');
    return {};
  }
}
