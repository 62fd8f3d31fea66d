import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import type { BrowserStep } from '../auth/browser-step.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, type ErrorCode, LinkRefusal, Refusal } from '../common/errors.js';
import { pageUrl } from '../common/oauth-redirects.js';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { IdentitiesService } from '../identities/identities.service.js';
import { fulfils } from '../providers/claim-rules.js';
import type { VouchedPerson } from '../providers/claims.js';
import { OidcClient } from '../providers/oidc.client.js';
import { findProvider } from '../providers/provider.js';
import { ProviderTrouble, type TroubleKind } from '../providers/provider-trouble.js';
import type { FlowCookie, FlowCookies } from '../sso-flows/flow-cookie.js';
import type { SsoFlow } from '../sso-flows/sso-flow.entity.js';
import { SsoFlowsService } from '../sso-flows/sso-flows.service.js';
import { expired as linkExpired, SsoLinkStepService } from '../sso-links/sso-link-step.service.js';
import { accountBlock } from '../users/account-state.js';
import { lockUser } from '../users/lock-user.js';
import { SsoSignInService } from './sso-sign-in.service.js';
import type { SsoCallbackQuery } from './sso.dto.js';

/** Where the browser goes after a visit, and what becomes of its flow cookies. */
export interface Arrival {
  step: BrowserStep;
  /** A cookie that goes on to be needed, of this visit or of the next. */
  cookie: FlowCookie | null;
  /** The visit that is over. */
  endedFlowId: string | null;
}

const LOGIN_EXPIRED = 'This sign-in has expired or was started elsewhere';

/** How a sign-in is told what went wrong at the provider (contract.md §3.7). */
const LOGIN_TROUBLE: Record<TroubleKind, { code: ErrorCode; sentence: string }> = {
  denied: { code: 'access_denied', sentence: 'The provider refused the request' },
  unavailable: { code: 'unavailable', sentence: 'The provider cannot be reached now' },
  refused: { code: 'internal', sentence: 'The answer of the provider could not be trusted' },
};

/** How a link is. */
const LINK_TROUBLE: Record<TroubleKind, string> = {
  denied: 'The provider refused the request',
  unavailable: 'The provider cannot be reached now',
  refused: 'The answer of the provider could not be trusted',
};

/** Takes browsers that come back from a provider; our row of the visit decides what it was for (contract.md §3.7). */
@Injectable()
export class SsoCallbackService {
  constructor(
    private readonly flows: SsoFlowsService,
    private readonly oidc: OidcClient,
    private readonly signIns: SsoSignInService,
    private readonly identities: IdentitiesService,
    private readonly linkSteps: SsoLinkStepService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * The steps stand in the order of contract.md §3.7.
   * @throws Refusal `not_found`, AuthorizationRefusal to the login page, LinkRefusal to the home page
   */
  async finish(
    providerId: string,
    query: SsoCallbackQuery,
    cookies: FlowCookies,
    client: ClientInfo,
  ): Promise<Arrival> {
    const provider = findProvider(this.config, providerId);
    if (!provider) throw new Refusal('not_found');
    const returned = await this.flows.find(query.state, cookies);
    if (!returned) throw isFlag(query.link) ? linkExpired() : expired(null);
    const { flow, secrets } = returned;
    if (!agrees(query, flow) || !(await this.flows.consume(flow, provider))) throw expired(flow);
    const { code, state, iss, error, error_description } = query;
    const answer = { code, state, iss, error, error_description };
    const person = await this.exchange(() => this.oidc.exchange(provider, answer, secrets), flow);
    const cookie = { flowId: flow.id, value: cookies(flow.id) ?? '' };
    if (flow.kind === 'login') {
      const { step, isWaiting } = await this.signIns.signIn(flow.parameters ?? {}, provider, person, cookie, client);
      return { step, cookie: isWaiting ? cookie : null, endedFlowId: isWaiting ? null : flow.id };
    }
    if (flow.kind === 'prove') {
      if (!fulfils(person.claims, provider.allow)) throw notAdmitted();
      const next = await this.linkSteps.goOnProved(flow.ticketHash ?? Buffer.alloc(0), person);
      return { step: { location: next.location }, cookie: next.cookie, endedFlowId: flow.id };
    }
    await this.link(flow, provider, person, client);
    const location = pageUrl(this.config, this.config.frontend.routes.home, [['oidc_account_linked', 'true']]);
    return { step: { location }, cookie: null, endedFlowId: flow.id };
  }

  private async exchange(work: () => Promise<VouchedPerson>, flow: SsoFlow): Promise<VouchedPerson> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ProviderTrouble)) throw error;
      if (flow.kind !== 'login') throw new LinkRefusal('Account linking error', LINK_TROUBLE[error.kind]);
      const { code, sentence } = LOGIN_TROUBLE[error.kind];
      throw new AuthorizationRefusal(code, sentence, flow.parameters ?? {});
    }
  }

  /** The account is the one that asked for the link, as it was then: what the callback's query says of it counts for nothing. */
  private async link(
    { userId, credentialEpoch, sessionId }: SsoFlow,
    provider: SsoProviderConfig,
    person: VouchedPerson,
    client: ClientInfo,
  ): Promise<void> {
    if (!fulfils(person.claims, provider.allow)) throw notAdmitted();
    await this.dataSource.transaction(async (tx) => {
      await this.identities.hold(person, tx);
      const user = await lockUser(userId ?? '', tx);
      if (!user || user.credentialEpoch !== credentialEpoch || accountBlock(user) !== null) throw linkExpired();
      if (sessionId !== null && !(await isLive(sessionId, tx))) throw linkExpired();
      if (await this.identities.link(user.id, person, provider, client, tx)) return;
      // The words of Lysand 0.5.
      const sentence = 'This account has already been linked to this OpenID Connect provider.';
      throw new LinkRefusal('Account already linked', sentence);
    });
  }
}

/** With the person held: what ends sessions is done, or waits for the link. */
async function isLive(sessionId: number, tx: EntityManager): Promise<boolean> {
  const rows = await tx.query('select from session where id = $1 and revoked_at is null for share', [sessionId]);
  return rows.length === 1;
}

function notAdmitted(): LinkRefusal {
  return new LinkRefusal('Account linking error', 'The provider does not admit you to this instance');
}

function expired(flow: SsoFlow | null): Refusal {
  if (flow && flow.kind !== 'login') return linkExpired();
  return new AuthorizationRefusal('invalid_request', LOGIN_EXPIRED, flow?.parameters ?? {});
}

/** Whether the echoes that were sent are those of the row; none is needed, and none is believed (contract.md §3.7). */
function agrees(query: SsoCallbackQuery, flow: SsoFlow): boolean {
  const same = (sent: string | undefined, kept: string | null | undefined) => sent === undefined || sent === kept;
  return (
    same(query.flow_id, flow.id) &&
    same(query.flow, flow.id) &&
    same(query.client_id, flow.parameters?.client_id) &&
    same(query.user_id, flow.userId) &&
    (query.link === undefined || isFlag(query.link) === (flow.kind !== 'login'))
  );
}

function isFlag(value: string | undefined): boolean {
  return value === 'true' || value === '1' || value === 'on';
}
