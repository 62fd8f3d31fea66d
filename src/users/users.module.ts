import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LimitsModule } from '../limits/limits.module.js';
import { PasswordsModule } from '../passwords/passwords.module.js';
import { PasswordCheckService } from './password-check.service.js';
import { MailToken } from './mail-token.entity.js';
import { MailTokensService } from './mail-tokens.service.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/** People with local accounts. */
@Module({
  imports: [TypeOrmModule.forFeature([MailToken, User]), LimitsModule, PasswordsModule],
  providers: [UsersService, PasswordCheckService, MailTokensService],
  exports: [UsersService, PasswordCheckService, MailTokensService, PasswordsModule],
})
export class UsersModule {}
