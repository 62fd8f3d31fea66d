import type { SsoProviderConfig } from '../config/sso-config.js';
import { isLoopbackUrl } from '../config/fields.js';

/** How much a finding matters: with `trouble` nobody can sign in, a `warning` is likely to bite, a `note` is good to know. */
export type Mark = 'fine' | 'note' | 'warning' | 'trouble';

/** Something that was looked at, in one sentence for the operator. */
export interface Finding {
  mark: Mark;
  sentence: string;
}

/** A provider's discovery document, unread. */
export type DiscoveryDocument = Record<string, unknown>;

/** One finding. */
export function finding(mark: Mark, sentence: string): Finding {
  return { mark, sentence };
}

/** Where a provider describes itself (OpenID Connect Discovery §4); as the protocol library asks for it. */
export function discoveryUrl({ issuer }: Pick<SsoProviderConfig, 'issuer'>): string {
  const url = new URL(issuer);
  if (!url.pathname.includes('/.well-known/')) {
    url.pathname = `${url.pathname.replace(/\/$/, '')}/.well-known/openid-configuration`;
  }
  return url.href;
}

/** What a discovery document says that matters here, also where the protocol library would just refuse it. */
export function examine(provider: SsoProviderConfig, document: DiscoveryDocument): Finding[] {
  return [
    examineIssuer(provider, document),
    ...ENDPOINTS.map((name) => examineEndpoint(provider, document, name)),
    ...examineFlow(document),
    examinePkce(document),
    examineSignatures(document),
    examineClientAuthentication(provider, document),
    ...examineScopes(provider, document),
    document['authorization_response_iss_parameter_supported'] === true
      ? finding('fine', 'The provider names itself in its answers (RFC 9207)')
      : finding('note', 'The provider does not name itself in its answers (RFC 9207); callbacks are told apart by URL'),
    ...examineLogout(provider, document),
  ];
}

/** The algorithms of ID tokens that count here; what only our own secret signs, anybody who has the secret could forge. */
export function usableAlgorithms(document: DiscoveryDocument): string[] {
  // OpenID Connect Core §2: RS256 unless something else is said.
  const offered = texts(document['id_token_signing_alg_values_supported']) ?? ['RS256'];
  return offered.filter((algorithm) => /^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/.test(algorithm));
}

/** Whether a URL of the document is one that is gone to: https, or http on this machine for an issuer on this machine. */
export function isSafeEndpoint({ issuer }: Pick<SsoProviderConfig, 'issuer'>, url: string): boolean {
  const protocol = URL.parse(url)?.protocol;
  return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:') && isLoopbackUrl(url));
}

function examineIssuer({ issuer: configured }: SsoProviderConfig, { issuer: named }: DiscoveryDocument): Finding {
  if (typeof named !== 'string') return finding('trouble', 'The discovery document names no issuer');
  if (named === configured) return finding('fine', `The issuer is ${named}, as configured`);
  if (URL.parse(named)?.href === URL.parse(configured)?.href) {
    return finding('note', `The provider spells its issuer ${named}, the configuration ${configured}: better the same`);
  }
  return finding(
    'trouble',
    `The provider calls itself ${named}, the configuration ${configured}: ` +
      'if it is the right provider, write its issuer into the configuration character for character',
  );
}

const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'jwks_uri', 'userinfo_endpoint'] as const;

function examineEndpoint(
  provider: SsoProviderConfig,
  document: DiscoveryDocument,
  name: (typeof ENDPOINTS)[number],
): Finding {
  const url = document[name];
  if (url === undefined && name === 'userinfo_endpoint') {
    return finding('note', 'There is no userinfo_endpoint: only the claims of the ID token count');
  }
  if (typeof url !== 'string') return finding('trouble', `There is no ${name}`);
  if (!URL.canParse(url)) return finding('trouble', `${name} is no URL: ${url}`);
  return isSafeEndpoint(provider, url)
    ? finding('fine', `${name} is ${url}`)
    : finding('trouble', `${name} is not on https: ${url}`);
}

/** OpenID Connect Discovery §3 has the defaults. */
function examineFlow(document: DiscoveryDocument): Finding[] {
  const responses = texts(document['response_types_supported']);
  const grants = texts(document['grant_types_supported']) ?? ['authorization_code'];
  if ((responses !== null && !responses.includes('code')) || !grants.includes('authorization_code')) {
    return [finding('trouble', 'The provider does not offer the authorization code flow, and no other is spoken here')];
  }
  const modes = texts(document['response_modes_supported']);
  return [
    finding('fine', 'The authorization code flow is offered'),
    ...(modes === null || modes.includes('query')
      ? []
      : [finding('trouble', `The provider answers by ${list(modes)} only, and not in the query`)]),
  ];
}

function examinePkce(document: DiscoveryDocument): Finding {
  const methods = texts(document['code_challenge_methods_supported']);
  if (methods === null) {
    return finding(
      'note',
      'The provider does not say whether it knows PKCE; it is used anyway, and most know or ignore it',
    );
  }
  return methods.includes('S256')
    ? finding('fine', 'PKCE with S256 is offered')
    : finding('trouble', `PKCE is offered with ${list(methods)} only, and not with S256`);
}

function examineSignatures(document: DiscoveryDocument): Finding {
  const offered = texts(document['id_token_signing_alg_values_supported']);
  const usable = usableAlgorithms(document);
  if (offered === null) {
    return finding('note', 'The provider does not say how it signs ID tokens; only RS256 is taken then');
  }
  return usable.length > 0
    ? finding('fine', `ID tokens can be signed with ${list(usable)}`)
    : finding(
        'trouble',
        `ID tokens are signed with ${list(offered)}, which is not taken: have the provider sign with a key pair, ` +
          'such as RS256 (in authentik: choose a signing key in the OAuth2 provider)',
      );
}

function examineClientAuthentication(
  { client_secret: secret }: SsoProviderConfig,
  document: DiscoveryDocument,
): Finding {
  const offered = texts(document['token_endpoint_auth_methods_supported']) ?? ['client_secret_basic'];
  if (secret === null) {
    return offered.includes('none')
      ? finding('fine', 'There is no client_secret: a public client')
      : finding('warning', 'There is no client_secret: right only if this client is registered as a public one');
  }
  const method = ['client_secret_basic', 'client_secret_post'].find((known) => offered.includes(known));
  return method === undefined
    ? finding('trouble', `The provider wants clients to authenticate by ${list(offered)}, not by a client_secret`)
    : finding('fine', `The client authenticates by ${method}`);
}

function examineScopes({ scopes }: SsoProviderConfig, document: DiscoveryDocument): Finding[] {
  const offered = texts(document['scopes_supported']);
  if (offered === null) return [finding('note', `The scopes asked for are ${scopes}; the provider lists none`)];
  const unknown = scopes.split(' ').filter((scope) => !offered.includes(scope));
  return [
    unknown.length === 0
      ? finding('fine', `The scopes asked for are offered: ${scopes}`)
      : finding('warning', `Asked for, but not among the provider's scopes: ${list(unknown)}; it has ${list(offered)}`),
  ];
}

function examineLogout(provider: SsoProviderConfig, document: DiscoveryDocument): Finding[] {
  const { end_session_endpoint: url, backchannel_logout_supported: tells } = document;
  const signOut =
    typeof url !== 'string'
      ? finding('note', 'There is no end_session_endpoint: who signs out here stays signed in at the provider')
      : isSafeEndpoint(provider, url)
        ? finding('fine', `People can sign out at the provider, too: ${url}`)
        : finding('warning', `end_session_endpoint is not on https: ${url}`);
  const backChannel =
    tells === true
      ? finding('fine', 'The provider can tell when a session has ended there (back-channel logout)')
      : finding('note', 'The provider does not say that it tells when a session has ended there (back-channel logout)');
  return [backChannel, signOut];
}

/** The texts of a list; null where there is no list. */
function texts(value: unknown): string[] | null {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : null;
}

function list(words: readonly string[]): string {
  return words.length === 0 ? 'nothing' : words.join(', ');
}
