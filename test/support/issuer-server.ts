import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Who Gatehouse is to every provider of the tests; the secret is one that must be encoded (RFC 6749 §2.3.1). */
export const CLIENT_ID = 'gatehouse';
export const CLIENT_SECRET = 'a secret: 100% +more/than=32&characters';

/** Where the providers of the tests are asked; their paths are the same. */
export const PATHS = {
  discovery: '/.well-known/openid-configuration',
  authorize: '/authorize',
  token: '/token',
  userinfo: '/userinfo',
  jwks: '/jwks',
} as const;

/** One of these places. */
export type Endpoint = keyof typeof PATHS;

/** The name of an issuer's host: of the same site as Gatehouse or not, as far as browsers can tell. */
export type Host = '127.0.0.1' | 'localhost';

/** A web server on loopback that counts what it is asked, and can go away and come back. */
export abstract class IssuerServer {
  /** Connections so far, also those on which nothing was asked: clients open some ahead. */
  connections = 0;
  /** The most requests that were open at once. */
  mostAtOnce = 0;
  private open = 0;
  private server: Server | null = null;
  private port = 0;
  private readonly counts = new Map<string, number>();

  constructor(private readonly host: Host = '127.0.0.1') {}

  /** The issuer; the provider is below it. */
  get url(): string {
    return `http://${this.host}:${this.port}`;
  }

  /** How often it was asked there, since the start or `forget`. */
  count(endpoint: Endpoint): number {
    return this.counts.get(PATHS[endpoint]) ?? 0;
  }

  /** How often it was asked anything at all. */
  get total(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Counts from zero again. */
  forget(): void {
    this.connections = 0;
    this.mostAtOnce = this.open;
    this.counts.clear();
  }

  /** Connections are refused from now on, and open ones lost. */
  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (!server) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeAllConnections();
    await promise;
  }

  /** Listens again, on the same port as before. */
  async restart(): Promise<void> {
    await this.stop();
    await this.listen();
  }

  protected abstract answer(request: IncomingMessage, response: ServerResponse): void | Promise<void>;

  protected async listen(): Promise<void> {
    const server = createServer((request, response) => {
      const [path = ''] = (request.url ?? '').split('?', 1);
      this.counts.set(path, (this.counts.get(path) ?? 0) + 1);
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.open);
      response.once('close', () => this.open--);
      // A connection that is kept would break after a restart, at a time of its own.
      response.shouldKeepAlive = false;
      // Clients that go away are what some tests are about.
      (async () => this.answer(request, response))().catch(() => response.destroy());
    });
    server.on('connection', () => this.connections++);
    this.server = server;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(this.port, '127.0.0.1', resolve);
    await promise;
    this.port = (server.address() as AddressInfo).port;
  }
}
