import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { discoveryDocument, type DiscoveryFault, redirectBack, type AuthorizeFault } from './evil-answers.js';
import {
  type Claims,
  idTokenClaims,
  type IdTokenFault,
  logoutTokenClaims,
  type LogoutTokenFault,
  SigningKeys,
} from './evil-tokens.js';
import { type Answer, send, WIRE_FAULTS, type WireFault } from './evil-wire.js';
import { CLIENT_ID, CLIENT_SECRET, type Endpoint, type Host, IssuerServer, PATHS } from './issuer-server.js';

/** What goes wrong, at most one thing at every place; `{}` is an honest provider. */
export interface EvilFaults {
  discovery?: WireFault | DiscoveryFault;
  authorize?: AuthorizeFault;
  token?: WireFault | 'invalid_grant' | 'no ID token';
  idToken?: IdTokenFault;
  userinfo?: WireFault | 'another sub' | 'no sub';
  jwks?: WireFault | 'empty';
  /** By how many milliseconds every answer is late. */
  delayMs?: number;
  /** Every answer waits for this: as slow as the test wants it. */
  until?: Promise<unknown>;
  /** Connections are accepted, and nothing is ever said. */
  isHalfOpen?: boolean;
}

/** What it was asked at the token endpoint, right or wrong. */
export interface TokenRequest {
  code: string | null;
  authMethod: 'client_secret_basic' | 'client_secret_post' | 'none';
  parameters: URLSearchParams;
}

/** Somebody who was sent back to the client. */
interface SignIn {
  claims: Claims;
  userinfo: Claims;
  request: URLSearchParams;
}

/** Starts one; stop it in `afterAll`, after the app. */
export async function startEvilIssuer(host?: Host): Promise<EvilIssuer> {
  const issuer = new EvilIssuer(await SigningKeys.make(), host);
  await issuer.restart();
  return issuer;
}

/** What a browser would be sent back to, which is not asked. */
export async function evilCallback(authorizationUrl: string | URL): Promise<string> {
  const response = await fetch(authorizationUrl, { redirect: 'manual' });
  const location = response.headers.get('location');
  if (location === null) throw new Error(`The provider answered ${response.status}: ${await response.text()}`);
  return location;
}

/** An OpenID provider that can be told to misbehave, and signs in at once whoever `claims` is. */
export class EvilIssuer extends IssuerServer {
  faults: EvilFaults = {};
  /** Who signs in from now on, with what else stands in the ID token: `acr`, `amr`, `sid`, `iss`, all as it is here. */
  claims: Claims & { acr?: unknown; amr?: unknown; sid?: unknown } = { sub: 'alice' };
  /** What else userinfo answers for those who sign in from now on; the `sub` stands there anyway. */
  userinfo: Claims = {};
  /** What else, or what instead, its discovery document says. */
  metadata: object = {};
  /** Oldest first. */
  readonly tokenRequests: TokenRequest[] = [];
  /** Another server on loopback, where redirects go; all is well there. */
  readonly elsewhere = new Elsewhere(this);
  private readonly codes = new Map<string, SignIn>();
  /** What userinfo answers for them. */
  private readonly accessTokens = new Map<string, Claims>();

  constructor(
    private readonly keys: SigningKeys,
    host?: Host,
  ) {
    super(host);
  }

  /** Of the key that signs. */
  get kid(): string {
    return this.keys.kid;
  }

  /** Makes another key that signs from now on, and answers its id; the one before is published until it is removed. */
  async rotateKey(): Promise<string> {
    return this.keys.rotate();
  }

  /** The key is not published any longer; the one that signs goes on signing. */
  removeKey(kid: string): void {
    this.keys.remove(kid);
  }

  /** A token that tells us that somebody's session has ended there (OpenID Connect Back-Channel Logout 1.0 §2.4). */
  async logoutToken({ fault, ...who }: { sub?: string; sid?: string; fault?: LogoutTokenFault }): Promise<string> {
    return this.keys.sign(logoutTokenClaims({ iss: this.url, ...who }, fault), 'logout+jwt', fault);
  }

  override async stop(): Promise<void> {
    await Promise.all([super.stop(), this.elsewhere.stop()]);
  }

  override async restart(): Promise<void> {
    await Promise.all([super.restart(), this.elsewhere.restart()]);
  }

  /** Answers a request, with these faults. */
  async respond(request: IncomingMessage, response: ServerResponse, faults: EvilFaults): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url);
    const reply = async (endpoint: Endpoint, answer: Answer, fault?: string) =>
      send(
        response,
        answer,
        WIRE_FAULTS.find((wire) => wire === fault),
        `${this.elsewhere.url}${PATHS[endpoint]}`,
      );
    switch (pathname) {
      case PATHS.discovery: {
        const body = discoveryDocument(this.url, this.metadata, faults.discovery);
        return reply('discovery', { body }, faults.discovery);
      }
      case PATHS.authorize:
        return this.authorize(searchParams, response, faults.authorize);
      case PATHS.token:
        return reply('token', await this.redeem(request, faults), faults.token);
      case PATHS.userinfo:
        return reply('userinfo', this.describe(request, faults.userinfo), faults.userinfo);
      case PATHS.jwks:
        return reply('jwks', { body: faults.jwks === 'empty' ? { keys: [] } : this.keys.set }, faults.jwks);
      default:
        return send(response, { status: 404, body: { error: 'not_found' } });
    }
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { faults } = this;
    if (faults.isHalfOpen) return;
    if (faults.delayMs !== undefined) await sleep(faults.delayMs, undefined, { ref: false });
    await faults.until;
    await this.respond(request, response, faults);
  }

  private authorize(request: URLSearchParams, response: ServerResponse, fault?: AuthorizeFault): void | Promise<void> {
    const isRight =
      request.get('client_id') === CLIENT_ID &&
      request.get('response_type') === 'code' &&
      request.get('scope')?.split(' ').includes('openid') &&
      request.get('code_challenge_method') === 'S256' &&
      URL.canParse(request.get('redirect_uri') ?? '');
    if (!isRight) return send(response, { status: 400, body: { error: 'invalid_request' } });
    const code = randomUUID();
    this.codes.set(code, { request, claims: { ...this.claims }, userinfo: { ...this.userinfo } });
    response.writeHead(302, { location: redirectBack(request, { code, iss: this.url }, fault) }).end();
  }

  private async redeem(request: IncomingMessage, faults: EvilFaults): Promise<Answer> {
    const parameters = new URLSearchParams(await text(request));
    const { authMethod, isRight } = authenticate(request.headers.authorization, parameters);
    const code = parameters.get('code');
    this.tokenRequests.push({ code, authMethod, parameters });
    if (!isRight) return { status: 401, body: { error: 'invalid_client' } };
    const signIn = this.codes.get(code ?? '');
    this.codes.delete(code ?? '');
    if (!signIn || !matches(signIn.request, parameters) || faults.token === 'invalid_grant')
      return { status: 400, body: { error: 'invalid_grant' } };
    const nonce = signIn.request.get('nonce') ?? undefined;
    const claims = idTokenClaims({ iss: this.url, nonce, ...signIn.claims }, faults.idToken);
    const idToken = await this.keys.sign(claims, 'JWT', faults.idToken);
    const accessToken = randomUUID();
    // The wrong subject of a token is told by userinfo too, so that nothing but the token gives it away.
    this.accessTokens.set(accessToken, { sub: claims['sub'], ...signIn.userinfo });
    const body = { access_token: accessToken, token_type: 'Bearer', expires_in: 300 };
    return { body: faults.token === 'no ID token' ? body : { ...body, id_token: idToken } };
  }

  private describe(request: IncomingMessage, fault?: EvilFaults['userinfo']): Answer {
    const userinfo = this.accessTokens.get(request.headers.authorization?.replace(/^Bearer /, '') ?? '');
    if (!userinfo) return { status: 401, headers: { 'www-authenticate': 'Bearer error="invalid_token"' }, body: {} };
    if (fault === 'another sub') return { body: { ...userinfo, sub: 'somebody-else' } };
    return { body: fault === 'no sub' ? { ...userinfo, sub: undefined } : userinfo };
  }
}

/** Where a client ends up that follows redirects: everything is answered as it should be. */
class Elsewhere extends IssuerServer {
  constructor(private readonly issuer: EvilIssuer) {
    super();
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await this.issuer.respond(request, response, {});
  }
}

/** RFC 6749 §2.3.1 */
function authenticate(
  authorization: string | undefined,
  parameters: URLSearchParams,
): { authMethod: TokenRequest['authMethod']; isRight: boolean } {
  const [, basic] = /^Basic (.+)$/i.exec(authorization ?? '') ?? [];
  // Both are form-encoded before the colon is put between them.
  const [pair = []] = new URLSearchParams(
    Buffer.from(basic ?? '', 'base64')
      .toString()
      .replace(':', '='),
  );
  const [id, secret] = basic === undefined ? [parameters.get('client_id'), parameters.get('client_secret')] : pair;
  const posted = parameters.has('client_secret') ? 'client_secret_post' : 'none';
  const authMethod = basic === undefined ? posted : 'client_secret_basic';
  return { authMethod, isRight: id === CLIENT_ID && secret === CLIENT_SECRET };
}

/** RFC 6749 §4.1.3, RFC 7636 §4.6 */
function matches(asked: URLSearchParams, parameters: URLSearchParams): boolean {
  const challenge = createHash('sha256')
    .update(parameters.get('code_verifier') ?? '')
    .digest('base64url');
  return (
    parameters.get('grant_type') === 'authorization_code' &&
    parameters.get('redirect_uri') === asked.get('redirect_uri') &&
    challenge === asked.get('code_challenge')
  );
}
