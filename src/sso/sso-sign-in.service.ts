import { Injectable, Logger } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { BrowserStep } from '../auth/browser-step.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, type OAuthParameters, ValidationFailed } from '../common/errors.js';
import { oauthPairs, pageUrl } from '../common/oauth-redirects.js';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { IdentitiesService } from '../identities/identities.service.js';
import { RolesService } from '../identities/roles.service.js';
import { type AuthorizationRequest, AuthorizationRequests } from '../oauth/authorization-request.js';
import type { VouchedPerson } from '../providers/claims.js';
import { RegistrationService } from '../registration/registration.service.js';
import type { FlowCookie } from '../sso-flows/flow-cookie.js';
import type { WaitingPerson } from '../sso-registration/sso-registration.entity.js';
import { SsoRegistrationsService } from '../sso-registration/sso-registrations.service.js';
import { VouchedSignInService } from '../sso-registration/vouched-sign-in.service.js';
import { UsersService } from '../users/users.service.js';
import { judge, type Verdict } from './judge.js';
import { accountAtOnce, waitingPerson } from './newcomer.js';

/** Where a sign-in goes on. */
export interface SsoStep {
  step: BrowserStep;
  /** Whether somebody must choose a name first, for which this browser's cookie is needed. */
  isWaiting: boolean;
}

/** Signs people in whom a provider vouches for; who they are is a matter of issuer and subject, never of an address. */
@Injectable()
export class SsoSignInService {
  private readonly log = new Logger(SsoSignInService.name);

  constructor(
    private readonly requests: AuthorizationRequests,
    private readonly identities: IdentitiesService,
    private readonly signIns: VouchedSignInService,
    private readonly registrations: RegistrationService,
    private readonly waiting: SsoRegistrationsService,
    private readonly users: UsersService,
    private readonly roles: RolesService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Goes on with a sign-in after the provider has vouched.
   * @throws AuthorizationRefusal that goes to the login page
   */
  async signIn(
    parameters: OAuthParameters,
    provider: SsoProviderConfig,
    vouched: VouchedPerson,
    cookie: FlowCookie,
    client: ClientInfo,
  ): Promise<SsoStep> {
    // The client may be gone.
    const request = await this.requests.read(parameters, { takesDefaults: false });
    const verdict = judge(this.config, provider, vouched);
    if (verdict.missing.length > 0) throw await this.refuse(provider, vouched, verdict, request, client);
    const { withSecondFactor } = verdict;
    const person = await waitingPerson(this.users, vouched, verdict);
    const known = await this.signIns.signIn(person, request, client, { withSecondFactor });
    if (known) return { step: known, isWaiting: false };
    if (!verdict.mayRegister) {
      throw new AuthorizationRefusal('invalid_request', 'No user found with that account', request.parameters);
    }
    const registered = verdict.registersItself ? await this.register(provider, person, verdict, request, client) : null;
    if (registered) return { step: registered, isWaiting: false };
    return { step: await this.toRegistration(provider, person, request, cookie), isWaiting: true };
  }

  /** An account at once, if its name is free and allowed; null when the person has to choose. */
  private async register(
    provider: SsoProviderConfig,
    person: WaitingPerson,
    { wantedName }: Verdict,
    request: AuthorizationRequest,
    client: ClientInfo,
  ): Promise<BrowserStep | null> {
    if (wantedName === null) return null;
    try {
      const write = await this.registrations.prepareVouched(
        accountAtOnce(this.config, provider, person, wantedName),
        client,
      );
      return await this.signIns.signIn(person, request, client, {
        settle: async (tx: EntityManager) => {
          await this.signIns.makeFor(person, write, provider, client, tx);
          return { withSecondFactor: false, isNewcomer: true };
        },
      });
    } catch (error) {
      if (error instanceof ValidationFailed) return null;
      throw error;
    }
  }

  private async toRegistration(
    provider: SsoProviderConfig,
    person: WaitingPerson,
    { parameters }: AuthorizationRequest,
    cookie: FlowCookie,
  ): Promise<BrowserStep> {
    const token = await this.waiting.open(provider, person, parameters, cookie);
    const location = pageUrl(this.config, this.config.frontend.routes.sso_register, [
      ['registration_token', token],
      ['issuer', provider.id],
      ['preferred_username', person.preferredUsername ?? ''],
      ['email', person.email ?? ''],
      ...oauthPairs(parameters),
    ]);
    return { location };
  }

  private async refuse(
    provider: SsoProviderConfig,
    vouched: VouchedPerson,
    { missing }: Verdict,
    request: AuthorizationRequest,
    client: ClientInfo,
  ): Promise<AuthorizationRefusal> {
    this.log.log({ provider: provider.id, missing }, 'Somebody lacks the claims that let people in');
    await this.dataSource.transaction(async (tx) => {
      const identity = await this.identities.findHeld(vouched, tx);
      // Who is not let in any more does not stay among the staff by what the provider gave before.
      if (identity) await this.roles.apply(identity, null, client, tx);
      const userId = identity?.userId ?? null;
      await this.audit.record({ type: 'sso.refused', userId, applicationId: request.client.id }, client, tx);
    });
    const sentence = 'The provider does not admit you to this instance';
    return new AuthorizationRefusal('access_denied', sentence, request.parameters);
  }
}
