import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { SessionsModule } from '../sessions/sessions.module.js';
import { UsersModule } from '../users/users.module.js';
import { Passkey } from './passkey.entity.js';
import { PasskeyManagementService } from './passkey-management.service.js';
import { PasskeysController } from './passkeys.controller.js';
import { PasskeysService } from './passkeys.service.js';
import { UsedChallenge } from './used-challenge.entity.js';
import { WebAuthnChallengesService } from './webauthn-challenges.service.js';

/** Passkeys and security keys: what they are, and what they prove. */
@Module({
  imports: [TypeOrmModule.forFeature([Passkey, UsedChallenge]), AuditModule, SessionsModule, UsersModule],
  controllers: [PasskeysController],
  providers: [PasskeysService, PasskeyManagementService, WebAuthnChallengesService],
  exports: [PasskeysService, PasskeyManagementService],
})
export class PasskeysModule {}
