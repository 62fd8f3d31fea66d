import { Injectable } from '@nestjs/common';
import type { ClientInfo } from '../common/client-info.js';
import { LinkRefusal, Refusal } from '../common/errors.js';
import { pageUrl } from '../common/oauth-redirects.js';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { IdentitiesService, type Subject } from '../identities/identities.service.js';
import { SecondFactorService } from '../mfa/second-factor.service.js';
import { findProvider } from '../providers/provider.js';
import { ProviderTrouble } from '../providers/provider-trouble.js';
import { type Departure, type FlowPurpose, SsoFlowsService } from '../sso-flows/sso-flows.service.js';
import { accountBlock } from '../users/account-state.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import type { SsoLinkTicket } from './sso-link-ticket.entity.js';
import { SsoLinkTicketsService } from './sso-link-tickets.service.js';
import type { LinkStepBody } from './sso-links.dto.js';

/** What a link that cannot go on is answered with (contract.md §3.7). */
export const LINK_EXPIRED = 'This link request has expired or was started elsewhere';

/** What the page shows. */
export interface WaitingLink {
  username: string;
  provider: SsoProviderConfig;
  hasPassword: boolean;
  /** By which the person may prove who they are instead. */
  via: readonly SsoProviderConfig[];
  asksForCode: boolean;
}

/** The step between the wish to link an identity and the provider: who is it that wishes? (contract.md §3.8.2) */
@Injectable()
export class SsoLinkStepService {
  constructor(
    private readonly tickets: SsoLinkTicketsService,
    private readonly flows: SsoFlowsService,
    private readonly identities: IdentitiesService,
    private readonly passwords: PasswordCheckService,
    private readonly factors: SecondFactorService,
    private readonly config: Config,
  ) {}

  /** What the page shows; null when this wish is over. */
  async describe(ticket: string): Promise<WaitingLink | null> {
    const found = await this.tickets.find(ticket);
    const provider = findProvider(this.config, found?.provider);
    if (!found || !provider) return null;
    const { id, username, passwordHash } = found.user;
    const [via, asksForCode] = await Promise.all([this.identities.providersOf(id), this.factors.isOn(id)]);
    return { username, provider, hasPassword: passwordHash !== null, via, asksForCode };
  }

  /**
   * On to the provider after the right password and code; what is wrong leads back to the page.
   * @throws LinkRefusal when this wish is over
   */
  async submit(body: LinkStepBody, client: ClientInfo): Promise<Departure | { location: string; cookie: null }> {
    const found = await this.tickets.find(body.ticket ?? '');
    const provider = findProvider(this.config, found?.provider);
    if (!found || !provider || accountBlock(found.user) !== null) throw expired();
    try {
      if (body.via !== undefined) return await this.prove(found, body.via, body.code, client);
      await this.passwords.demand(found.user, body.password ?? '', client);
      await this.demandCode(found, body.code, client);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'rejected' || error instanceof LinkRefusal) throw error;
      return this.again(body, error.message);
    }
    return this.goOn(found, provider);
  }

  /**
   * On to the provider after a visit to another one has proved who it is.
   * @throws LinkRefusal
   */
  async goOnProved(ticketHash: Buffer, proved: Subject): Promise<Departure> {
    const found = await this.tickets.findByHash(ticketHash);
    const provider = findProvider(this.config, found?.provider);
    if (!found || !provider) throw expired();
    const identity = await this.identities.find(proved);
    if (identity?.userId !== found.userId) {
      throw new LinkRefusal('Account linking error', 'This identity is not linked to your account');
    }
    return this.goOn(found, provider);
  }

  private async prove(
    found: SsoLinkTicket,
    via: string,
    code: string | undefined,
    client: ClientInfo,
  ): Promise<Departure> {
    const known = (await this.identities.providersOf(found.userId)).find(({ id }) => id === via);
    if (!known) throw new Refusal('rejected', 'Your account does not sign in by this provider.');
    await this.demandCode(found, code, client);
    const { userId, credentialEpoch, hash } = found;
    return this.depart(known, { kind: 'prove', linker: { userId, credentialEpoch }, ticketHash: hash });
  }

  private async demandCode({ userId }: SsoLinkTicket, code: string | undefined, client: ClientInfo): Promise<void> {
    if ((await this.factors.demandIfSent(userId, code, client)) === 'missing') {
      throw new Refusal('rejected', 'A code of your second factor is needed as well.');
    }
  }

  private async goOn(found: SsoLinkTicket, provider: SsoProviderConfig): Promise<Departure> {
    const departure = await this.depart(provider, { kind: 'link', linker: found });
    // After it, so that a provider that is away costs no ticket; what was prepared for nothing lapses.
    if (!(await this.tickets.consume(found))) throw expired();
    return departure;
  }

  private async depart(provider: SsoProviderConfig, purpose: FlowPurpose): Promise<Departure> {
    try {
      return await this.flows.depart(provider, purpose);
    } catch (error) {
      if (error instanceof ProviderTrouble) throw providerAway();
      throw error;
    }
  }

  private again({ ticket = '' }: LinkStepBody, sentence: string): { location: string; cookie: null } {
    const location = pageUrl(this.config, this.config.frontend.routes.sso_link, [
      ['ticket', ticket],
      ['error', 'invalid_request'],
      ['error_description', sentence],
    ]);
    return { location, cookie: null };
  }
}

/** The answer for a wish whose time is over. */
export function expired(): LinkRefusal {
  return new LinkRefusal('Account linking error', LINK_EXPIRED);
}

/** The answer while a provider does not answer. */
export function providerAway(): LinkRefusal {
  return new LinkRefusal('Account linking error', 'The provider cannot be reached now');
}
