import { Injectable } from '@nestjs/common';
import { ApplicationsService, type ClientCredential } from '../applications/applications.service.js';
import { isPublic, type OAuthClient, uncoveredScope } from '../applications/client.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { covers, grantable, isKnownScope, readScope } from '../common/scopes.js';
import { Config } from '../config/config.js';
import { LimitsService } from '../limits/limits.service.js';
import { GRANT_PARAMETER, type IssuedSession, NEXT_SESSION_ID } from '../sessions/issue-session.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { AuthorizationCodesService } from './authorization-codes.service.js';
import { PasswordGrantService } from './password-grant.service.js';
import { challengeOf } from './pkce.js';
import type { TokenBody } from './token.dto.js';

/** Turns grants into tokens (RFC 6749 §4.1.3, §4.4, §6). */
@Injectable()
export class TokenService {
  constructor(
    private readonly applications: ApplicationsService,
    private readonly codes: AuthorizationCodesService,
    private readonly sessions: SessionsService,
    private readonly limits: LimitsService,
    private readonly passwordGrants: PasswordGrantService,
    private readonly config: Config,
  ) {}

  /** @throws Refusal in the OAuth dialect (RFC 6749 §5.2) */
  issue(credential: ClientCredential, body: TokenBody, from: ClientInfo): Promise<IssuedSession> {
    return this.limits.countFailures('token_failures', from.ip, async () => {
      const client = await this.applications.authenticate(credential);
      switch (body.grant_type) {
        case 'authorization_code':
          return this.redeem(client, body, from);
        case 'refresh_token':
          return this.refresh(client, body, from);
        case 'client_credentials':
          return this.issueOwn(client, body, from);
        case 'password':
          return this.issueForPassword(client, body, from);
        default:
          throw new Refusal('unsupported_grant_type');
      }
    });
  }

  /** RFC 6749 §4.1.3 */
  private async redeem(
    client: OAuthClient,
    { code, redirect_uri, code_verifier }: TokenBody,
    from: ClientInfo,
  ): Promise<IssuedSession> {
    const redirectUri = required('redirect_uri', redirect_uri);
    const redemption = {
      code: required('code', code),
      applicationId: client.id,
      redirectUri,
      challenge: challengeOf(code_verifier),
    };
    const issued = await this.sessions.issue(this.codes.redemption(redemption), from);
    if (issued) return issued;
    await this.codes.noteRefused(redemption, from);
    throw new Refusal('invalid_grant');
  }

  /** RFC 6749 §6, with rotation and reuse detection (RFC 9700 §4.14.2) */
  private async refresh(
    client: OAuthClient,
    { refresh_token, scope }: TokenBody,
    from: ClientInfo,
  ): Promise<IssuedSession> {
    const token = required('refresh_token', refresh_token);
    if (scope !== undefined) await this.demandSubset(token, client, scope);
    const request = { token, applicationId: client.id, ...(scope !== undefined && { scope }) };
    const issued = await this.sessions.refresh(request, from);
    if (!issued) throw new Refusal('invalid_grant');
    return issued;
  }

  /** RFC 6749 §4.4: the client acts for itself. */
  private async issueOwn(client: OAuthClient, { scope }: TokenBody, from: ClientInfo): Promise<IssuedSession> {
    if (isPublic(client)) throw new Refusal('unauthorized_client');
    const words = wantedWords(scope ?? client.scope);
    if (uncoveredScope(client, words) !== null) throw new Refusal('invalid_scope');
    const granted = grantable(words, false);
    if (granted.length === 0) throw new Refusal('invalid_scope');
    const [application, grantedScope] = [`$${GRANT_PARAMETER}`, `$${GRANT_PARAMETER + 1}`];
    const issued = await this.sessions.issue(
      {
        name: 'client_credentials',
        sql: `select ${NEXT_SESSION_ID} as session_id, null::uuid as user_id, ${application}::bigint as application_id, ${grantedScope}::text as scope, null::timestamptz as signed_in_at, null::uuid as sso_session_id`,
        values: [client.id, granted.join(' ')],
      },
      from,
    );
    if (!issued) throw new Error('A grant without conditions yielded nothing');
    return issued;
  }

  /** RFC 6749 §4.3, only where the operator allows it. */
  private issueForPassword(client: OAuthClient, body: TokenBody, from: ClientInfo): Promise<IssuedSession> {
    if (!this.config.takesPasswordGrant) throw new Refusal('unsupported_grant_type');
    const grant = {
      username: required('username', body.username),
      password: required('password', body.password),
      scopes: wantedWords(body.scope ?? client.scope),
    };
    return this.passwordGrants.issue(client, grant, from);
  }

  /** A refresh may narrow the scope, never widen it (RFC 6749 §6). */
  private async demandSubset(token: string, client: OAuthClient, scope: string): Promise<void> {
    const words = wantedWords(scope);
    const held = await this.sessions.scopeOfRefreshToken(token, client.id);
    if (held && !words.every((word) => isKnownScope(word) && covers(held, word))) throw new Refusal('invalid_scope');
  }
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new Refusal('invalid_request', `Missing field: ${name}.`);
  return value;
}

function wantedWords(scope: string): string[] {
  const words = readScope(scope);
  if (words === null) throw new Refusal('invalid_scope', 'scope must be words separated by one space');
  return words;
}
