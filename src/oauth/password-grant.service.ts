import { Injectable } from '@nestjs/common';
import { isPublic, type OAuthClient, uncoveredScope } from '../applications/client.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { fold } from '../common/fields.js';
import { grantable } from '../common/scopes.js';
import { AuditService } from '../audit/audit.service.js';
import { FactorRecoveryService } from '../factor-recovery/factor-recovery.service.js';
import { SecondFactorService } from '../mfa/second-factor.service.js';
import { GRANT_PARAMETER, type IssuedSession, NEXT_SESSION_ID } from '../sessions/issue-session.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { accountBlock, type Blocked } from '../users/account-state.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { MfaChallengesService } from './mfa-challenges.service.js';

/** What a client shows for a person (RFC 6749 §4.3.2). */
export interface PasswordGrant {
  username: string;
  password: string;
  /** Words that the client has registered. */
  scopes: string[];
}

/** Told only after the right password and factor, in Pleroma's words (contract.md §2.5.3). */
const STATES: Record<Exclude<Blocked, 'deleted'>, string> = {
  account_is_disabled: 'Your account is currently disabled',
  password_reset_required: 'Password reset is required',
  awaiting_approval: 'Your account is awaiting approval.',
  missing_confirmed_email: 'Your login is missing a confirmed e-mail address',
};

const WRONG = 'Invalid identifier or password';

/** Turns a password that a client program was given into tokens, where the operator allows it (contract.md §2.5.3, §2.6). */
@Injectable()
export class PasswordGrantService {
  constructor(
    private readonly passwords: PasswordCheckService,
    private readonly users: UsersService,
    private readonly factors: SecondFactorService,
    private readonly challenges: MfaChallengesService,
    private readonly recoveries: FactorRecoveryService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  /** @throws Refusal `invalid_grant`, `mfa_required`, `grant_blocked`, `unauthorized_client`, `throttled` */
  async issue(client: OAuthClient, grant: PasswordGrant, from: ClientInfo): Promise<IssuedSession> {
    if (isPublic(client)) throw new Refusal('unauthorized_client');
    if (uncoveredScope(client, grant.scopes) !== null) throw new Refusal('invalid_scope');
    const { claimed, person } = await this.passwords.verify(String(fold(grant.username)), grant.password, from);
    if (!person) {
      await this.audit.record({ type: 'login.failed', userId: claimed?.id ?? null, applicationId: client.id }, from);
      throw new Refusal('invalid_grant', WRONG);
    }
    const scope = grantable(grant.scopes, person.role !== 'user').join(' ');
    if (scope === '') throw new Refusal('invalid_scope');
    if (await this.factors.isOn(person.id)) throw await this.askForFactor(person, client, scope, from);
    return this.complete(person, client, scope, from);
  }

  /**
   * Answers the challenge that a grant was met with.
   * @throws Refusal `wrong_code` whatever is wrong with it, `grant_blocked`, `throttled`
   */
  async answer(
    client: OAuthClient,
    sent: { token: string; type: string; code: string },
    from: ClientInfo,
  ): Promise<IssuedSession> {
    const answered = await this.challenges.answer(sent, client.id, from);
    const user = answered && (await this.users.find(answered.userId));
    if (!answered || !user) throw new Refusal('wrong_code');
    await this.recoveries.stop(user.id, from);
    return this.complete({ ...user, credentialEpoch: answered.credentialEpoch }, client, answered.scope, from);
  }

  private async askForFactor(user: User, client: OAuthClient, scope: string, from: ClientInfo): Promise<Refusal> {
    const token = await this.challenges.open(user, client.id, scope);
    await this.audit.record({ type: 'login.mfa_required', userId: user.id, applicationId: client.id }, from);
    const body = { error: 'mfa_required', mfa_token: token, supported_challenge_types: 'totp' };
    return new Refusal('mfa_required', undefined, { body });
  }

  /** The account's state last, and its epoch with the grant: what was proved must still count. */
  private async complete(user: User, client: OAuthClient, scope: string, from: ClientInfo): Promise<IssuedSession> {
    const block = accountBlock(user);
    if (block === 'deleted') throw new Refusal('invalid_grant', WRONG);
    if (block) throw new Refusal('grant_blocked', undefined, { body: { error: STATES[block], identifier: block } });
    const [userId, epoch, application, granted] = [0, 1, 2, 3].map((offset) => `$${GRANT_PARAMETER + offset}`);
    const issued = await this.sessions.issue(
      {
        name: 'password',
        sql: `select ${NEXT_SESSION_ID} as session_id, u.id as user_id, ${application}::bigint as application_id, ${granted}::text as scope, now() as signed_in_at, null::uuid as sso_session_id
          from "user" u where u.id = ${userId} and u.credential_epoch = ${epoch} for share`,
        values: [user.id, user.credentialEpoch, client.id, scope],
      },
      from,
    );
    if (!issued) throw new Refusal('invalid_grant', WRONG);
    return issued;
  }
}
