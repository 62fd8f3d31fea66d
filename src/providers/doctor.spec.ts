import { describe, expect, it } from 'vitest';
import { SsoProviderConfig } from '../config/sso-config.js';
import { type DiscoveryDocument, discoveryUrl, examine, type Finding, isSafeEndpoint } from './doctor.js';

const ISSUER = 'https://sso.example.org/realms/main';

const provider = (more: Partial<SsoProviderConfig> = {}): SsoProviderConfig =>
  Object.assign(new SsoProviderConfig(), { id: 'sso', issuer: ISSUER, client_id: 'g', client_secret: 's', ...more });

/** What a well set up provider says; `undefined` leaves out. */
const document = (more: DiscoveryDocument = {}): DiscoveryDocument => ({
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/auth`,
  token_endpoint: `${ISSUER}/token`,
  userinfo_endpoint: `${ISSUER}/userinfo`,
  jwks_uri: `${ISSUER}/certs`,
  end_session_endpoint: `${ISSUER}/logout`,
  response_types_supported: ['code', 'none'],
  response_modes_supported: ['query', 'fragment'],
  grant_types_supported: ['authorization_code', 'refresh_token'],
  id_token_signing_alg_values_supported: ['PS256', 'RS256', 'HS256'],
  token_endpoint_auth_methods_supported: ['private_key_jwt', 'client_secret_basic'],
  code_challenge_methods_supported: ['plain', 'S256'],
  scopes_supported: ['openid', 'profile', 'email', 'groups'],
  authorization_response_iss_parameter_supported: true,
  backchannel_logout_supported: true,
  ...more,
});

/** What is not fine. */
const complaints = (more: DiscoveryDocument, settings?: Partial<SsoProviderConfig>): string[] =>
  examine(provider(settings), document(more))
    .filter(({ mark }) => mark !== 'fine')
    .map(inOne);

const inOne = ({ mark, sentence }: Finding): string => `${mark}: ${sentence}`;

describe('discoveryUrl', () => {
  it.each([
    ['https://sso.example.org', 'https://sso.example.org/.well-known/openid-configuration'],
    [ISSUER, `${ISSUER}/.well-known/openid-configuration`],
    ['https://a.example/o/g/', 'https://a.example/o/g/.well-known/openid-configuration'],
    [`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/.well-known/openid-configuration`],
  ])('of %s is %s', (issuer, url) => {
    expect(discoveryUrl({ issuer })).toBe(url);
  });
});

describe('examine', () => {
  it('finds everything fine that is, and says what it saw', () => {
    expect(complaints({})).toEqual([]);
    expect(examine(provider(), document()).map(({ sentence }) => sentence)).toEqual([
      `The issuer is ${ISSUER}, as configured`,
      `authorization_endpoint is ${ISSUER}/auth`,
      `token_endpoint is ${ISSUER}/token`,
      `jwks_uri is ${ISSUER}/certs`,
      `userinfo_endpoint is ${ISSUER}/userinfo`,
      'The authorization code flow is offered',
      'PKCE with S256 is offered',
      'ID tokens can be signed with PS256, RS256',
      'The client authenticates by client_secret_basic',
      'The scopes asked for are offered: openid profile email',
      'The provider names itself in its answers (RFC 9207)',
      'The provider can tell when a session has ended there (back-channel logout)',
      `People can sign out at the provider, too: ${ISSUER}/logout`,
    ]);
  });

  it.each<[string, DiscoveryDocument, string[]]>([
    ['no issuer', { issuer: undefined }, ['trouble: The discovery document names no issuer']],
    [
      'another issuer, and says both',
      { issuer: `${ISSUER}/` },
      [
        `trouble: The provider calls itself ${ISSUER}/, the configuration ${ISSUER}: if it is the right provider, ` +
          'write its issuer into the configuration character for character',
      ],
    ],
    ['a missing endpoint', { token_endpoint: undefined }, ['trouble: There is no token_endpoint']],
    ['an endpoint that is no URL', { jwks_uri: '/certs' }, ['trouble: jwks_uri is no URL: /certs']],
    [
      'endpoints that are not on https',
      { authorization_endpoint: 'javascript:alert(1)', userinfo_endpoint: 'http://localhost/userinfo' },
      [
        'trouble: authorization_endpoint is not on https: javascript:alert(1)',
        'trouble: userinfo_endpoint is not on https: http://localhost/userinfo',
      ],
    ],
    [
      'no userinfo',
      { userinfo_endpoint: undefined },
      ['note: There is no userinfo_endpoint: only the claims of the ID token count'],
    ],
    [
      'only implicit flows',
      { response_types_supported: ['id_token'] },
      ['trouble: The provider does not offer the authorization code flow, and no other is spoken here'],
    ],
    [
      'no code grant',
      { grant_types_supported: ['implicit'] },
      ['trouble: The provider does not offer the authorization code flow, and no other is spoken here'],
    ],
    [
      'answers that are not in the query',
      { response_modes_supported: ['form_post'] },
      ['trouble: The provider answers by form_post only, and not in the query'],
    ],
    [
      'nothing about PKCE, which is only a note',
      { code_challenge_methods_supported: undefined },
      ['note: The provider does not say whether it knows PKCE; it is used anyway, and most know or ignore it'],
    ],
    [
      'PKCE without S256',
      { code_challenge_methods_supported: ['plain'] },
      ['trouble: PKCE is offered with plain only, and not with S256'],
    ],
    [
      'signatures with our own secret, or none',
      { id_token_signing_alg_values_supported: ['HS256', 'none'] },
      [
        'trouble: ID tokens are signed with HS256, none, which is not taken: have the provider sign with a key pair, ' +
          'such as RS256 (in authentik: choose a signing key in the OAuth2 provider)',
      ],
    ],
    [
      'nothing about signatures',
      { id_token_signing_alg_values_supported: undefined },
      ['note: The provider does not say how it signs ID tokens; only RS256 is taken then'],
    ],
    [
      'clients that must have keys',
      { token_endpoint_auth_methods_supported: ['private_key_jwt', 'tls_client_auth'] },
      [
        'trouble: The provider wants clients to authenticate by private_key_jwt, tls_client_auth, not by a client_secret',
      ],
    ],
    [
      'fewer scopes than are asked for',
      { scopes_supported: ['openid'] },
      ["warning: Asked for, but not among the provider's scopes: profile, email; it has openid"],
    ],
    [
      'no scopes',
      { scopes_supported: undefined },
      ['note: The scopes asked for are openid profile email; the provider lists none'],
    ],
    [
      'nothing about its name and about logout',
      {
        authorization_response_iss_parameter_supported: undefined,
        backchannel_logout_supported: undefined,
        end_session_endpoint: undefined,
      },
      [
        'note: The provider does not name itself in its answers (RFC 9207); callbacks are told apart by URL',
        'note: The provider does not say that it tells when a session has ended there (back-channel logout)',
        'note: There is no end_session_endpoint: who signs out here stays signed in at the provider',
      ],
    ],
    [
      'a way out that is not on https',
      { end_session_endpoint: 'http://sso.example.org/logout' },
      ['warning: end_session_endpoint is not on https: http://sso.example.org/logout'],
    ],
    [
      'values of the wrong kind, without failing',
      { scopes_supported: 'openid', code_challenge_methods_supported: [null, 5, 'S256'], issuer: 7 },
      [
        'trouble: The discovery document names no issuer',
        'note: The scopes asked for are openid profile email; the provider lists none',
      ],
    ],
  ])('tells %s', (_what, more, expected) => {
    expect(complaints(more)).toEqual(expected);
  });

  it('lets a slash after the host pass', () => {
    expect(complaints({ issuer: 'https://sso.example.org' }, { issuer: 'https://sso.example.org/' })).toEqual([
      'note: The provider spells its issuer https://sso.example.org, the configuration https://sso.example.org/: better the same',
    ]);
  });

  it('names the way the client would authenticate', () => {
    const authentication = (offered: string[] | undefined, settings: Partial<SsoProviderConfig> = {}) =>
      examine(provider(settings), document({ token_endpoint_auth_methods_supported: offered }))
        .map(inOne)
        .find((line) => /client_secret/.test(line));
    expect(authentication(['client_secret_post'])).toBe('fine: The client authenticates by client_secret_post');
    expect(authentication(undefined)).toBe('fine: The client authenticates by client_secret_basic');
    expect(authentication(['none'], { client_secret: null })).toBe('fine: There is no client_secret: a public client');
    expect(authentication(undefined, { client_secret: null })).toBe(
      'warning: There is no client_secret: right only if this client is registered as a public one',
    );
  });

  it('takes http on this machine for an issuer on this machine, and nowhere else', () => {
    const local = { issuer: 'http://127.0.0.1:9000' };
    expect(isSafeEndpoint(local, 'http://localhost:9000/token')).toBe(true);
    expect(isSafeEndpoint(local, 'https://sso.example.org/token')).toBe(true);
    expect(isSafeEndpoint(local, 'http://169.254.169.254/token')).toBe(false);
    expect(isSafeEndpoint({ issuer: ISSUER }, 'http://localhost:9000/token')).toBe(false);
  });
});
