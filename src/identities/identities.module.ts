import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { UsersModule } from '../users/users.module.js';
import { IdentitiesService } from './identities.service.js';
import { LinkedIdentity } from './linked-identity.entity.js';
import { RolesService } from './roles.service.js';
import { SsoSession } from './sso-session.entity.js';
import { SsoSessionsService } from './sso-sessions.service.js';

/** Who at a provider is who here. */
@Module({
  imports: [TypeOrmModule.forFeature([LinkedIdentity, SsoSession]), AuditModule, UsersModule],
  providers: [IdentitiesService, RolesService, SsoSessionsService],
  exports: [IdentitiesService, RolesService, SsoSessionsService],
})
export class IdentitiesModule {}
