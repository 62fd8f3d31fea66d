import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { BrowsersModule } from '../browsers/browsers.module.js';
import { UsersModule } from '../users/users.module.js';
import { HealthController } from './health.controller.js';
import { HealthService } from './health.service.js';
import { InstanceController } from './instance.controller.js';
import { InstanceService } from './instance.service.js';
import { WellKnownController } from './well-known.controller.js';

/** What this instance is, and how it feels. */
@Module({
  imports: [TerminusModule.forRoot({ logger: false }), BrowsersModule, UsersModule],
  controllers: [InstanceController, WellKnownController, HealthController],
  providers: [InstanceService, HealthService],
  exports: [HealthService],
})
export class InstanceModule {}
