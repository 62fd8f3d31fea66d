import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { sendPage } from '../common/html-document.js';
import { Config } from '../config/config.js';
import { MfaService, NOT_STARTED } from '../mfa/mfa.service.js';
import { qrCodeSvg } from '../mfa/qr-code.js';
import type { SettingsCaller } from '../settings/settings-sign-in.service.js';
import type { ConfirmTotpForm } from './security-settings.dto.js';
import { TotpSetupPage } from './setup.page.js';

/** What the API refuses a code with, and what it says to people. */
const WRONG_CODE = { api: 'invalid_token', words: 'That code is not right. Is the clock of the phone right?' };

/** The key that was shown is no longer good. */
const TOO_LATE = 'That took longer than ten minutes. Here is a new key: scan this one instead.';

/** Leads a person through the setup of an authenticator app. */
@Injectable()
export class TotpSetupScreen {
  constructor(
    private readonly mfa: MfaService,
    private readonly config: Config,
  ) {}

  /** A new key, and the form that confirms it. */
  async begin(reply: FastifyReply, { user }: SettingsCaller): Promise<void> {
    await this.showNew(reply, user, null);
  }

  /** True when the app is on; else the form was shown again, with the same key as long as it is good. */
  async confirm(
    reply: FastifyReply,
    { user }: SettingsCaller,
    { password, code, secret }: ConfirmTotpForm,
    client: ClientInfo,
  ): Promise<boolean> {
    try {
      await this.mfa.confirmTotp(user, password, code.replaceAll(' ', ''), client);
      return true;
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'rejected') throw error;
      const isGood = error.message !== NOT_STARTED && /^[A-Z2-7]{32}$/.test(secret);
      const words = error.message === WRONG_CODE.api ? WRONG_CODE.words : error.message;
      if (isGood) await this.send(reply, user.username, secret, this.mfa.totpUri(user, secret), words);
      else await this.showNew(reply, user, TOO_LATE);
      return false;
    }
  }

  private async showNew(reply: FastifyReply, user: SettingsCaller['user'], problem: string | null): Promise<void> {
    const { key, uri } = await this.mfa.setUpTotp(user);
    await this.send(reply, user.username, key, uri, problem);
  }

  private async send(
    reply: FastifyReply,
    username: string,
    secret: string,
    uri: string,
    problem: string | null,
  ): Promise<void> {
    const qrCode = await qrCodeSvg(uri);
    const page = TotpSetupPage({ config: this.config, username, secret, qrCode, uri, problem });
    sendPage(reply, this.config, page, { status: problem === null ? 200 : 422 });
  }
}
