import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { Application } from '../applications/application.entity.js';
import { ApplicationsService } from '../applications/applications.service.js';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { type Detail, Refusal } from '../common/errors.js';
import { grantable } from '../common/scopes.js';
import { Config } from '../config/config.js';
import { GRANT_PARAMETER, type IssuedSession, NEXT_SESSION_ID } from '../sessions/issue-session.js';
import { LimitsService } from '../limits/limits.service.js';
import type { Principal } from '../sessions/principal.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { type CheckedUser, UsersService } from '../users/users.service.js';
import { CaptchasService } from './captchas.service.js';
import { ConfirmationService } from './confirmation.service.js';
import type { RegistrationBody } from './registration.dto.js';
import { WelcomeService } from './welcome.service.js';

const CHECK_YOUR_MAIL = 'You have been registered. Please check your e-mail for a link that confirms your address.';

/** What is judged besides name, address and password. */
interface Wish {
  email?: string | null;
  agreement?: boolean;
  reason?: string | null;
  bio?: string;
  displayName: string;
}

/** What a registration leads to. */
export interface Registered {
  /** The new person's token for the client that registered them; null when none did. */
  issued: IssuedSession | null;
  /** What keeps the account from being used now, as clients read it, and in words. */
  identifier: string | null;
  message: string;
}

/** Somebody who chose a name after a provider vouched for them (contract.md §3.7.1). */
export interface VouchedRegistration {
  username: string;
  email: string | null;
  /** The provider has verified that address. */
  isVerified: boolean;
  displayName: string;
  reason: string | null;
  agreement: boolean;
}

/** Makes accounts for people who ask for one. */
@Injectable()
export class RegistrationService {
  constructor(
    private readonly users: UsersService,
    private readonly applications: ApplicationsService,
    private readonly sessions: SessionsService,
    private readonly confirmations: ConfirmationService,
    private readonly welcomes: WelcomeService,
    private readonly captchas: CaptchasService,
    private readonly limits: LimitsService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Makes the account and, for a client's token, a session of its client, in one transaction.
   * @throws Refusal `not_allowed` when registrations are closed, ValidationFailed naming every bad value
   */
  async register(body: RegistrationBody, caller: Principal | null, client: ClientInfo): Promise<Registered> {
    const { approval } = this.config.registrations;
    if (!this.config.registersByPassword) throw new Refusal('not_allowed');
    const displayName = body.display_name ?? body.fullname ?? '';
    // Spent whatever else is wrong: a program must not try its names on one captcha.
    const captchaProblem = await this.captchas.consume(body);
    const user = await this.users.check(
      {
        username: body.username ?? '',
        email: body.email || null,
        password: body.password ?? '',
        displayName,
        note: body.bio ?? '',
        locale: body.locale ?? null,
        registrationReason: body.reason ?? null,
        approvalPending: approval,
        confirmationPending: this.config.confirmsEmail,
      },
      [...this.furtherProblems({ ...body, displayName }), ...(captchaProblem ? [captchaProblem] : [])],
    );
    // Read before the transaction: who holds one connection must not wait for another (security.md D7).
    const application = caller && (await this.applications.get(caller.applicationId));
    const mayWrite = await this.mayConfirm(user);
    const issued = await this.dataSource.transaction(async (tx) => {
      await this.insert(user, mayWrite, caller?.applicationId ?? null, client, tx);
      return application && this.issue(user.id, application, client, tx);
    });
    if (this.config.confirmsEmail) return { issued, identifier: 'missing_confirmed_email', message: CHECK_YOUR_MAIL };
    if (approval) return { issued, identifier: 'awaiting_approval', message: 'Your account is awaiting approval.' };
    const message = 'You have been registered. Please sign in.';
    return { issued, identifier: issued ? null : 'manual_login_required', message };
  }

  /**
   * Checks the account of somebody whom a provider vouches for; it has no password. It is written by what is answered, in
   * the transaction that links the identity.
   * @throws ValidationFailed naming every bad value; so does the writing when the name was taken meanwhile
   */
  async prepareVouched(
    wanted: VouchedRegistration,
    client: ClientInfo,
  ): Promise<(tx: EntityManager) => Promise<string>> {
    const user = await this.checkVouched(wanted);
    const mayWrite = await this.mayConfirm(user);
    return async (tx) => {
      await this.insert(user, mayWrite, null, client, tx);
      return user.id;
    };
  }

  /**
   * The same check alone; writes nothing.
   * @throws ValidationFailed naming every bad value
   */
  checkVouched(wanted: VouchedRegistration): Promise<CheckedUser> {
    const { username, email, isVerified, displayName, reason } = wanted;
    return this.users.check(
      {
        username,
        email,
        password: null,
        displayName,
        registrationReason: reason,
        emailVerifiedAt: email !== null && isVerified ? new Date() : null,
        approvalPending: this.config.registrations.approval,
        confirmationPending: this.config.confirmsEmail && !isVerified,
      },
      this.furtherProblems(wanted),
    );
  }

  private async mayConfirm({ email, confirmationPending }: CheckedUser): Promise<boolean> {
    return email !== null && confirmationPending === true && this.limits.mayMail('confirmation', email);
  }

  private async insert(
    user: CheckedUser,
    mayWrite: boolean,
    applicationId: number | null,
    client: ClientInfo,
    tx: EntityManager,
  ): Promise<void> {
    await this.users.insert(user, tx);
    await this.audit.record({ type: 'account.created', userId: user.id, applicationId }, client, tx);
    await this.tellWhatIsNext(user, mayWrite, client, tx);
  }

  private async tellWhatIsNext(
    user: CheckedUser,
    mayWrite: boolean,
    client: ClientInfo,
    tx: EntityManager,
  ): Promise<void> {
    if (user.confirmationPending !== true)
      await this.welcomes.greet(user.id, user.approvalPending === true, client, tx);
    else if (mayWrite) await this.confirmations.send(user, client, tx);
  }

  private furtherProblems(body: Wish): Detail[] {
    const { email_required, approval } = this.config.registrations;
    const blank = (field: string): Detail => ({ field, error: 'ERR_BLANK', description: "can't be blank" });
    const tooLong = (field: string, max: number): Detail => ({
      field,
      error: 'ERR_TOO_LONG',
      description: `is too long (maximum is ${max} characters)`,
    });
    return [
      ...(body.agreement === true
        ? []
        : [{ field: 'agreement', error: 'ERR_ACCEPTED', description: 'must be accepted' } satisfies Detail]),
      ...((email_required || this.config.confirmsEmail) && !body.email ? [blank('email')] : []),
      ...(approval && !body.reason?.trim() ? [blank('reason')] : []),
      ...((body.reason?.length ?? 0) > 500 ? [tooLong('reason', 500)] : []),
      ...(body.displayName.length > 100 ? [tooLong('display_name', 100)] : []),
      ...((body.bio?.length ?? 0) > 5000 ? [tooLong('bio', 5000)] : []),
    ];
  }

  private async issue(
    userId: string,
    application: Application,
    client: ClientInfo,
    tx: EntityManager,
  ): Promise<IssuedSession | null> {
    const [user, app, scope] = [0, 1, 2].map((offset) => `$${GRANT_PARAMETER + offset}`);
    return this.sessions.issue(
      {
        name: 'registration',
        sql: `select ${NEXT_SESSION_ID} as session_id, ${user}::uuid as user_id, ${app}::bigint as application_id, ${scope}::text as scope, now() as signed_in_at, null::uuid as sso_session_id`,
        values: [userId, application.id, grantable(application.scope.split(' '), false).join(' ')],
      },
      client,
      tx,
    );
  }
}
