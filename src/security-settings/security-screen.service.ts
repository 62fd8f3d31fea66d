import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { sendPage } from '../common/html-document.js';
import { Config } from '../config/config.js';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { BackupCodesService } from '../mfa/backup-codes.service.js';
import { MfaService } from '../mfa/mfa.service.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { PAGE_LIFE } from '../passkeys/webauthn-challenges.service.js';
import type { SettingsCaller } from '../settings/settings-sign-in.service.js';
import { SecurityPage } from './security.page.js';

/** Which form of the screen something is wrong with. */
export interface SecurityProblem {
  where: 'totp' | 'codes' | 'passkey' | 'passkeys';
  sentence: string;
}

/** Gathers what the screen of second factors shows, and sends it. */
@Injectable()
export class SecurityScreenService {
  constructor(
    private readonly mfa: MfaService,
    private readonly codes: BackupCodesService,
    private readonly passkeys: PasskeysService,
    private readonly recoveries: FactorRecoveryService,
    private readonly config: Config,
  ) {}

  /** The screen, with the problem of a form if there is one. */
  async send(reply: FastifyReply, { user }: SettingsCaller, problem: SecurityProblem | null = null): Promise<void> {
    const { config } = this;
    const [state, codesLeft, passkeys, recoveryDueAt] = await Promise.all([
      this.mfa.state(user),
      this.codes.count(user.id),
      this.passkeys.list(user.id),
      this.recoveries.dueAt(user.id),
    ]);
    const passkeyOptions = this.passkeys.isOffered ? await this.passkeys.registrationOptions(user, PAGE_LIFE) : null;
    const { username } = user;
    const facts = { state, codesLeft, passkeys, recoveryDueAt, passkeyOptions };
    sendPage(reply, config, SecurityPage({ config, username, ...facts, problem }), { status: problem ? 422 : 200 });
  }
}
