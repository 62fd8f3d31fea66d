import { Injectable } from '@nestjs/common';
import { ApplicationsService } from '../applications/applications.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { pageUrl } from '../common/oauth-redirects.js';
import { covers } from '../common/scopes.js';
import { randomSecret, sameDigest, sha256 } from '../common/secrets.js';
import type { OAuthClient } from '../applications/client.js';
import { Config } from '../config/config.js';
import { TokenService } from '../oauth/token.service.js';
import type { SignedInUser } from '../sessions/principal.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { accountBlock } from '../users/account-state.js';
import { SETTINGS_PATH } from './settings-cookies.js';
import type { SettingsCallbackQuery } from './settings.dto.js';

const CALLBACK = `${SETTINGS_PATH}/callback`;
const SCOPES = ['read', 'write'];

/** Who uses the settings, by which session. */
export interface SettingsCaller {
  user: SignedInUser;
  sessionId: number;
  applicationId: number;
}

/** Signs the settings in as a client like any other: a public one, by authorization code with PKCE and state. */
@Injectable()
export class SettingsSignInService {
  constructor(
    private readonly applications: ApplicationsService,
    private readonly tokens: TokenService,
    private readonly sessions: SessionsService,
    private readonly config: Config,
  ) {}

  /** Where a sign-in begins, and the secret of it that the browser keeps meanwhile. */
  async start(): Promise<{ location: string; secret: string }> {
    const { clientId } = await this.client();
    const secret = randomSecret();
    const location = pageUrl(this.config, this.config.frontend.routes.login, [
      ['client_id', clientId],
      ['redirect_uri', this.config.url(CALLBACK)],
      ['response_type', 'code'],
      ['scope', SCOPES.join(' ')],
      ['state', stateOf(secret)],
      ['code_challenge', sha256(verifierOf(secret)).toString('base64url')],
      ['code_challenge_method', 'S256'],
    ]);
    return { location, secret };
  }

  /**
   * The access token that a finished sign-in yields; null when the person said no.
   * @throws Refusal `invalid_request` when this browser did not start it, `invalid_grant` when it came too late
   */
  async finish(
    secret: string | null,
    { code, state = '', error }: SettingsCallbackQuery,
    from: ClientInfo,
  ): Promise<string | null> {
    // RFC 6749 §10.12
    if (secret === null || !sameDigest(sha256(state), sha256(stateOf(secret)))) {
      throw new Refusal('invalid_request', 'This sign-in has expired or was started elsewhere');
    }
    if (error !== undefined || code === undefined) return null;
    const { clientId } = await this.client();
    const issued = await this.tokens.issue(
      { clientId },
      {
        grant_type: 'authorization_code',
        code,
        redirect_uri: this.config.url(CALLBACK),
        code_verifier: verifierOf(secret),
      },
      from,
    );
    return issued.accessToken;
  }

  /** Whose settings an access token opens, or null: it must be alive, a person's, and good for all that is offered here. */
  async recognise(accessToken: string | null, from: ClientInfo): Promise<SettingsCaller | null> {
    const found = accessToken === null ? null : await this.sessions.recognise(accessToken, () => from);
    if (!found || found.isDead) return null;
    const { user, scopes, sessionId, applicationId } = found.principal;
    if (!user || accountBlock(user) !== null || !SCOPES.every((word) => covers(scopes, word))) return null;
    return { user, sessionId, applicationId };
  }

  private client(): Promise<OAuthClient> {
    return this.applications.ensureBuiltin('settings', {
      name: 'Gatehouse settings',
      redirectUris: [this.config.url(CALLBACK)],
      scope: SCOPES.join(' '),
    });
  }
}

/** State and verifier come from one secret, so that the browser keeps one value; neither tells anything of the other. */
function stateOf(secret: string): string {
  return sha256(`state ${secret}`).toString('base64url');
}

function verifierOf(secret: string): string {
  return sha256(`verifier ${secret}`).toString('base64url');
}
