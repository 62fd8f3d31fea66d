import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { Config } from '../config/config.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { isPublicName } from '../lists/host.js';
import { RelationshipsModule } from '../relationships/relationships.module.js';
import { UsersModule } from '../users/users.module.js';
import { WebFingerClient } from '../webfinger/webfinger.client.js';
import { ImportAnswers } from './import-answers.js';
import { ImportWorker } from './import.worker.js';
import { ImportsEndings } from './imports-endings.js';

/** What is done with the rows of imports: looked up, applied, removed, undone. */
@Module({
  imports: [AuditModule, JobsModule, RelationshipsModule, UsersModule],
  providers: [
    ImportAnswers,
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
})
export class ImportWorkModule {}
