import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import { BrowserSessionsService } from '../browsers/browser-sessions.service.js';
import type { SignedInBrowser } from '../browsers/signed-in-browser.js';
import type { ClientInfo } from '../common/client-info.js';
import { AuthorizationRefusal, type OAuthParameters, Refusal } from '../common/errors.js';
import { oauthPairs, pageUrl } from '../common/oauth-redirects.js';
import type { Parameters } from '../common/parameters.js';
import { grantable } from '../common/scopes.js';
import { Config } from '../config/config.js';
import { poolOf } from '../database/pool.js';
import { AuthorizationCodesService } from '../oauth/authorization-codes.service.js';
import { type AuthorizationRequest, AuthorizationRequests } from '../oauth/authorization-request.js';
import { accountBlock } from '../users/account-state.js';
import { PasswordCheckService } from '../users/password-check.service.js';
import type { User } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import type { BrowserStep } from './browser-step.js';
import { readLoginBody } from './login.dto.js';
import { openSignIn } from './open-sign-in.js';

/** Every form sends all four (contract.md §3.3). */
const STRICT = { takesDefaults: false };

/** Turns a proof of identity into a signed-in browser with a code that waits for consent. */
@Injectable()
export class LoginService {
  constructor(
    private readonly requests: AuthorizationRequests,
    private readonly passwords: PasswordCheckService,
    private readonly users: UsersService,
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
    await this.passwords.demandAttempts(client.ip);
    const request = await this.requests.read(parameters, STRICT);
    const { identifier, password } = readLoginBody(body);
    const { claimed, person } = await this.passwords.verify(identifier, password, client.ip);
    if (!person) {
      await this.audit.record(
        { type: 'login.failed', userId: claimed?.id ?? null, applicationId: request.client.id },
        client,
      );
      throw new AuthorizationRefusal('invalid_grant', 'Invalid identifier or password', request.parameters);
    }
    return this.complete(person, request, client);
  }

  /** The corridor that every proof of identity ends in: account state, session, code, consent page. */
  async complete(user: User, request: AuthorizationRequest, client: ClientInfo): Promise<BrowserStep> {
    if (accountBlock(user) !== null) {
      await this.audit.record({ type: 'login.blocked', userId: user.id, applicationId: request.client.id }, client);
    }
    this.refuseBlocked(user, request);
    const scope = this.grantedScope(user, request);
    const minted = this.codes.mint();
    // A planted cookie is never adopted: each sign-in is a session of its own.
    const id = uuidv7();
    const expiresAt = await openSignIn(poolOf(this.dataSource), newCode(user.id, id, request, scope), minted, client);
    return this.toConsent(user.id, { id, expiresAt }, request, scope, minted.code);
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
    if (!browser || !user) throw new AuthorizationRefusal('login_required', 'Please sign in', request.parameters);
    const scope = this.grantedScope(user, request);
    const code = await this.dataSource.transaction(async (tx) => {
      await this.audit.record(
        { type: 'login.continued', userId: user.id, applicationId: request.client.id },
        client,
        tx,
      );
      return this.codes.open(newCode(user.id, browser.id, request, scope), tx);
    });
    return this.toConsent(user.id, browser, request, scope, code);
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

  /** Only told to somebody who knows the password (contract.md §3.3.1 row 11). */
  private refuseBlocked(user: User, { parameters }: AuthorizationRequest): void {
    const block = accountBlock(user);
    if (block === null) return;
    if (block === 'deleted')
      throw new AuthorizationRefusal('invalid_grant', 'Invalid identifier or password', parameters);
    throw new AuthorizationRefusal(block, new Refusal(block).message, parameters, block);
  }

  private grantedScope(user: User, request: AuthorizationRequest): string {
    const granted = grantable(request.scopes, user.role !== 'user');
    if (granted.length > 0) return granted.join(' ');
    throw new AuthorizationRefusal(
      'invalid_scope',
      'None of the scopes can be granted to this account',
      request.parameters,
    );
  }

  private async toConsent(
    userId: string,
    session: { id: string; expiresAt: Date },
    { client, parameters }: AuthorizationRequest,
    scope: string,
    code: string,
  ): Promise<BrowserStep> {
    const website: [string, string][] = client.website === null ? [] : [['website', client.website]];
    const location = pageUrl(this.config, this.config.frontend.routes.consent, [
      ['application', client.name],
      ...website,
      ...oauthPairs({ ...parameters, scope }),
      ['code', code],
    ]);
    const cookie = await this.browsers.sign(userId, client.clientId, session);
    return { location, session: { cookie, expiresAt: session.expiresAt } };
  }
}

function newCode(
  userId: string,
  browserSessionId: string,
  { client, redirectUri, state, codeChallenge }: AuthorizationRequest,
  scope: string,
) {
  return { userId, browserSessionId, applicationId: client.id, redirectUri, scope, state, codeChallenge };
}
