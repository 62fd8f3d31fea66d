import { Injectable, Logger } from '@nestjs/common';
import * as oidc from 'openid-client';
import { Config } from '../config/config.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import { type Claims, idTokenProblem, readPerson, type VouchedPerson } from './claims.js';
import { CLOCK_TOLERANCE, type LogoutRequest, verifyLogoutToken } from './logout-claims.js';
import { Connection } from './connection.js';
import { within } from '../outgoing/within.js';
import { callbackUrl, postLogoutUrl } from './provider.js';
import { inWords, isUnreachable, ProviderTrouble } from './provider-trouble.js';

/** The three values that tie an authorization request to its answer. */
export interface FlowSecrets {
  /** Comes back in the callback (RFC 6749 §10.12). */
  state: string;
  /** Comes back in the ID token (OpenID Connect Core §3.1.2.1). */
  nonce: string;
  /** Of PKCE (RFC 7636). */
  verifier: string;
}

/** What the provider has the browser bring (RFC 6749 §4.1.2, RFC 9207). */
export interface CallbackAnswer {
  code?: string | undefined;
  state?: string | undefined;
  iss?: string | undefined;
  error?: string | undefined;
  error_description?: string | undefined;
}

/** How long a conversation may take, in milliseconds: an answer to the person is due after ten seconds (security.md D13). */
const TIME_LIMIT_MS = 9000;

/** How long a page waits for what it can do without, in milliseconds. */
const PREPARATION_MS = 1500;

/**
 * Older than what the library takes without a second look, younger than what it throws away: it then asks us, and so the
 * provider, once for a key that the copy lacks.
 */
const COPY_AGE = 120;

/** Speaks OpenID Connect with the configured providers; the only file that imports the protocol library. */
@Injectable()
export class OidcClient {
  private readonly log = new Logger(OidcClient.name);
  private readonly connections = new Map<SsoProviderConfig, OidcConnection>();

  constructor(private readonly config: Config) {}

  /**
   * Where the browser signs in at the provider; the endpoint's own query is kept.
   * @throws ProviderTrouble `unavailable`
   */
  async authorizationUrl(provider: SsoProviderConfig, { state, nonce, verifier }: FlowSecrets): Promise<string> {
    return this.during(provider, async (connection) => {
      const url = oidc.buildAuthorizationUrl(this.client(provider, await this.discovered(connection)), {
        redirect_uri: callbackUrl(this.config, provider),
        scope: provider.scopes,
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      });
      return url.href;
    });
  }

  /**
   * Redeems the callback's code and answers whom the provider vouches for: signature, issuer, audience, times, nonce and
   * subject have been checked, and userinfo is of the same subject (OpenID Connect Core §3.1.3.7, §5.3.2).
   * @throws ProviderTrouble
   */
  async exchange(provider: SsoProviderConfig, answer: CallbackAnswer, secrets: FlowSecrets): Promise<VouchedPerson> {
    return this.during(provider, async (connection, signal) => {
      const client = await this.conversant(provider, connection, signal);
      const tokens = await oidc.authorizationCodeGrant(client, this.callback(provider, answer), {
        expectedState: secrets.state,
        expectedNonce: secrets.nonce,
        pkceCodeVerifier: secrets.verifier,
        idTokenExpected: true,
      });
      const idToken = tokens.claims();
      if (!idToken) throw new ProviderTrouble('refused', 'there is no ID token');
      const problem = idTokenProblem(idToken, provider.client_id);
      if (problem !== null) throw new ProviderTrouble('refused', problem);
      const hasUserinfo = client.serverMetadata().userinfo_endpoint !== undefined;
      const userinfo: Claims = hasUserinfo ? await oidc.fetchUserInfo(client, tokens.access_token, idToken.sub) : {};
      return readPerson(idToken, userinfo);
    });
  }

  /**
   * What a logout token says (OpenID Connect Back-Channel Logout 1.0 §2.4), its signature and claims checked.
   * @throws ProviderTrouble
   */
  async readLogoutToken(provider: SsoProviderConfig, token: string): Promise<LogoutRequest> {
    return this.during(provider, async (connection) => {
      const { issuer } = await this.discovered(connection);
      return verifyLogoutToken(token, { issuer, audience: provider.client_id }, connection.keys);
    });
  }

  /** Where a browser signs out at the provider, as far as it offers that (RP-Initiated Logout 1.0), or null; asks nobody. */
  signOutUrl(provider: SsoProviderConfig): string | null {
    const metadata = this.connectionTo(provider).known;
    if (metadata?.end_session_endpoint === undefined) return null;
    return oidc.buildEndSessionUrl(this.client(provider, metadata), {
      post_logout_redirect_uri: postLogoutUrl(this.config),
    }).href;
  }

  /** The origins where the providers' own pages are, as far as is known: forms may end there (contract.md §0.8). */
  pageOrigins(): string[] {
    const origins = this.config.sso.providers.flatMap((provider) => {
      const endpoint = this.connectionTo(provider).known?.authorization_endpoint;
      return [provider.issuer, ...(endpoint === undefined ? [] : [endpoint])].map((url) => new URL(url).origin);
    });
    return [...new Set(origins)];
  }

  /** Learns where a provider's pages are, if it answers soon. */
  async prepare(provider: SsoProviderConfig): Promise<void> {
    const metadata = this.connectionTo(provider).metadata();
    await within(AbortSignal.timeout(PREPARATION_MS), metadata).catch(() => {});
  }

  private callback(provider: SsoProviderConfig, answer: CallbackAnswer): URL {
    const url = new URL(callbackUrl(this.config, provider));
    for (const [name, value] of Object.entries(answer)) if (value !== undefined) url.searchParams.set(name, value);
    return url;
  }

  /** A client for one conversation, whose requests end with its signal; the keys are ours to fetch. */
  private async conversant(
    provider: SsoProviderConfig,
    connection: OidcConnection,
    signal: AbortSignal,
  ): Promise<oidc.Configuration> {
    const metadata = await this.discovered(connection);
    const client = this.client(provider, metadata);
    client[oidc.customFetch] = async (url, { body, ...init }) =>
      url === metadata.jwks_uri
        ? Response.json(await connection.keys.lookUp())
        : connection.fetch(url, { ...init, body: body instanceof URLSearchParams ? body.toString() : null }, signal);
    oidc.enableNonRepudiationChecks(client);
    const jwks = await connection.keys.current();
    oidc.setJwksCache(client, { jwks, uat: Math.floor(Date.now() / 1000) - COPY_AGE });
    return client;
  }

  private client(provider: SsoProviderConfig, metadata: oidc.ServerMetadata): oidc.Configuration {
    const { client_id, client_secret, issuer } = provider;
    const client = new oidc.Configuration(
      metadata,
      client_id,
      { [oidc.clockTolerance]: CLOCK_TOLERANCE },
      client_secret === null ? oidc.None() : clientAuthentication(metadata, client_secret),
    );
    // The configuration has checked that such an issuer is on loopback (contract.md §1).
    if (issuer.startsWith('http:')) oidc.allowInsecureRequests(client);
    return client;
  }

  private connectionTo(provider: SsoProviderConfig): OidcConnection {
    const known = this.connections.get(provider);
    if (known) return known;
    const connection: OidcConnection = new Connection(provider, async (fetch) => {
      const found = await oidc.discovery(new URL(provider.issuer), provider.client_id, undefined, oidc.None(), {
        [oidc.customFetch]: (url, { method, headers }) => fetch(url, { method, headers }),
        ...(provider.issuer.startsWith('http:') && { execute: [oidc.allowInsecureRequests] }),
      });
      return found.serverMetadata();
    });
    this.connections.set(provider, connection);
    return connection;
  }

  /** Nonsense in place of the discovery document is an outage like any other (contract.md §3.6). */
  private async discovered(connection: OidcConnection): Promise<oidc.ServerMetadata> {
    try {
      const metadata = await connection.metadata();
      const { authorization_endpoint, token_endpoint, jwks_uri } = metadata;
      if (authorization_endpoint && token_endpoint && jwks_uri) return metadata;
      throw new Error('the discovery document lacks an endpoint');
    } catch (error) {
      throw new ProviderTrouble('unavailable', 'discovery failed', { cause: error });
    }
  }

  /** One conversation with a provider, within the time that somebody waits; whatever goes wrong gets a name. */
  private async during<Result>(
    provider: SsoProviderConfig,
    converse: (connection: OidcConnection, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const signal = AbortSignal.timeout(TIME_LIMIT_MS);
    try {
      return await within(signal, converse(this.connectionTo(provider), signal));
    } catch (error) {
      const trouble = nameTrouble(error);
      if (trouble.kind !== 'denied')
        this.log.warn(
          { provider: provider.id, kind: trouble.kind, reason: inWords(error) },
          'A provider did not vouch',
        );
      throw trouble;
    }
  }
}

type OidcConnection = Connection<oidc.ServerMetadata>;

/** Basic unless the provider says that it cannot (OpenID Connect Discovery §3: the default). */
function clientAuthentication(metadata: oidc.ServerMetadata, secret: string): oidc.ClientAuth {
  const offered = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return offered.includes('client_secret_basic') ? oidc.ClientSecretBasic(secret) : oidc.ClientSecretPost(secret);
}

function nameTrouble(error: unknown): ProviderTrouble {
  if (error instanceof ProviderTrouble) return error;
  if (isUnreachable(error)) return new ProviderTrouble('unavailable', inWords(error), { cause: error });
  const isDenied = error instanceof oidc.AuthorizationResponseError && error.error === 'access_denied';
  return new ProviderTrouble(isDenied ? 'denied' : 'refused', inWords(error), { cause: error });
}
