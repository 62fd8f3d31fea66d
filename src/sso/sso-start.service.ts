import { Injectable } from '@nestjs/common';
import { AuthorizationRefusal, type OAuthParameters } from '../common/errors.js';
import { Config } from '../config/config.js';
import { AuthorizationRequests } from '../oauth/authorization-request.js';
import { findProvider } from '../providers/provider.js';
import { ProviderTrouble } from '../providers/provider-trouble.js';
import { type Departure, SsoFlowsService } from '../sso-flows/sso-flows.service.js';
import type { SsoStartParameters } from './sso.dto.js';

/** Begins sign-ins at providers. */
@Injectable()
export class SsoStartService {
  constructor(
    private readonly requests: AuthorizationRequests,
    private readonly flows: SsoFlowsService,
    private readonly config: Config,
  ) {}

  /**
   * Sends a browser to the provider; the checks stand in the order of contract.md §3.6, and what fails one asks nobody.
   * @throws Refusal that must not be redirected, AuthorizationRefusal that goes to the login page
   */
  async start({ issuer, ...sent }: SsoStartParameters): Promise<Departure> {
    const { parameters } = await this.requests.read(oauthParameters(sent), { takesDefaults: true });
    const provider = findProvider(this.config, issuer);
    if (!provider) throw new AuthorizationRefusal('invalid_request', 'issuer is invalid', parameters);
    try {
      return await this.flows.depart(provider, { kind: 'login', parameters });
    } catch (error) {
      if (error instanceof ProviderTrouble) throw providerAway(parameters);
      throw error;
    }
  }
}

/** What a sign-in is answered with while the provider does not answer. */
export function providerAway(parameters: OAuthParameters): AuthorizationRefusal {
  return new AuthorizationRefusal('unavailable', 'The provider cannot be reached now', parameters);
}

/** The authorization request among the parameters: Versia's form numbers the words of the scope. */
function oauthParameters({
  scope,
  scopes,
  response_type: responseType = 'code',
  ...others
}: Omit<SsoStartParameters, 'issuer'>): OAuthParameters {
  const words = scope ?? scopes;
  return {
    ...others,
    response_type: responseType,
    ...(words !== undefined && { scope: [words].flat().join(' ') }),
  };
}
