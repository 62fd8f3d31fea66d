import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import { BrowserSessionsService } from '../browsers/browser-sessions.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, Refusal } from '../common/errors.js';
import { oauthPairs, pageUrl } from '../common/oauth-redirects.js';
import { grantable } from '../common/scopes.js';
import { Config } from '../config/config.js';
import { poolOf } from '../database/pool.js';
import { type ChallengeType, SecondFactorService } from '../mfa/second-factor.service.js';
import { AuthorizationCodesService, type NewCode } from '../oauth/authorization-codes.service.js';
import type { AuthorizationRequest } from '../oauth/authorization-request.js';
import { PasswordResetService } from '../recovery/password-reset.service.js';
import { ConfirmationService } from '../registration/confirmation.service.js';
import { accountBlock, type Blocked } from '../users/account-state.js';
import type { User } from '../users/user.entity.js';
import type { BrowserStep } from './browser-step.js';
import { holdProof } from './hold-proof.js';
import { openSignIn } from './open-sign-in.js';
import { PendingSignInsService } from './pending-sign-ins.service.js';

/** What has been proved so far. */
export interface Proved {
  /** Whether it is as good as a password and a second factor. */
  withSecondFactor: boolean;
  /** The sign-in at a provider that vouched; null where none did. */
  ssoSessionId: string | null;
  /** The account was made just now: what comes next has been written to them with that. */
  isNewcomer?: boolean;
}

/** A password, or nothing but that. */
export const BY_PASSWORD: Proved = { withSecondFactor: false, ssoSessionId: null };

/** What every failed proof of identity is answered with, whatever was wrong (contract.md §3.3.1 row 9). */
export const WRONG_CREDENTIALS = 'Invalid identifier or password';

/** The corridor that every proof of identity ends in: account state, session, code, consent page. */
@Injectable()
export class SignInService {
  constructor(
    private readonly browsers: BrowserSessionsService,
    private readonly codes: AuthorizationCodesService,
    private readonly pending: PendingSignInsService,
    private readonly factors: SecondFactorService,
    private readonly confirmations: ConfirmationService,
    private readonly resets: PasswordResetService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Signs the browser in, or leads it to the step that the account needs first.
   * @throws AuthorizationRefusal when there is no such step, or what was proved counts no more
   */
  async complete(
    user: User,
    request: AuthorizationRequest,
    client: ClientInfo,
    proved: Proved = BY_PASSWORD,
  ): Promise<BrowserStep> {
    if (!proved.withSecondFactor) {
      const challenges = await this.factors.challengesOf(user.id);
      if (challenges.length > 0) return this.toSecondFactor(user, challenges, request, proved, client);
    }
    const block = accountBlock(user);
    if (block !== null) return this.stop(user, block, request, proved, client);
    const scope = this.grantedScope(user, request);
    const minted = this.codes.mint();
    // A planted cookie is never adopted: each sign-in is a session of its own.
    const id = uuidv7();
    const code = {
      ...newCode(user.id, id, request, scope),
      epoch: user.credentialEpoch,
      ssoSessionId: proved.ssoSessionId,
    };
    const expiresAt = await openSignIn(poolOf(this.dataSource), code, minted, client);
    if (!expiresAt) throw new AuthorizationRefusal('invalid_grant', WRONG_CREDENTIALS, request.parameters);
    return this.toConsent(user.id, { id, expiresAt }, request, scope, minted.code);
  }

  /** What of the wanted scopes this person can grant. */
  grantedScope(user: User, request: AuthorizationRequest): string {
    const granted = grantable(request.scopes, user.role !== 'user');
    if (granted.length > 0) return granted.join(' ');
    throw new AuthorizationRefusal(
      'invalid_scope',
      'None of the scopes can be granted to this account',
      request.parameters,
    );
  }

  /** The consent page for a code that waits there. */
  async toConsent(
    userId: string,
    session: { id: string; expiresAt: Date },
    { client, parameters }: AuthorizationRequest,
    scope: string,
    code: string,
  ): Promise<BrowserStep> {
    const website: [string, string][] = client.website === null ? [] : [['website', client.website]];
    const location = pageUrl(this.config, this.config.frontend.routes.consent, [
      ['application', client.name],
      ...website,
      ...oauthPairs({ ...parameters, scope }),
      ['code', code],
    ]);
    const cookie = await this.browsers.sign(userId, client.clientId, session);
    return { location, session: { cookie, expiresAt: session.expiresAt } };
  }

  /** Only told to somebody who has proved to be that person (contract.md §3.3.1 row 11). */
  private async stop(
    user: User,
    block: Blocked,
    request: AuthorizationRequest,
    proved: Proved,
    client: ClientInfo,
  ): Promise<BrowserStep> {
    await this.audit.record({ type: 'login.blocked', userId: user.id, applicationId: request.client.id }, client);
    if (user.disabledAt !== null && user.disabledByStaff) throw refusal('account_is_disabled', request);
    switch (block) {
      case 'deleted':
        return this.toReactivation(user, 'deletion_pending', request, proved);
      case 'account_is_disabled':
        return this.toReactivation(user, 'disabled', request, proved);
      case 'password_reset_required':
        return this.toNewPassword(user, request);
      case 'missing_confirmed_email':
        if (!proved.isNewcomer) await this.confirmations.sendAgain(user, client);
        throw refusal(block, request);
      default:
        throw refusal(block, request);
    }
  }

  private async toSecondFactor(
    user: User,
    challenges: readonly ChallengeType[],
    { client: { id: applicationId }, parameters }: AuthorizationRequest,
    { ssoSessionId }: Proved,
    client: ClientInfo,
  ): Promise<BrowserStep> {
    await this.audit.record({ type: 'login.mfa_required', userId: user.id, applicationId }, client);
    const { token, cookie } = await this.pending.open(user, 'second_factor', parameters, ssoSessionId);
    const location = pageUrl(this.config, this.config.frontend.routes.mfa, [
      ['mfa_token', token],
      ['challenge_types', challenges.join(',')],
      ...oauthPairs(parameters),
    ]);
    return { location, step: { cookie } };
  }

  private async toReactivation(
    user: User,
    reason: string,
    { parameters }: AuthorizationRequest,
    { ssoSessionId }: Proved,
  ): Promise<BrowserStep> {
    const { token, cookie } = await this.pending.open(user, 'reactivation', parameters, ssoSessionId);
    const location = pageUrl(this.config, this.config.frontend.routes.reactivate, [
      ['reactivation_token', token],
      ['reason', reason],
      ...oauthPairs(parameters),
    ]);
    return { location, step: { cookie } };
  }

  private async toNewPassword(user: User, request: AuthorizationRequest): Promise<BrowserStep> {
    const token = await this.dataSource.transaction(async (tx) => {
      // Who knows an old password must not be handed the form for the next one.
      if (!(await holdProof({ userId: user.id, credentialEpoch: user.credentialEpoch }, tx))) {
        throw new AuthorizationRefusal('invalid_grant', WRONG_CREDENTIALS, request.parameters);
      }
      return this.resets.issue(user, tx);
    });
    const location = pageUrl(this.config, this.config.frontend.routes.password_reset, [
      ['token', token],
      ['login_reset', 'true'],
    ]);
    return { location };
  }
}

/** What a code for this request is made for. */
export function newCode(
  userId: string,
  browserSessionId: string,
  { client, redirectUri, state, codeChallenge }: AuthorizationRequest,
  scope: string,
): NewCode {
  return { userId, browserSessionId, applicationId: client.id, redirectUri, scope, state, codeChallenge };
}

function refusal(block: Exclude<Blocked, 'deleted'>, { parameters }: AuthorizationRequest): AuthorizationRefusal {
  return new AuthorizationRefusal(block, new Refusal(block).message, parameters, block);
}
