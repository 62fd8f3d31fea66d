import { Injectable } from '@nestjs/common';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { pageUrl } from '../common/oauth-redirects.js';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { IdentitiesService, notLinked } from '../identities/identities.service.js';
import { findProvider, looksLikeProviderId } from '../providers/provider.js';
import { ProviderTrouble } from '../providers/provider-trouble.js';
import { type StepUpCaller, StepUpService } from '../sessions/step-up.service.js';
import type { FlowCookie } from '../sso-flows/flow-cookie.js';
import { SsoFlowsService } from '../sso-flows/sso-flows.service.js';
import { UsersService } from '../users/users.service.js';
import { SsoLinkTicketsService } from './sso-link-tickets.service.js';

/** What is sent to begin a link. */
export interface LinkWish {
  issuer: string;
  password?: string | undefined;
  /** Whether the link is opened in another browser than the one that asks. */
  page?: boolean | undefined;
}

/** Where to go to link; with a cookie when that is the provider itself. */
export interface BegunLink {
  link: string;
  cookie: FlowCookie | null;
}

/** Lists, begins and ends the links of a person's account to identities at providers (contract.md §3.8). */
@Injectable()
export class SsoLinksService {
  constructor(
    private readonly identities: IdentitiesService,
    private readonly stepUp: StepUpService,
    private readonly users: UsersService,
    private readonly flows: SsoFlowsService,
    private readonly tickets: SsoLinkTicketsService,
    private readonly config: Config,
  ) {}

  /** The providers that a person can sign in by. */
  list(userId: string): Promise<SsoProviderConfig[]> {
    return this.identities.providersOf(userId);
  }

  /** @throws Refusal `record_not_found` */
  async get(userId: string, issuer: string): Promise<SsoProviderConfig> {
    const provider = this.configured(issuer, 'Issuer not found');
    if (!(await this.list(userId)).includes(provider)) throw notLinked();
    return provider;
  }

  /** @throws Refusal `record_not_found`, `rejected` when it is the only way in */
  async unlink(userId: string, issuer: string, client: ClientInfo): Promise<void> {
    await this.identities.unlink(userId, this.configured(issuer, 'Issuer not found'), client);
  }

  /**
   * Where the person goes: to the provider when they have just shown who they are, else to our page that asks for it,
   * because an access token alone must not open a new way in.
   * @throws Refusal `record_not_found`, `rejected` "Invalid password.", `throttled`, `unavailable`
   */
  async begin(
    caller: StepUpCaller,
    { issuer, password, page = false }: LinkWish,
    client: ClientInfo,
  ): Promise<BegunLink> {
    const provider = this.configured(
      issuer,
      looksLikeProviderId(issuer) ? `Issuer ${issuer} not found` : 'Issuer not found',
    );
    // Before it is asked whether they are fresh: what changes while we look voids the link.
    const user = await this.users.find(caller.id);
    if (!user) throw new Refusal('token_invalid');
    const linker = { userId: user.id, credentialEpoch: user.credentialEpoch };
    const isFresh = await this.isFresh(caller, password, client);
    if (isFresh && !page) {
      // Whoever signs that session out while the browser is away has ended the link as well (security.md R93).
      const bound = { ...linker, sessionId: caller.sessionId };
      const { location, cookie } = await departure(() => this.flows.depart(provider, { kind: 'link', linker: bound }));
      return { link: location, cookie };
    }
    const ticket = await this.tickets.open(linker, provider);
    return { link: pageUrl(this.config, this.config.frontend.routes.sso_link, [['ticket', ticket]]), cookie: null };
  }

  private async isFresh(caller: StepUpCaller, password: string | undefined, client: ClientInfo): Promise<boolean> {
    if (password === undefined) return this.stepUp.isFresh(caller.sessionId);
    await this.stepUp.demand(caller, password, client);
    return true;
  }

  private configured(issuer: string, sentence: string): SsoProviderConfig {
    const provider = findProvider(this.config, issuer);
    if (!provider) throw new Refusal('record_not_found', sentence);
    return provider;
  }
}

/** @throws Refusal `unavailable` when the provider cannot be reached */
async function departure<Result>(depart: () => Promise<Result>): Promise<Result> {
  try {
    return await depart();
  } catch (error) {
    if (error instanceof ProviderTrouble) throw new Refusal('unavailable', undefined, { cause: error });
    throw error;
  }
}
