import { PATHS } from './issuer-server.js';

/** What may be wrong with what stands in a discovery document. */
export const DISCOVERY_FAULTS = [
  'names another issuer',
  'has no endpoints',
  'has no jwks_uri',
  'has its token endpoint on a link-local address',
  'has its keys on a link-local address',
  'has its userinfo on a link-local address',
  'has a script for its authorization endpoint',
] as const;
export type DiscoveryFault = (typeof DISCOVERY_FAULTS)[number];

/** What may be wrong with how a browser comes back. */
export const AUTHORIZE_FAULTS = [
  'wrong iss',
  'no iss',
  'wrong state',
  'no state',
  'no code',
  'access_denied',
  'server_error',
] as const;
export type AuthorizeFault = (typeof AUTHORIZE_FAULTS)[number];

/** What an issuer says that wants to be shown, or to add a header. */
export const EVIL_DESCRIPTION = '<script>alert(1)</script>\r\nSet-Cookie: jwt=evil';

/** The address that many clouds answer with secrets at. */
const LINK_LOCAL = 'http://169.254.169.254';

/** OpenID Connect Discovery 1.0 §3 */
export function discoveryDocument(url: string, metadata: object, fault?: string): object {
  const endpoints = {
    authorization_endpoint: `${url}${PATHS.authorize}`,
    token_endpoint: `${url}${PATHS.token}`,
    userinfo_endpoint: `${url}${PATHS.userinfo}`,
    jwks_uri: `${url}${PATHS.jwks}`,
  };
  const right = {
    issuer: url,
    ...endpoints,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    scopes_supported: ['openid', 'profile', 'email'],
    authorization_response_iss_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  };
  const none = Object.fromEntries(Object.keys(endpoints).map((name) => [name, undefined]));
  const wrong: Record<DiscoveryFault, object> = {
    'names another issuer': { issuer: 'https://accounts.example.com' },
    'has no endpoints': none,
    'has no jwks_uri': { jwks_uri: undefined },
    'has its token endpoint on a link-local address': { token_endpoint: `${LINK_LOCAL}${PATHS.token}` },
    'has its keys on a link-local address': { jwks_uri: `${LINK_LOCAL}${PATHS.jwks}` },
    'has its userinfo on a link-local address': { userinfo_endpoint: `${LINK_LOCAL}${PATHS.userinfo}` },
    'has a script for its authorization endpoint': { authorization_endpoint: 'javascript:alert(1)' },
  };
  return { ...right, ...metadata, ...(fault !== undefined && wrong[fault as DiscoveryFault]) };
}

/** Where the browser is sent (RFC 6749 §4.1.2, RFC 9207 §2). */
export function redirectBack(
  request: URLSearchParams,
  { code, iss }: { code: string; iss: string },
  fault?: AuthorizeFault,
): string {
  const back = new URL(request.get('redirect_uri') ?? '');
  const state = request.get('state');
  const failed = (error: string, description: string) => ({ code: null, error, error_description: description });
  const wrong: Record<AuthorizeFault, Record<string, string | null>> = {
    'wrong iss': { iss: 'https://accounts.example.com' },
    'no iss': { iss: null },
    'wrong state': { state: 'another-state' },
    'no state': { state: null },
    'no code': { code: null },
    access_denied: failed('access_denied', 'The person said no'),
    server_error: failed('server_error', EVIL_DESCRIPTION),
  };
  const parameters = { code, state, iss, ...(fault && wrong[fault]) };
  for (const [name, value] of Object.entries(parameters)) if (value !== null) back.searchParams.set(name, value);
  return back.href;
}
