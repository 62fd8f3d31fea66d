import { Injectable } from '@nestjs/common';
import type { PublicKeyCredentialRequestOptionsJSON } from '@simplewebauthn/server';
import { AuditService } from '../audit/audit.service.js';
import { type ClientInfo, networkOf } from '../common/client-info.js';
import { AuthorizationRefusal, type OAuthParameters } from '../common/errors.js';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { LimitsService } from '../limits/limits.service.js';
import { AuthorizationRequests } from '../oauth/authorization-request.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { UsersService } from '../users/users.service.js';
import type { BrowserStep } from './browser-step.js';
import { SignInService, WRONG_CREDENTIALS } from './sign-in.service.js';

/** Signs browsers in by a passkey alone: it proves that somebody holds it, and that they are its owner. */
@Injectable()
export class PasskeySignInService {
  constructor(
    private readonly requests: AuthorizationRequests,
    private readonly passkeys: PasskeysService,
    private readonly users: UsersService,
    private readonly signIns: SignInService,
    private readonly recoveries: FactorRecoveryService,
    private readonly limits: LimitsService,
    private readonly audit: AuditService,
  ) {}

  /** Whether passkeys work on our public URL. */
  get isOffered(): boolean {
    return this.passkeys.isOffered;
  }

  /** What a browser needs, within so many seconds; it asks its owner which of their passkeys it shall be. */
  options(life?: number): Promise<PublicKeyCredentialRequestOptionsJSON> {
    return this.passkeys.authenticationOptions('sign_in', null, life);
  }

  /**
   * The checks stand in the order of contract.md §3.3.1. No second factor is asked for: user verification was demanded.
   * @throws Refusal that must not be redirected, AuthorizationRefusal that goes to the login page
   */
  async signIn(parameters: OAuthParameters, response: string, client: ClientInfo): Promise<BrowserStep> {
    await this.limits.demand('password_address', networkOf(client.ip));
    const request = await this.requests.read(parameters, { takesDefaults: false });
    const { ownerId, isProved } = await this.passkeys.authenticate(response, 'sign_in', null);
    const user = ownerId !== null && isProved ? await this.users.find(ownerId) : null;
    if (!user) {
      await this.limits.tryConsume('password_address', networkOf(client.ip));
      const type = ownerId === null ? 'login.failed' : 'passkey.refused';
      await this.audit.record({ type, userId: ownerId, applicationId: request.client.id }, client);
      throw new AuthorizationRefusal('invalid_grant', WRONG_CREDENTIALS, request.parameters);
    }
    await this.recoveries.stop(user.id, client);
    return this.signIns.complete(user, request, client, { withSecondFactor: true, ssoSessionId: null });
  }
}
