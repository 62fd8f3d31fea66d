import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { BrowsersModule } from '../browsers/browsers.module.js';
import { OAuthModule } from '../oauth/oauth.module.js';
import { UsersModule } from '../users/users.module.js';
import { ConsentController } from './consent.controller.js';
import { ConsentService } from './consent.service.js';
import { LoginController } from './login.controller.js';
import { LoginService } from './login.service.js';

/** The front door: password and consent. */
@Module({
  imports: [AuditModule, BrowsersModule, OAuthModule, UsersModule],
  controllers: [LoginController, ConsentController],
  providers: [LoginService, ConsentService],
  exports: [LoginService],
})
export class AuthModule {}
