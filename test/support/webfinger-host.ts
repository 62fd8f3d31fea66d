import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a host does when it is asked for an account; without any of it, it answers as it should. */
export interface AccountScript {
  /** 200 unless told otherwise; other ones come without a descriptor. */
  status?: number;
  /** Before it answers, in milliseconds. */
  delayMs?: number;
  /** `acct:` and the name that was asked for, unless told otherwise. */
  subject?: unknown;
  /** The actor's id: `/users/` and the name on this host, unless told otherwise; null for none. */
  self?: string | null;
  selfType?: string;
  page?: string | null;
  /** Instead of a descriptor: text as it is, anything else as JSON. */
  body?: unknown;
  /** `{resource}` in it stands for what was asked for, as it stood in the query. */
  redirectTo?: string;
  retryAfter?: string | number;
  headers?: Record<string, string>;
  /** Hangs up without an answer, says nothing at all, or sends the body byte by byte for ever. */
  fault?: 'hang-up' | 'silence' | 'drip';
}

/** One request as it came. */
export interface SeenRequest {
  path: string;
  resource: string | null;
  headers: IncomingMessage['headers'];
}

/** A server on loopback, over plain http, that knows accounts by WebFinger and does as it is told. */
export class WebFingerHost {
  /** All requests so far, in order. */
  readonly requests: SeenRequest[] = [];
  /** Also those on which nothing was asked. */
  connections = 0;
  /** The most requests that were open at once. */
  mostAtOnce = 0;
  /** Requests that have no answer yet and wait for it. */
  open = 0;
  private readonly accounts = new Map<string, AccountScript | (() => AccountScript)>();
  private readonly server: Server;
  private port = 0;

  constructor() {
    this.server = createServer((request, response) => {
      this.mostAtOnce = Math.max(this.mostAtOnce, ++this.open);
      response.once('close', () => this.open--);
      this.answer(request, response).catch(() => response.destroy());
    });
    this.server.on('connection', () => this.connections++);
  }

  /** The part of a handle after the `@`: address and port. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get origin(): string {
    return `http://${this.host}`;
  }

  /** The account is known from now on by this name, or only by `name@host` where that is said, and asked for as told. */
  add(name: string, script: AccountScript | (() => AccountScript) = {}): this {
    this.accounts.set(name.toLowerCase(), script);
    return this;
  }

  /** How often it was asked for this account, on whatever host. */
  count(username: string): number {
    return this.requests.filter(({ resource }) => resource?.startsWith(`acct:${username}@`)).length;
  }

  /** Also again after `stop`, on the same port. */
  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once('error', reject);
    this.server.listen(this.port, '127.0.0.1', resolve);
    await promise;
    this.port = (this.server.address() as AddressInfo).port;
  }

  /** Connections are refused from now on, and open ones lost. */
  async stop(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.server.close(() => resolve());
    this.server.closeAllConnections();
    await promise;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams, search } = new URL(request.url ?? '/', this.origin);
    const resource = searchParams.get('resource');
    this.requests.push({ path: `${pathname}${search}`, resource, headers: request.headers });
    const [, username = '', host = ''] = /^acct:(.*)@(.*)$/.exec(resource ?? '') ?? [];
    const known = this.accounts.get(`${username}@${host}`) ?? this.accounts.get(username) ?? { status: 404 };
    const script = typeof known === 'function' ? known() : known;
    if (script.delayMs !== undefined) await delay(script.delayMs);
    if (script.fault === 'silence') return;
    if (script.fault === 'hang-up') return void response.destroy();
    response.setHeaders(new Map(Object.entries(script.headers ?? {})));
    if (script.retryAfter !== undefined) response.setHeader('retry-after', script.retryAfter);
    if (script.redirectTo !== undefined) {
      response.setHeader('location', script.redirectTo.replace('{resource}', encodeURIComponent(resource ?? '')));
      response.writeHead(script.status ?? 302).end();
      return;
    }
    response.writeHead(script.status ?? 200, { 'content-type': 'application/jrd+json' });
    if (script.fault === 'drip') {
      const dripping = setInterval(() => response.write(' '), 10);
      response.once('close', () => clearInterval(dripping));
    } else {
      response.end(this.bodyOf(script, username, resource));
    }
  }

  private bodyOf(script: AccountScript, username: string, resource: string | null): string {
    if (typeof script.body === 'string') return script.body;
    if (script.body !== undefined) return JSON.stringify(script.body);
    if ((script.status ?? 200) !== 200) return '';
    const { self = `${this.origin}/users/${username}`, page = `${this.origin}/@${username}` } = script;
    return JSON.stringify({
      subject: script.subject ?? resource,
      links: [
        ...(page === null ? [] : [{ rel: 'http://webfinger.net/rel/profile-page', type: 'text/html', href: page }]),
        ...(self === null ? [] : [{ rel: 'self', type: script.selfType ?? 'application/activity+json', href: self }]),
      ],
    });
  }
}

/** A host that listens, until it is stopped. */
export async function startWebFingerHost(): Promise<WebFingerHost> {
  const host = new WebFingerHost();
  await host.listen();
  return host;
}
