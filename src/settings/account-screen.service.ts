import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ChangeEmailService } from '../account/change-email.service.js';
import { BackupsService } from '../backups/backups.service.js';
import { sendPage } from '../common/html-document.js';
import { Config } from '../config/config.js';
import { UsersService } from '../users/users.service.js';
import { AccountPage } from './account.page.js';
import type { SettingsCaller } from './settings-sign-in.service.js';
import type { Done } from './settings.dto.js';

/** The forms of the screen, by the last part of the path that each is sent to. */
export type AccountForm = 'email' | 'password' | 'backups' | 'disable' | 'delete';

/** Why what was sent by a form was not done. */
export interface Problem {
  form: AccountForm;
  sentence: string;
  /** The address that was asked for, to be corrected; nothing else that is sent here is ever shown again. */
  email?: string;
}

/** Gathers what the account screen shows, and sends it. */
@Injectable()
export class AccountScreenService {
  constructor(
    private readonly users: UsersService,
    private readonly emailChanges: ChangeEmailService,
    private readonly backups: BackupsService,
    private readonly config: Config,
  ) {}

  /** The screen after something was done, or with the problem of a form. */
  async send(
    reply: FastifyReply,
    { user }: SettingsCaller,
    { done = null, problem = null }: { done?: Done | null; problem?: Problem | null },
  ): Promise<void> {
    const [row, pending, backups] = await Promise.all([
      this.users.find(user.id),
      this.emailChanges.pending(user.id),
      this.backups.list(user.id),
    ]);
    const { config } = this;
    const { username } = user;
    const { email = null, passwordHash = null } = row ?? {};
    const hasPassword = passwordHash !== null;
    const page = AccountPage({ config, username, email, hasPassword, pending, backups, done, problem });
    sendPage(reply, config, page, { status: problem ? 422 : 200 });
  }
}
