import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { sendPage } from '../common/html-document.js';
import { Config } from '../config/config.js';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { BackupCodesService } from '../mfa/backup-codes.service.js';
import { MfaService } from '../mfa/mfa.service.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { PAGE_LIFE } from '../passkeys/webauthn-challenges.service.js';
import { OidcClient } from '../providers/oidc.client.js';
import type { SettingsCaller } from '../settings/settings-sign-in.service.js';
import { SsoLinksService } from '../sso-links/sso-links.service.js';
import { UsersService } from '../users/users.service.js';
import { SecurityPage } from './security.page.js';

/** Which form of the screen something is wrong with. */
export interface SecurityProblem {
  where: 'totp' | 'codes' | 'passkey' | 'providers';
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
    private readonly links: SsoLinksService,
    private readonly oidc: OidcClient,
    private readonly users: UsersService,
    private readonly config: Config,
  ) {}

  /** The screen, with the problem of a form if there is one. */
  async send(reply: FastifyReply, { user }: SettingsCaller, problem: SecurityProblem | null = null): Promise<void> {
    const { config } = this;
    const [state, codesLeft, passkeys, recoveryDueAt, linked, row] = await Promise.all([
      this.mfa.state(user),
      this.codes.count(user.id),
      this.passkeys.list(user.id),
      this.recoveries.dueAt(user.id),
      this.links.list(user.id),
      this.users.find(user.id),
    ]);
    const passkeyOptions = this.passkeys.isOffered ? await this.passkeys.registrationOptions(user, PAGE_LIFE) : null;
    // A form to link one is answered with a redirect there, which the browser must be allowed to follow.
    await Promise.all(config.sso.providers.map((provider) => this.oidc.prepare(provider)));
    const { username } = user;
    const hasPassword = row !== null && row.passwordHash !== null;
    const facts = { state, codesLeft, passkeys, recoveryDueAt, passkeyOptions, linked, hasPassword };
    const page = SecurityPage({ config, username, ...facts, problem });
    sendPage(reply, config, page, { status: problem ? 422 : 200, formTargets: this.oidc.pageOrigins() });
  }
}
