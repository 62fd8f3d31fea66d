import type { Config } from '../config/config.js';
import type { AuthorizationRefusal, LinkRefusal, OAuthParameters } from './errors.js';

/** Out-of-band: the code is shown to be copied instead of sent to a redirect URI. */
export const OUT_OF_BAND = 'urn:ietf:wg:oauth:2.0:oob';

/** The OAuth parameters that are present, as query pairs; absent ones are left out. */
export function oauthPairs(parameters: OAuthParameters): [string, string][] {
  return Object.entries(parameters).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
}

/** A URL on our own origin with percent-encoded parameters. */
export function pageUrl(config: Config, path: string, pairs: readonly [string, string][]): string {
  return appendQuery(config.url(path), pairs);
}

/**
 * Appends parameters and leaves the URI itself as it is, character for character: redirect URIs may have a query of their
 * own or a private scheme, which no URL parser may touch (contract.md §3.5.2).
 */
export function appendQuery(uri: string, pairs: readonly [string, string][]): string {
  const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  if (query === '') return uri;
  return uri + (uri.includes('?') ? '&' : '?') + query;
}

/** Where a registered client is told something; out-of-band results go to our own page. RFC 9207: with `iss`. */
export function clientUrl(
  config: Config,
  redirectUri: string,
  pairs: [string, string][],
  state: string | undefined,
): string {
  const outOfBand = redirectUri === OUT_OF_BAND;
  const target = outOfBand ? config.url(config.frontend.routes.code) : redirectUri;
  const withState: [string, string][] = state === undefined ? pairs : [...pairs, ['state', state]];
  return appendQuery(target, outOfBand ? withState : [...withState, ['iss', config.publicUrl]]);
}

/** The refusal of an authorization request as the client hears of it (RFC 6749 §4.1.2.1). */
export function clientRefusalUrl(config: Config, refusal: AuthorizationRefusal): string {
  const { redirect_uri: redirectUri = '', state } = refusal.parameters;
  return clientUrl(config, redirectUri, refusalPairs(refusal), state);
}

/** The refusal of a form post as the login page shows it, the OAuth parameters kept (contract.md §0.6, *login redirect*). */
export function loginRefusalUrl(config: Config, refusal: AuthorizationRefusal): string {
  const identifier: [string, string][] = refusal.identifier ? [['identifier', refusal.identifier]] : [];
  return pageUrl(config, config.frontend.routes.login, [
    ...oauthPairs(refusal.parameters),
    ...refusalPairs(refusal),
    ...identifier,
  ]);
}

/** The refusal to link an identity, on the home page (contract.md §0.6, *link redirect*). */
export function linkRefusalUrl(config: Config, { title, message }: LinkRefusal): string {
  return pageUrl(config, config.frontend.routes.home, [
    ['oidc_account_linking_error', title],
    ['oidc_account_linking_error_message', message],
  ]);
}

function refusalPairs({ oauth, message }: AuthorizationRefusal): [string, string][] {
  return [
    ['error', oauth],
    ['error_description', message],
  ];
}
