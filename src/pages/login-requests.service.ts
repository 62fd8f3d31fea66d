import { Injectable } from '@nestjs/common';
import { ApplicationsService } from '../applications/applications.service.js';
import type { OAuthClient } from '../applications/client.js';
import type { SignedInBrowser } from '../browsers/signed-in-browser.js';
import { AuthorizationRefusal, type OAuthParameters, Refusal } from '../common/errors.js';
import { AuthorizationRequests } from '../oauth/authorization-request.js';
import { type LoginProblem, readLoginProblem } from './login-problem.js';
import type { LoginPageQuery } from './pages.dto.js';

/** A request whose client and redirect URI are right. */
interface KnownRequest {
  client: OAuthClient;
  redirectUri: string;
  /** With defaults filled in. */
  parameters: OAuthParameters;
}

/** What the login page is asked to show. */
export interface LoginRequest extends KnownRequest {
  problem: LoginProblem | null;
  /** Whom the browser may go on as, without a password. */
  username: string | null;
}

/** Reads authorization requests as they arrive at the login page. */
@Injectable()
export class LoginRequestsService {
  constructor(
    private readonly requests: AuthorizationRequests,
    private readonly applications: ApplicationsService,
  ) {}

  /**
   * The checks stand in the order of contract.md §2.3.
   * @throws Refusal that must not be redirected, AuthorizationRefusal that goes to the client
   */
  async read(query: LoginPageQuery, browser: SignedInBrowser | null): Promise<LoginRequest> {
    const { prompt, force_login, error, error_description, identifier, ...sent } = query;
    const problem = readLoginProblem({ error, error_description, identifier });
    const words = typeof prompt === 'string' ? prompt.split(' ') : [];
    // Back from a form or a provider in a browser that did not begin: the person hears why, and not of a missing parameter.
    if (problem && sent.client_id === undefined) throw new Refusal('invalid_request', problem.words);
    const request = problem ? await this.readBounced(sent) : await this.readFresh(sent, words.includes('none'));
    const mustType = words.includes('login') || force_login === 'true';
    return { ...request, problem, username: mustType ? null : (browser?.username ?? null) };
  }

  /** Straight from an app: every fault of it is the app's to hear. */
  private async readFresh(sent: OAuthParameters, isSilent: boolean): Promise<KnownRequest> {
    const request = await this.requests.read(sent, { takesDefaults: true });
    // Consent is asked every time, so nothing can be done without showing a page (security.md R30).
    if (isSilent) throw new AuthorizationRefusal('login_required', 'Please sign in', request.parameters);
    return request;
  }

  /** Back from a form post of ours: the person hears of the fault, unless client or redirect URI are wrong. */
  private async readBounced(sent: OAuthParameters): Promise<KnownRequest> {
    try {
      return await this.requests.read(sent, { takesDefaults: true });
    } catch (refusal) {
      if (!(refusal instanceof AuthorizationRefusal)) throw refusal;
      const { parameters } = refusal;
      const client = await this.applications.find(parameters.client_id ?? '');
      if (!client) throw new Refusal('invalid_client', 'Unknown client_id', { cause: refusal });
      return { client, redirectUri: parameters.redirect_uri ?? '', parameters };
    }
  }
}
