import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import Provider, { type ClientMetadata, type Configuration, type InteractionResults } from 'oidc-provider';
import { CLIENT_ID, CLIENT_SECRET, type Host, IssuerServer, PATHS } from './issuer-server.js';

/** Somebody who can sign in there, by typing the subject as the login; any password will do. */
export interface HonestAccount {
  sub: string;
  claims: Record<string, unknown>;
}

/** How somebody's sign-in was proved, as the ID token says it. */
export interface Proof {
  acr?: string;
  amr?: string[];
}

export interface HonestOptions {
  /** Where it may send people back to. */
  redirectUris: string[];
  accounts: HonestAccount[];
  host?: Host;
  postLogoutRedirectUris?: string[];
  /** Where it tells that a session has ended; its tokens then name the session (`sid`). */
  backchannelLogoutUri?: string;
  /** Where the claims of the scopes stand: in userinfo only, as the standard has it, or in the ID token too. */
  claimsIn?: 'userinfo' | 'ID token';
  proof?: Proof;
}

/** Which scope gives which claims; `groups` comes with the profile too, as with Keycloak. */
const CLAIMS = {
  openid: ['sub', 'acr', 'amr'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
  profile: ['name', 'nickname', 'preferred_username', 'picture', 'profile', 'website', 'groups'],
};

const HOUR = 3600;
const TTL = { AccessToken: HOUR, AuthorizationCode: 60, Grant: HOUR, IdToken: HOUR, Interaction: HOUR, Session: HOUR };

/** Starts one; stop it in `afterAll`, after the app. */
export async function startHonestIssuer(options: HonestOptions): Promise<HonestIssuer> {
  const issuer = new HonestIssuer(options);
  await issuer.restart();
  await issuer.rotateKeys();
  return issuer;
}

/** A published OpenID provider with pages, where people sign in and consent. */
export class HonestIssuer extends IssuerServer {
  /** Who can sign in; what changes here is told with the next token. */
  readonly accounts: HonestAccount[];
  /** How whoever signs in from now on proves it. */
  proof: Proof;
  private provide: RequestListener;

  constructor(private readonly options: HonestOptions) {
    super(options.host);
    this.accounts = structuredClone(options.accounts);
    this.proof = options.proof ?? {};
  }

  /** Where people sign out (OpenID Connect RP-Initiated Logout 1.0 §2). */
  get logoutUrl(): string {
    return `${this.url}/session/end`;
  }

  /** Another signing key takes the place of the one there was; answers its id. Sessions stay. */
  async rotateKeys(): Promise<string> {
    const { privateKey } = await generateKeyPair('RS256', { extractable: true });
    const kid = randomUUID();
    const key = { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
    this.provide = quietly(() => new Door(this, this.configuration(key))).callback();
    return kid;
  }

  protected answer(request: IncomingMessage, response: ServerResponse): void {
    this.provide(request, response);
  }

  private configuration(key: JWK): Configuration {
    const suffix = new URL(this.url).port;
    return {
      clients: [this.client()],
      jwks: { keys: [key] },
      pkce: { required: () => true },
      claims: CLAIMS,
      conformIdTokenClaims: this.options.claimsIn !== 'ID token',
      // Any, or there would be no such claim.
      acrValues: ['urn:example:password', 'urn:example:two-factors'],
      findAccount: (_context, sub) => {
        const account = this.accounts.find((one) => one.sub === sub);
        return account && { accountId: sub, claims: () => ({ ...account.claims, sub }) };
      },
      // Browsers tell cookies of two ports of a host apart by name only.
      cookies: { names: { session: `session-${suffix}`, interaction: `at-${suffix}`, resume: `resume-${suffix}` } },
      routes: {
        authorization: PATHS.authorize,
        token: PATHS.token,
        userinfo: PATHS.userinfo,
        jwks: PATHS.jwks,
        end_session: '/session/end',
      },
      ttl: TTL,
      features: {
        devInteractions: { enabled: true },
        backchannelLogout: { enabled: true },
        rpInitiatedLogout: {
          enabled: true,
          logoutSource: (context, form) => {
            context.body = page(
              `${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">Yes, sign me out</button>`,
            );
          },
          postLogoutSuccessSource: (context) => {
            context.body = page('<h1>Signed out</h1>');
          },
        },
      },
      renderError: (context, { error, error_description: description }) => {
        context.type = 'html';
        context.body = page(`<h1>${error}</h1><p>${description?.replaceAll('<', '&lt;')}</p>`);
      },
      // By itself it does not call loopback.
      fetch: async (url, options) => fetch(url, { ...options, dispatcher: undefined } as RequestInit),
    };
  }

  private client(): ClientMetadata {
    const { redirectUris, postLogoutRedirectUris = [], backchannelLogoutUri } = this.options;
    return {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      redirect_uris: redirectUris,
      post_logout_redirect_uris: postLogoutRedirectUris,
      ...(backchannelLogoutUri !== undefined && {
        backchannel_logout_uri: backchannelLogoutUri,
        backchannel_logout_session_required: true,
      }),
    };
  }
}

/** The provider; its pages load nothing from elsewhere, and a sign-in is proved as the test has it. */
class Door extends Provider {
  constructor(
    private readonly at: HonestIssuer,
    configuration: Configuration,
  ) {
    super(at.url, configuration);
    this.use(async (context, next) => {
      await next();
      if (typeof context.body === 'string') context.body = context.body.replace(/@import url\([^)]*\);/g, '');
    });
  }

  override async interactionFinished(
    request: IncomingMessage,
    response: ServerResponse,
    result: InteractionResults,
    options?: { mergeWithLastSubmission?: boolean },
  ): Promise<void> {
    const proved = result.login ? { ...result, login: { ...result.login, ...this.at.proof } } : result;
    return super.interactionFinished(request, response, proved, options);
  }
}

const page = (body: string) => `<!doctype html><title>The provider</title>${body}`;

/** It says at its birth that it is for development only. */
function quietly<Result>(work: () => Result): Result {
  const { warn } = console;
  console.warn = () => {};
  try {
    return work();
  } finally {
    console.warn = warn;
  }
}
