import { Module } from '@nestjs/common';
import { JobsService } from './jobs.service.js';

/** The durable queue. */
@Module({ providers: [JobsService], exports: [JobsService] })
export class JobsModule {}
