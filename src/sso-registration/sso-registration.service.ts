import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { BrowserStep } from '../auth/browser-step.js';
import { WRONG_CREDENTIALS } from '../auth/sign-in.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, Refusal, ValidationFailed } from '../common/errors.js';
import { oauthPairs, pageUrl } from '../common/oauth-redirects.js';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { SecondFactorService } from '../mfa/second-factor.service.js';
import { AuthorizationRequests } from '../oauth/authorization-request.js';
import { findProvider } from '../providers/provider.js';
import { RegistrationService } from '../registration/registration.service.js';
import type { FlowCookies } from '../sso-flows/flow-cookie.js';
import { accountBlock } from '../users/account-state.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import { UsersService } from '../users/users.service.js';
import type { SsoRegistrationBody } from './sso-registration.dto.js';
import type { SsoRegistration } from './sso-registration.entity.js';
import { SsoRegistrationsService } from './sso-registrations.service.js';
import { VouchedSignInService } from './vouched-sign-in.service.js';

const EXPIRED = 'This sign-in has expired or was started elsewhere';

/** Where the browser goes, and the visit that is over with that. */
export interface RegistrationStep {
  step: BrowserStep;
  /** The flow whose cookie is of no more use; null when the page is shown again. */
  endedFlowId: string | null;
}

/** What the page shows. */
export interface WaitingRegistration {
  provider: SsoProviderConfig;
  /** Verified by the provider, and nobody's here. */
  email: string | null;
}

/** Lets somebody whom nobody here knows choose a name, or prove which account here is theirs (contract.md §3.7.1). */
@Injectable()
export class SsoRegistrationService {
  constructor(
    private readonly waiting: SsoRegistrationsService,
    private readonly signIns: VouchedSignInService,
    private readonly registrations: RegistrationService,
    private readonly requests: AuthorizationRequests,
    private readonly passwords: PasswordCheckService,
    private readonly factors: SecondFactorService,
    private readonly users: UsersService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /** What the page shows; null when this registration is over, or another browser's. */
  async describe(token: string, cookies: FlowCookies): Promise<WaitingRegistration | null> {
    const found = await this.waiting.find(token, cookies);
    const provider = findProvider(this.config, found?.provider);
    if (!found || !provider || !(await this.waiting.isLive(found))) return null;
    return { provider, email: found.person.email };
  }

  /**
   * Does what the person decided, and goes on as a completed sign-in; what is wrong leads back to the page.
   * @throws AuthorizationRefusal when it is over
   */
  async decide(body: SsoRegistrationBody, cookies: FlowCookies, client: ClientInfo): Promise<RegistrationStep> {
    const found = await this.waiting.find(body.registration_token ?? '', cookies);
    const provider = findProvider(this.config, found?.provider);
    if (!found || !provider || !(await this.waiting.isLive(found))) throw over(found);
    if (body.decision === 'cancel') {
      await this.waiting.consume(found);
      throw new AuthorizationRefusal('access_denied', 'The registration was cancelled', found.parameters);
    }
    try {
      const step =
        body.decision === 'link'
          ? await this.link(found, provider, body, client)
          : await this.register(found, provider, body, client);
      return { step, endedFlowId: found.flowId };
    } catch (error) {
      if (!(error instanceof ValidationFailed) && !(error instanceof Refusal && error.code === 'rejected')) throw error;
      return { step: this.again(found, body, error.message), endedFlowId: null };
    }
  }

  private async register(
    found: SsoRegistration,
    provider: SsoProviderConfig,
    { username = '', email, agreement = false, reason }: SsoRegistrationBody,
    client: ClientInfo,
  ): Promise<BrowserStep> {
    const { person } = found;
    const request = await this.requests.read(found.parameters, { takesDefaults: false });
    const address = email || person.email;
    const write = await this.registrations.prepareVouched(
      {
        username,
        email: address,
        isVerified: address !== null && address === person.email,
        displayName: person.displayName ?? '',
        reason: reason ?? null,
        agreement,
      },
      client,
    );
    const step = await this.signIns.signIn(person, request, client, {
      mustSettle: true,
      settle: async (tx) => {
        await this.spend(found, tx);
        await this.signIns.makeFor(person, write, provider, client, tx);
        return { withSecondFactor: false, isNewcomer: true };
      },
    });
    if (!step) throw over(found);
    return step;
  }

  /** "Is this you?": password and second factor prove it, as at any sign-in. */
  private async link(
    found: SsoRegistration,
    provider: SsoProviderConfig,
    { identifier = '', password = '', code }: SsoRegistrationBody,
    client: ClientInfo,
  ): Promise<BrowserStep> {
    const request = await this.requests.read(found.parameters, { takesDefaults: false });
    const { claimed, person: owner } = await this.passwords.verify(identifier, password, client);
    if (!owner) {
      await this.audit.record({ type: 'login.failed', userId: claimed?.id ?? null }, client);
      throw new Refusal('rejected', WRONG_CREDENTIALS);
    }
    if ((await this.factors.demandIfSent(owner.id, code, client)) === 'missing') {
      throw new Refusal('rejected', 'This account asks for a second factor as well.');
    }
    const block = accountBlock(owner);
    if (block !== null)
      throw new Refusal('rejected', new Refusal(block === 'deleted' ? 'account_is_disabled' : block).message);
    const step = await this.signIns.signIn(found.person, request, client, {
      mustSettle: true,
      settle: async (tx) => {
        await this.users.demandEpoch(owner, tx);
        await this.spend(found, tx);
        await this.signIns.give(found.person, owner.id, provider, request, client, tx);
        return { withSecondFactor: true, isNewcomer: false };
      },
    });
    if (!step) throw over(found);
    return step;
  }

  /** In the transaction of what it is spent for: a name that was taken at the last moment costs nothing. */
  private async spend(found: SsoRegistration, tx: EntityManager): Promise<void> {
    if (!(await this.waiting.consume(found, tx))) throw over(found);
  }

  /** Back to the page with the sentence, and what was typed but for secrets. */
  private again(found: SsoRegistration, body: SsoRegistrationBody, sentence: string): BrowserStep {
    const shown = (text: string | undefined) => (text ?? '').slice(0, 254);
    const location = pageUrl(this.config, this.config.frontend.routes.sso_register, [
      ['registration_token', body.registration_token ?? ''],
      ['issuer', found.provider],
      ['preferred_username', shown(body.username ?? found.person.preferredUsername ?? undefined)],
      ['email', shown(body.email ?? found.person.email ?? undefined)],
      ...oauthPairs(found.parameters),
      ['error', 'invalid_request'],
      ['error_description', sentence],
    ]);
    return { location };
  }
}

function over(found: SsoRegistration | null): AuthorizationRefusal {
  return new AuthorizationRefusal('invalid_request', EXPIRED, found?.parameters ?? {});
}
