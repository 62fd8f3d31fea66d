import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { Config } from '../config/config.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { isPublicName } from '../lists/host.js';
import { UsersModule } from '../users/users.module.js';
import { WebFingerClient } from '../webfinger/webfinger.client.js';
import { Import } from './import.entity.js';
import { ImportChange } from './import-change.entity.js';
import { ImportRow } from './import-row.entity.js';
import { ImportRowsService } from './import-rows.service.js';
import { ImportWorker } from './import.worker.js';
import { ImportsEndings } from './imports-endings.js';
import { ImportsService } from './imports.service.js';

/** Lists of accounts to follow, block or mute: taken in, gone through, told of, undone. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Import, ImportChange, ImportRow]),
    AuditModule,
    JobsModule,
    LimitsModule,
    UsersModule,
  ],
  providers: [
    ImportsService,
    ImportRowsService,
    ImportsEndings,
    ImportWorker,
    {
      provide: WebFingerClient,
      inject: [Config],
      useFactory: (config: Config) =>
        new WebFingerClient({
          allowPrivateHosts: config.imports.allow_private_hosts,
          isAllowedHost: (host) => config.imports.allow_private_hosts || isPublicName(host),
          userAgent: `Gatehouse (+${config.publicUrl})`,
        }),
    },
  ],
  exports: [ImportsService, ImportRowsService],
})
export class ImportsModule {}
