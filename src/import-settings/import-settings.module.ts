import { type DynamicModule, Module } from '@nestjs/common';
import type { Config } from '../config/config.js';
import { ImportsModule } from '../imports/imports.module.js';
import { ImportSettingsController } from './import-settings.controller.js';

/** The settings' screens of imports; part of the built-in frontend. */
@Module({})
export class ImportSettingsModule {
  /** `settings` is the module that the app has, not a second one of its kind. */
  static on(config: Config, settings: DynamicModule): DynamicModule {
    return {
      module: ImportSettingsModule,
      imports: [ImportsModule, settings],
      controllers: config.frontend.builtin ? [ImportSettingsController] : [],
    };
  }
}
