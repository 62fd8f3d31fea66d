import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { RelationshipsModule } from '../relationships/relationships.module.js';
import { AccountListsController } from './account-lists.controller.js';
import { AccountListsService } from './account-lists.service.js';
import { AccountsController } from './accounts.controller.js';
import { FollowRequestsController } from './follow-requests.controller.js';
import { PreferencesController } from './preferences.controller.js';
import { ProfileService } from './profile.service.js';
import { RelationsController } from './relations.controller.js';

/** Accounts as Mastodon's clients see them: profiles, lists, and what one does to another. */
@Module({
  imports: [AuditModule, RelationshipsModule],
  controllers: [
    AccountsController,
    AccountListsController,
    RelationsController,
    FollowRequestsController,
    PreferencesController,
  ],
  providers: [AccountListsService, ProfileService],
})
export class AccountsModule {}
