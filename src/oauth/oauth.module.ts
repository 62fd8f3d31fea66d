import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ApplicationsModule } from '../applications/applications.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { AppsController } from './apps.controller.js';
import { AppsService } from './apps.service.js';
import { AuthorizationCode } from './authorization-code.entity.js';
import { AuthorizationCodesService } from './authorization-codes.service.js';
import { AuthorizationRequests } from './authorization-request.js';
import { TokenController } from './token.controller.js';
import { TokenManagementController } from './token-management.controller.js';
import { TokenManagementService } from './token-management.service.js';
import { TokenService } from './token.service.js';
import { UserinfoController } from './userinfo.controller.js';

/** The OAuth server as clients meet it: registration, authorization requests, codes, tokens. */
@Module({
  imports: [
    TypeOrmModule.forFeature([AuthorizationCode]),
    ApplicationsModule,
    AuditModule,
    LimitsModule,
    SessionsModule,
    UsersModule,
  ],
  controllers: [AppsController, TokenController, TokenManagementController, UserinfoController],
  providers: [AppsService, AuthorizationCodesService, AuthorizationRequests, TokenService, TokenManagementService],
  exports: [
    AppsService,
    AuthorizationCodesService,
    AuthorizationRequests,
    TokenService,
    TokenManagementService,
    ApplicationsModule,
  ],
})
export class OAuthModule {}
