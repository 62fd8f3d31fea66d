import { Module } from '@nestjs/common';
import { FrontendConfigController } from './frontend-config.controller.js';

/** Serves the configured `frontend.settings` object verbatim. */
@Module({ controllers: [FrontendConfigController] })
export class FrontendConfigModule {}
