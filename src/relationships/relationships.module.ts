import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { RelationshipsPurge } from './relationships.purge.js';
import { RelationshipsService } from './relationships.service.js';

/** The social graph: who follows, blocks and mutes whom. */
@Module({
  imports: [AuditModule],
  providers: [RelationshipsService, RelationshipsPurge],
  exports: [RelationshipsService],
})
export class RelationshipsModule {}
