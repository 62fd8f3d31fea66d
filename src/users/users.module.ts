import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LimitsModule } from '../limits/limits.module.js';
import { PasswordCheckService } from './password-check.service.js';
import { PasswordHasher } from './password-hasher.js';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/** People with local accounts. */
@Module({
  imports: [TypeOrmModule.forFeature([User]), LimitsModule],
  providers: [UsersService, PasswordCheckService, PasswordHasher],
  exports: [UsersService, PasswordCheckService],
})
export class UsersModule {}
