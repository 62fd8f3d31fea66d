import { Injectable } from '@nestjs/common';
import type { PublicKeyCredentialRequestOptionsJSON } from '@simplewebauthn/server';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, type OAuthParameters } from '../common/errors.js';
import { oauthPairs, pageUrl } from '../common/oauth-redirects.js';
import { Config } from '../config/config.js';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { LimitsService } from '../limits/limits.service.js';
import { type ChallengeType, SecondFactorService, type ShownFactor } from '../mfa/second-factor.service.js';
import { AuthorizationRequests } from '../oauth/authorization-request.js';
import { PasskeysService } from '../passkeys/passkeys.service.js';
import { UsersService } from '../users/users.service.js';
import type { BrowserStep } from './browser-step.js';
import type { PendingSignIn } from './pending-sign-in.entity.js';
import { MOST_ATTEMPTS, PendingSignInsService } from './pending-sign-ins.service.js';
import { SignInService } from './sign-in.service.js';

/** What the page of a waiting sign-in shows. */
export interface WaitingSignIn {
  challenges: readonly ChallengeType[];
  /** For a browser that can use a passkey; null where the account has none. */
  passkeyOptions: PublicKeyCredentialRequestOptionsJSON | null;
  /** Whether the factors can be taken away after a wait. */
  canRecover: boolean;
  /** When they will be, because that was asked for and confirmed. */
  recoveryDueAt: Date | null;
}

/** The step between the right password and a signed-in browser, for accounts with a second factor (contract.md §3.4). */
@Injectable()
export class SecondFactorStepService {
  constructor(
    private readonly pending: PendingSignInsService,
    private readonly factors: SecondFactorService,
    private readonly passkeys: PasskeysService,
    private readonly requests: AuthorizationRequests,
    private readonly users: UsersService,
    private readonly recoveries: FactorRecoveryService,
    private readonly limits: LimitsService,
    private readonly signIns: SignInService,
    private readonly config: Config,
  ) {}

  /**
   * Looks at what is shown and goes on as a completed sign-in, or back to the page for another try.
   * @throws AuthorizationRefusal "Please sign in again" when this sign-in is over, Refusal `throttled`
   */
  async submit(
    token: string,
    cookie: string | undefined,
    shown: ShownFactor,
    client: ClientInfo,
  ): Promise<BrowserStep> {
    const found = await this.pending.find(token, cookie, 'second_factor');
    if (!found) throw signInAgain({});
    if (!(await this.pending.isLive(found))) throw signInAgain(found.parameters);
    // Before anything is spent: the client may be gone, and what is throttled is no attempt.
    const request = await this.requests.read(found.parameters, { takesDefaults: false });
    await this.factors.demandBudget(found.userId);
    // Counted before it is looked at: of twenty at once, five are.
    const attempt = await this.pending.countAttempt(found);
    if (attempt === null) throw signInAgain(found.parameters);
    if (!(await this.factors.check(found.userId, shown, client, request.client.id))) {
      if (attempt < MOST_ATTEMPTS) return this.again(token, found);
      // Its row stays until its time is over: a right code of the same moment may still be on its way to it.
      throw signInAgain(found.parameters);
    }
    // Two right answers at once, of different kinds, are still one sign-in.
    if (!(await this.pending.end(found))) throw signInAgain(found.parameters);
    const user = await this.users.find(found.userId);
    if (!user) throw signInAgain(found.parameters);
    // The epoch of the password check: a password changed meanwhile ends this sign-in as well.
    await this.recoveries.stop(user.id, client);
    const proved = { ...user, credentialEpoch: found.credentialEpoch };
    const step = await this.signIns.complete(proved, request, client, {
      withSecondFactor: true,
      ssoSessionId: found.ssoSessionId,
    });
    return { ...step, step: step.step ?? 'end' };
  }

  /**
   * What this browser needs to answer with a passkey.
   * @throws AuthorizationRefusal when this sign-in is over
   */
  async passkeyOptions(token: string, cookie: string | undefined): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const found = await this.pending.find(token, cookie, 'second_factor');
    if (!found || !(await this.pending.isLive(found))) throw signInAgain(found?.parameters ?? {});
    return this.passkeys.authenticationOptions('second_factor', found.userId);
  }

  /** What the page shows; null when this sign-in is over, or another browser's. */
  async describe(token: string, cookie: string | undefined): Promise<WaitingSignIn | null> {
    const found = await this.pending.find(token, cookie, 'second_factor');
    const user = found && (await this.users.find(found.userId));
    if (!found || !user || !(await this.pending.isLive(found))) return null;
    const challenges = await this.factors.challengesOf(user.id);
    const hasPasskeys = challenges.includes('webauthn');
    const passkeyOptions = hasPasskeys ? await this.passkeys.authenticationOptions('second_factor', user.id) : null;
    const recoveryDueAt = await this.recoveries.dueAt(user.id);
    return { challenges, passkeyOptions, canRecover: this.recoveries.isOpenTo(user), recoveryDueAt };
  }

  /**
   * Takes down that every factor is lost, from somebody who has just typed the right password; the page says the same
   * whether that way is open to them or not.
   * @throws AuthorizationRefusal when this sign-in is over
   */
  async requestRecovery(token: string, cookie: string | undefined, client: ClientInfo): Promise<BrowserStep> {
    const found = await this.pending.find(token, cookie, 'second_factor');
    const user = found && (await this.users.find(found.userId));
    if (!found || !user || !(await this.pending.isLive(found))) throw signInAgain(found?.parameters ?? {});
    const asker = { ...user, credentialEpoch: found.credentialEpoch };
    if (await this.limits.mayMail('recovery', user.email ?? '')) await this.recoveries.request(asker, client);
    return this.toPage(token, found, [['recovery', 'requested']]);
  }

  private again(token: string, found: PendingSignIn): BrowserStep {
    const error: [string, string][] = [
      ['error', 'invalid_grant'],
      ['error_description', 'Invalid code'],
    ];
    return this.toPage(token, found, error);
  }

  private toPage(token: string, { parameters }: PendingSignIn, news: [string, string][]): BrowserStep {
    const { mfa } = this.config.frontend.routes;
    return { location: pageUrl(this.config, mfa, [['mfa_token', token], ...oauthPairs(parameters), ...news]) };
  }
}

function signInAgain(parameters: OAuthParameters): AuthorizationRefusal {
  return new AuthorizationRefusal('invalid_grant', 'Please sign in again', parameters);
}
