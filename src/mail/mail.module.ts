import { Module } from '@nestjs/common';
import { JobsModule } from '../jobs/jobs.module.js';
import { MailService } from './mail.service.js';
import { MailTransport } from './mail-transport.js';
import { MailWorker } from './mail.worker.js';
import { OutboxService } from './outbox.service.js';

/** The outbox and the worker that empties it. */
@Module({
  imports: [JobsModule],
  providers: [MailService, MailTransport, MailWorker, OutboxService],
  exports: [MailService, OutboxService],
})
export class MailModule {}
