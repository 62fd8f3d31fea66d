import { Injectable } from '@nestjs/common';
import { ApplicationsService } from '../applications/applications.service.js';
import { isPublic, matchesRedirectUri, type OAuthClient, uncoveredScope } from '../applications/client.js';
import { AuthorizationRefusal, type ErrorCode, type OAuthParameters, Refusal } from '../common/errors.js';
import { Text } from '../common/fields.js';
import { readScope } from '../common/scopes.js';
import { pkceProblem } from './pkce.js';

/** The parameters of an authorization request as they arrive (RFC 6749 §4.1.1, RFC 7636 §4.3). */
export class AuthorizationParameters implements OAuthParameters {
  @Text({ description: 'The client’s id.', example: 'w3Zq…', max: 200 })
  client_id?: string;

  @Text({ description: 'Must be a registered one, byte for byte.', example: 'https://app.example/callback' })
  redirect_uri?: string;

  @Text({ description: 'Must be `code`.', example: 'code', max: 100 })
  response_type?: string;

  @Text({ description: 'Words separated by one space.', example: 'read write' })
  scope?: string;

  @Text({ description: 'Comes back byte for byte.', max: 2048, prose: true })
  state?: string;

  @Text({ description: 'PKCE challenge (S256).' })
  code_challenge?: string;

  @Text({ description: 'Must be `S256` when a challenge is given.', example: 'S256', max: 100 })
  code_challenge_method?: string;
}

/** An authorization request whose client, redirect URI, scope and PKCE have been found right. */
export interface AuthorizationRequest {
  client: OAuthClient;
  redirectUri: string;
  /** The wanted words; what is granted may be fewer. */
  scopes: string[];
  state: string | null;
  codeChallenge: string | null;
  /** With defaults filled in, for redirects to our pages. */
  parameters: OAuthParameters;
}

/** What a caller lets be absent: the login form must send all four, the page may leave defaults to us (contract.md §0.5). */
export interface Leniency {
  /** `redirect_uri` with exactly one registered, and `scope`. */
  takesDefaults: boolean;
}

/** Checks authorization requests, the same way for every page and form that carries one. */
@Injectable()
export class AuthorizationRequests {
  constructor(private readonly applications: ApplicationsService) {}

  /**
   * @throws Refusal when client or redirect URI are wrong: never to be redirected (RFC 6749 §4.1.2.1)
   * @throws AuthorizationRefusal when anything else is
   */
  async read(sent: OAuthParameters, leniency: Leniency): Promise<AuthorizationRequest> {
    const client = await this.client(sent);
    const redirectUri = registeredRedirectUri(client, sent, leniency);
    const scope = sent.scope ?? (leniency.takesDefaults ? client.scope : undefined);
    const parameters = { ...sent, redirect_uri: redirectUri, ...(scope !== undefined && { scope }) };
    const refuse = (code: ErrorCode, sentence: string) => new AuthorizationRefusal(code, sentence, parameters);
    if (sent.response_type === undefined && !leniency.takesDefaults)
      throw refuse('invalid_request', 'response_type is required');
    if (sent.response_type !== 'code') throw refuse('unsupported_response_type', 'response_type must be code');
    if (scope === undefined) throw refuse('invalid_request', 'scope is required');
    const scopes = readScope(scope);
    const uncovered = scopes && uncoveredScope(client, scopes);
    if (scopes === null) throw refuse('invalid_scope', 'scope must be words separated by one space');
    if (uncovered !== null) throw refuse('invalid_scope', `The scope ${uncovered} is not registered for this client`);
    const problem = pkceProblem(sent.code_challenge, sent.code_challenge_method, isPublic(client));
    if (problem !== null) throw refuse('invalid_request', problem);
    return {
      client,
      redirectUri,
      scopes,
      state: sent.state ?? null,
      codeChallenge: sent.code_challenge ?? null,
      parameters,
    };
  }

  private async client({ client_id: clientId }: OAuthParameters): Promise<OAuthClient> {
    if (!clientId) throw new Refusal('invalid_request', 'client_id is required');
    const client = await this.applications.find(clientId);
    if (!client) throw new Refusal('invalid_client', 'Unknown client_id');
    return client;
  }
}

function registeredRedirectUri(
  client: OAuthClient,
  { redirect_uri: sent }: OAuthParameters,
  { takesDefaults }: Leniency,
): string {
  const [only, ...others] = client.redirectUris;
  const uri = sent ?? (takesDefaults && others.length === 0 ? only : undefined);
  if (uri === undefined || !matchesRedirectUri(client, uri)) {
    throw new Refusal('invalid_request', 'redirect_uri is not registered for this client');
  }
  return uri;
}
