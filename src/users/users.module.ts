import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.js';
import { LimitsModule } from '../limits/limits.module.js';
import { MailModule } from '../mail/mail.module.js';
import { NoticesService } from './notices.service.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { PasswordCheckService } from './password-check.service.js';
import { MailToken } from './mail-token.entity.js';
import { MailTokensService } from './mail-tokens.service.js';
import { User } from './user.entity.js';
import { UserImportService } from './user-import.service.js';
import { UsersService } from './users.service.js';

/** People with local accounts. */
@Module({
  imports: [
    TypeOrmModule.forFeature([MailToken, User]),
    AuditModule,
    AuditModule,
    LimitsModule,
    MailModule,
    PasswordsModule,
  ],
  providers: [UsersService, PasswordCheckService, MailTokensService, NoticesService, UserImportService],
  exports: [UsersService, PasswordCheckService, MailTokensService, NoticesService, UserImportService, PasswordsModule],
})
export class UsersModule {}
