import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { Import } from './import.entity.js';
import { ImportChange } from './import-change.entity.js';
import { ImportRow } from './import-row.entity.js';
import { ImportRowsService } from './import-rows.service.js';
import { ImportsService } from './imports.service.js';

/** Lists of accounts to follow, block or mute: taken in, told of, stopped and taken back at their owner's word. */
@Module({
  imports: [TypeOrmModule.forFeature([Import, ImportChange, ImportRow]), AuditModule, JobsModule, LimitsModule],
  providers: [ImportsService, ImportRowsService],
  exports: [ImportsService, ImportRowsService],
})
export class ImportsModule {}
