import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import { BrowserSessionsService } from '../browsers/browser-sessions.service.js';
import type { SignedInBrowser } from '../browsers/signed-in-browser.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, type OAuthParameters } from '../common/errors.js';
import type { Parameters } from '../common/parameters.js';
import { Config } from '../config/config.js';
import { AuthorizationCodesService } from '../oauth/authorization-codes.service.js';
import { AuthorizationRequests } from '../oauth/authorization-request.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import { UsersService } from '../users/users.service.js';
import type { BrowserStep } from './browser-step.js';
import { readLoginBody } from './login.dto.js';
import { newCode, SignInService, WRONG_CREDENTIALS } from './sign-in.service.js';

/** Every form sends all four (contract.md §3.3). */
const STRICT = { takesDefaults: false };

/** Signs browsers in by password, or on behalf of who is signed in already, and out. */
@Injectable()
export class LoginService {
  constructor(
    private readonly requests: AuthorizationRequests,
    private readonly passwords: PasswordCheckService,
    private readonly users: UsersService,
    private readonly signIns: SignInService,
    private readonly browsers: BrowserSessionsService,
    private readonly codes: AuthorizationCodesService,
    private readonly audit: AuditService,
    private readonly config: Config,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Signs in by password; the checks stand in the order of contract.md §3.3.1.
   * @throws Refusal that must not be redirected, AuthorizationRefusal that goes to the login page, InvalidFields
   */
  async signIn(parameters: OAuthParameters, body: Parameters, client: ClientInfo): Promise<BrowserStep> {
    const request = await this.requests.read(parameters, STRICT);
    const { identifier, password } = readLoginBody(body);
    if (this.config.sso.forced) {
      const sentence = 'Logging in with a password is disabled on this instance';
      throw new AuthorizationRefusal('invalid_request', sentence, request.parameters);
    }
    const { claimed, person } = await this.passwords.verify(identifier, password, client);
    if (!person) {
      await this.audit.record(
        { type: 'login.failed', userId: claimed?.id ?? null, applicationId: request.client.id },
        client,
      );
      throw new AuthorizationRefusal('invalid_grant', WRONG_CREDENTIALS, request.parameters);
    }
    return this.signIns.complete(person, request, client);
  }

  /**
   * Goes on with a browser that is signed in already, for another client (contract.md §3.9).
   * @throws AuthorizationRefusal `login_required`
   */
  async continueAs(
    browser: SignedInBrowser | null,
    parameters: OAuthParameters,
    client: ClientInfo,
  ): Promise<BrowserStep> {
    const request = await this.requests.read(parameters, STRICT);
    const user = browser && (await this.users.find(browser.userId));
    const required = new AuthorizationRefusal('login_required', 'Please sign in', request.parameters);
    if (!browser || !user) throw required;
    const scope = this.signIns.grantedScope(user, request);
    const code = await this.dataSource.transaction(async (tx) => {
      // It may end at this moment.
      if (!(await this.browsers.hold(browser.id, tx))) throw required;
      await this.audit.record(
        { type: 'login.continued', userId: user.id, applicationId: request.client.id },
        client,
        tx,
      );
      return this.codes.open(newCode(user.id, browser.id, request, scope), tx);
    });
    return this.signIns.toConsent(user.id, browser, request, scope, code);
  }

  /** Signs the browser out; access tokens live on. */
  async signOut(browser: SignedInBrowser | null, client: ClientInfo): Promise<BrowserStep> {
    if (browser) {
      await this.dataSource.transaction(async (tx) => {
        await this.browsers.end(browser.id, tx);
        await this.audit.record({ type: 'logout', userId: browser.userId }, client, tx);
      });
    }
    return { location: this.config.url(this.config.frontend.routes.home), session: 'end' };
  }
}
