import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { BrowsersModule } from '../browsers/browsers.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { AccessGuard } from './access.guard.js';
import { BearerStrategy } from './bearer.strategy.js';
import { SessionCookieStrategy } from './session-cookie.strategy.js';

/** Recognises who calls and guards every route by what it declares. */
@Module({
  imports: [BrowsersModule, LimitsModule, SessionsModule],
  providers: [BearerStrategy, SessionCookieStrategy, { provide: APP_GUARD, useClass: AccessGuard }],
})
export class AccessModule {}
