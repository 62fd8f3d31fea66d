import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { BrowserSession } from './browser-session.entity.js';
import { BrowserSessionsService } from './browser-sessions.service.js';
import { SigningKey } from './signing-key.entity.js';
import { SigningKeysService } from './signing-keys.service.js';

/** Signed-in browsers and the keys that sign their cookie. */
@Module({
  imports: [TypeOrmModule.forFeature([BrowserSession, SigningKey])],
  providers: [BrowserSessionsService, SigningKeysService],
  exports: [BrowserSessionsService, SigningKeysService],
})
export class BrowsersModule {}
