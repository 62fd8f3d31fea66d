import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ApiConsumes, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApplicationsService } from '../applications/applications.service.js';
import { AnyToken, Open } from '../common/access.js';
import { ApiFailures } from '../common/api-failures.js';
import { BODY_TYPES } from '../common/body-types.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { LimitedByAddress } from '../limits/limited.js';
import { Caller, type Principal } from '../sessions/principal.js';
import {
  AppResponse,
  mapApp,
  mapRegisteredApp,
  readRegistration,
  RegisterAppBody,
  RegisteredAppResponse,
} from './apps.dto.js';
import { AppsService } from './apps.service.js';

/** Registration of client programs, as Mastodon's clients do it (contract.md §2.1, §2.2). */
@ApiTags('OAuth')
@Controller('api/v1/apps')
export class AppsController {
  constructor(
    private readonly apps: AppsService,
    private readonly applications: ApplicationsService,
  ) {}

  @Post()
  @HttpCode(200)
  @Open()
  @LimitedByAddress('app_registrations')
  @ApiConsumes(...BODY_TYPES)
  @ApiOperation({ summary: 'Register a client program.' })
  @ApiOkResponse({ type: RegisteredAppResponse })
  @ApiFailures(400, 422)
  async register(@Body() body: RegisterAppBody, @Client() client: ClientInfo): Promise<RegisteredAppResponse> {
    return mapRegisteredApp(await this.apps.register(readRegistration(body), client));
  }

  @Get('verify_credentials')
  @AnyToken()
  @ApiOperation({ summary: 'The client program that an access token belongs to.' })
  @ApiOkResponse({ type: AppResponse })
  @ApiFailures(401)
  async verify(@Caller() { applicationId }: Principal): Promise<AppResponse> {
    return mapApp(await this.applications.get(applicationId));
  }
}
