import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { UsersModule } from '../users/users.module.js';
import { LastUse } from './last-use.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsPurge } from './sessions.purge.js';
import { SessionsService } from './sessions.service.js';

/** Grants to clients, and the tokens that descend from them. */
@Module({
  imports: [AuditModule, UsersModule],
  controllers: [SessionsController],
  providers: [SessionsService, SessionsPurge, LastUse],
  exports: [SessionsService],
})
export class SessionsModule {}
