import { Body, Controller, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChangeEmailBody, ChangePasswordBody, PasswordParameters } from '../account/account-actions.dto.js';
import { AccountEndingService } from '../account/account-ending.service.js';
import { ChangeEmailService } from '../account/change-email.service.js';
import { ChangePasswordService } from '../account/change-password.service.js';
import { sendArchive } from '../backups/backups.dto.js';
import { BackupsService } from '../backups/backups.service.js';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import type { ErrorCode } from '../common/errors.js';
import { readRecordId } from '../common/record-id.js';
import { NoHead, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import { AccountScreenService, type Problem } from './account-screen.service.js';
import { SETTINGS_PATH } from './settings-cookies.js';
import { SettingsGate, SIGNED_OUT } from './settings-gate.js';
import type { SettingsCaller } from './settings-sign-in.service.js';
import { AccountScreenQuery } from './settings.dto.js';

const ACCOUNT = `${SETTINGS_PATH}/account`;

/** The screen where a person changes or ends their account, by the same rules as the API (contract.md §5). */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller(ACCOUNT)
export class AccountSettingsController {
  constructor(
    private readonly gate: SettingsGate,
    private readonly screen: AccountScreenService,
    private readonly passwordChanges: ChangePasswordService,
    private readonly emailChanges: ChangeEmailService,
    private readonly endings: AccountEndingService,
    private readonly passwords: PasswordCheckService,
    private readonly backups: BackupsService,
    private readonly config: Config,
  ) {}

  @Get()
  @NoHead()
  async show(
    @Query() { done }: AccountScreenQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (caller) await this.screen.send(reply, caller, { done: done ?? null });
  }

  @Post('password')
  async changePassword(
    @Body() body: ChangePasswordBody,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt({ form: 'password' }, request, reply, async ({ user, sessionId }) => {
      await this.passwordChanges.change({ ...user, sessionId }, body, client);
      this.gate.goTo(reply, `${ACCOUNT}?done=password`);
    });
  }

  @Post('email')
  async changeEmail(
    @Body() body: ChangeEmailBody,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt({ form: 'email', email: body.email }, request, reply, async ({ user, sessionId }) => {
      await this.emailChanges.request({ ...user, sessionId }, body, client);
      const isPending = this.config.smtpUrl !== null && body.email !== '';
      this.gate.goTo(reply, `${ACCOUNT}?done=${isPending ? 'email_pending' : 'email'}`);
    });
  }

  @Post('disable')
  async disable(
    @Body() { password = '' }: PasswordParameters,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt({ form: 'disable' }, request, reply, async ({ user }) => {
      await this.passwords.demand(user, password, client);
      await this.endings.disable(user.id, 'owner', client);
      this.gate.leave(reply, `${SIGNED_OUT}?after=disabled`);
    });
  }

  @Post('delete')
  async delete(
    @Body() { password = '' }: PasswordParameters,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt({ form: 'delete' }, request, reply, async ({ user }) => {
      await this.passwords.demand(user, password, client);
      await this.endings.scheduleDeletion(user.id, client);
      this.gate.leave(reply, `${SIGNED_OUT}?after=deleted`);
    });
  }

  @Post('backups')
  async requestBackup(
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt({ form: 'backups' }, request, reply, async ({ user, applicationId }) => {
      await this.backups.request(user.id, { applicationId, client });
      this.gate.goTo(reply, `${ACCOUNT}?done=backup`);
    });
  }

  @Get('backups/:id')
  @NoHead()
  async download(
    @Param('id') id: string,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (!caller) return;
    const { user, applicationId } = caller;
    sendArchive(reply, await this.backups.readFile(user.id, readRecordId(id), { applicationId, client }));
  }

  /** Does what a form asks for; a refusal shows the screen again, with the sentence beside the form. */
  private async attempt(
    sent: Omit<Problem, 'sentence'>,
    request: FastifyRequest,
    reply: FastifyReply,
    work: (caller: SettingsCaller) => Promise<void>,
  ): Promise<void> {
    const showProblem = (caller: SettingsCaller, sentence: string) =>
      this.screen.send(reply, caller, { problem: { ...sent, sentence } });
    // An archive is refused by when the last one was made (contract.md §5.10).
    const shown: ErrorCode[] = sent.form === 'backups' ? ['rejected', 'invalid_request'] : ['rejected'];
    await this.gate.attempt(request, reply, work, showProblem, shown);
  }
}
