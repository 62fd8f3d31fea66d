import { Module } from '@nestjs/common';
import { ImportsModule } from '../imports/imports.module.js';
import { ImportEventsController } from './import-events.controller.js';
import { ImportEventsService } from './import-events.service.js';
import { ImportsController } from './imports.controller.js';
import { SeedImportsController } from './seed-imports.controller.js';

/** Imports over HTTP. */
@Module({
  imports: [ImportsModule],
  controllers: [SeedImportsController, ImportsController, ImportEventsController],
  providers: [ImportEventsService],
})
export class ImportRoutesModule {}
