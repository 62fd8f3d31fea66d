import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { IdentitiesModule } from '../identities/identities.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { UsersModule } from '../users/users.module.js';
import { Backup } from './backup.entity.js';
import { BackupWorker } from './backup.worker.js';
import { BackupsController } from './backups.controller.js';
import { BackupsService } from './backups.service.js';

/** Copies of their data for people to take along. */
@Module({
  imports: [TypeOrmModule.forFeature([Backup]), AuditModule, IdentitiesModule, JobsModule, UsersModule],
  controllers: [BackupsController],
  providers: [BackupsService, BackupWorker],
  exports: [BackupsService],
})
export class BackupsModule {}
