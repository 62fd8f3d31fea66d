import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { PasskeysModule } from '../passkeys/passkeys.module.js';
import { UsersModule } from '../users/users.module.js';
import { BackupCode } from './backup-code.entity.js';
import { BackupCodesService } from './backup-codes.service.js';
import { MfaController } from './mfa.controller.js';
import { MfaService } from './mfa.service.js';
import { SecondFactorService } from './second-factor.service.js';
import { TotpCredential } from './totp-credential.entity.js';
import { TotpService } from './totp.service.js';
import { UndefinedMethodsController } from './undefined-methods.controller.js';

/** What is asked for besides a password. */
@Module({
  imports: [
    TypeOrmModule.forFeature([BackupCode, TotpCredential]),
    AuditModule,
    LimitsModule,
    PasskeysModule,
    UsersModule,
  ],
  controllers: [MfaController, UndefinedMethodsController],
  providers: [MfaService, SecondFactorService, TotpService, BackupCodesService],
  exports: [MfaService, SecondFactorService, BackupCodesService],
})
export class MfaModule {}
