import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Browser } from '../common/access.js';
import { Client, type ClientInfo } from '../common/client-info.js';
import { sendPage } from '../common/html-document.js';
import { NoHead, Speaks } from '../common/route-config.js';
import { Config } from '../config/config.js';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { MfaService } from '../mfa/mfa.service.js';
import { PasskeyManagementService } from '../passkeys/passkey-management.service.js';
import { SettingsGate } from '../settings/settings-gate.js';
import type { SettingsCaller } from '../settings/settings-sign-in.service.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import { SecurityScreenService, type SecurityProblem } from './security-screen.service.js';
import {
  AddPasskeyForm,
  ConfirmTotpForm,
  OptionalPasswordForm,
  PasswordForm,
  RenamePasskeyForm,
} from './security-settings.dto.js';
import { SECURITY_PATH } from './security.page.js';
import { BackupCodesPage } from './setup.page.js';
import { TotpSetupScreen } from './totp-setup-screen.service.js';

/** The screen where a person adds and removes second factors; every form asks for the password. */
@ApiExcludeController()
@Browser()
@Speaks('oauth')
@Controller(SECURITY_PATH)
export class SecuritySettingsController {
  constructor(
    private readonly gate: SettingsGate,
    private readonly screen: SecurityScreenService,
    private readonly setup: TotpSetupScreen,
    private readonly mfa: MfaService,
    private readonly passkeys: PasskeyManagementService,
    private readonly recoveries: FactorRecoveryService,
    private readonly passwords: PasswordCheckService,
    private readonly config: Config,
  ) {}

  @Get()
  @NoHead()
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.gate.admit(request, reply);
    if (caller) await this.screen.send(reply, caller);
  }

  @Post('totp')
  async setUpTotp(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const caller = await this.gate.admitForm(request, reply);
    if (caller) await this.setup.begin(reply, caller);
  }

  @Post('totp/confirm')
  async confirmTotp(
    @Body() form: ConfirmTotpForm,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.gate.admitForm(request, reply);
    if (caller && (await this.setup.confirm(reply, caller, form, client))) this.gate.goTo(reply, SECURITY_PATH);
  }

  @Post('totp/remove')
  async removeTotp(
    @Body() { password }: PasswordForm,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt('totp', request, reply, ({ user }) => this.mfa.disableTotp(user, password, client));
  }

  @Post('codes')
  async makeCodes(
    @Body() { password }: PasswordForm,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { config } = this;
    await this.attempt('codes', request, reply, async ({ user }) => {
      await this.passwords.demand(user, password, client);
      const codes = await this.mfa.makeBackupCodes(user, client);
      sendPage(reply, config, BackupCodesPage({ config, username: user.username, codes }));
    });
  }

  @Post('passkeys')
  async addPasskey(
    @Body() form: AddPasskeyForm,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { name, response, password } = form;
    await this.attempt('passkey', request, reply, async ({ user, sessionId }) => {
      await this.passkeys.add({ ...user, sessionId }, { name, response, password }, client);
    });
  }

  @Post('passkeys/:id/rename')
  async renamePasskey(
    @Param('id') id: string,
    @Body() { name }: RenamePasskeyForm,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt('passkey', request, reply, async ({ user, sessionId }) => {
      await this.passkeys.rename({ ...user, sessionId }, id, name, client);
    });
  }

  @Post('passkeys/:id/remove')
  async removePasskey(
    @Param('id') id: string,
    @Body() { password }: OptionalPasswordForm,
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.attempt('passkey', request, reply, ({ user, sessionId }) =>
      this.passkeys.remove({ ...user, sessionId }, id, password, client),
    );
  }

  @Post('recovery/stop')
  async stopRecovery(
    @Client() client: ClientInfo,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const caller = await this.gate.admitForm(request, reply);
    if (!caller) return;
    await this.recoveries.stop(caller.user.id, client);
    this.gate.goTo(reply, SECURITY_PATH);
  }

  /** Does what a form asks for, then shows the screen; a refusal shows it with the sentence beside the form. */
  private async attempt(
    where: SecurityProblem['where'],
    request: FastifyRequest,
    reply: FastifyReply,
    work: (caller: SettingsCaller) => Promise<void>,
  ): Promise<void> {
    const showProblem = (caller: SettingsCaller, sentence: string) =>
      this.screen.send(reply, caller, { where, sentence });
    await this.gate.attempt(request, reply, work, showProblem);
    if (!reply.sent) this.gate.goTo(reply, SECURITY_PATH);
  }
}
