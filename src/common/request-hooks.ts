import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { canonicalAddress } from './client-info.js';
import { allowAnyOrigin } from './cors.js';
import { Refusal } from './errors.js';
import type { RouteTable } from './route-table.js';
import { sha256 } from './secrets.js';

/** The longest URL we read, in bytes (contract.md §0.3). */
const MAX_URL = 8 * 1024;

/** What every request goes through before its route, and every answer after it; plain callbacks, because this is the hot path. */
export function registerRequestHooks(fastify: FastifyInstance, routes: RouteTable, log: Logger): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    addHeaders(request, reply);
    const isCorsAllowed = routes.allowsCors(request);
    if (isCorsAllowed) allowAnyOrigin(request, reply);
    forgetTypeOfNothing(request);
    const refusal = refusalOf(request);
    if (refusal) done(refusal);
    else if (isCorsAllowed && request.method === 'OPTIONS') void reply.code(204).send();
    else if (!request.is404 && !isSpelledAsRegistered(request)) reply.callNotFound();
    else done();
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    // Also on an empty answer, because masto's library refuses one without a type it knows (contract.md §0.8).
    if (!reply.hasHeader('content-type')) void reply.type('application/json; charset=utf-8');
    const isUnchanged =
      request.routeOptions.config.cacheable && reply.statusCode === 200 && matchesTag(request, reply, payload);
    if (isUnchanged) void reply.code(304);
    done(null, isUnchanged ? '' : payload);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    logAnswer(log, request, reply);
    done();
  });
}

function addHeaders(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('x-request-id', request.id);
  void reply.header('cache-control', request.routeOptions.config.cacheable ? 'public, max-age=60' : 'no-store');
  if (request.routeOptions.config.noHttp10Cache) void reply.header('pragma', 'no-cache');
}

/** Without a body there are no fields, whatever its type is said to be (contract.md §0.3); the framework would refuse a garbled one. */
function forgetTypeOfNothing({ raw: { headers } }: FastifyRequest): void {
  if ((headers['content-length'] ?? '0') === '0' && headers['transfer-encoding'] === undefined) {
    delete headers['content-type'];
  }
}

function refusalOf({ raw, method, routeOptions }: FastifyRequest): Refusal | null {
  if (raw.url !== undefined && raw.url.length > MAX_URL) return new Refusal('url_too_long');
  // RFC 9112 §3.2
  if (raw.headers.host === undefined && raw.httpVersion === '1.1') return new Refusal('malformed_request');
  if (method === 'HEAD' && routeOptions.config.noHead)
    return new Refusal('method_not_allowed', undefined, { allow: ['GET'] });
  return null;
}

/** The router decodes a path before it matches; we only take the fixed parts as they are registered (security.md R4). */
function isSpelledAsRegistered({ raw, routeOptions }: FastifyRequest): boolean {
  const path = raw.url?.split('?', 1)[0] ?? '';
  if (!/[%;]/.test(path)) return true;
  const sent = path.split('/');
  const registered = (routeOptions.url ?? '').split('/');
  return registered.every((part, index) => part.startsWith(':') || part === '*' || part === sent[index]);
}

/** Tags a cacheable answer with its content, and tells whether the caller has it already (RFC 9110 §13.1.2). */
function matchesTag(request: FastifyRequest, reply: FastifyReply, payload: unknown): boolean {
  if (typeof payload !== 'string') return false;
  const tag = `"${sha256(payload).toString('base64url').slice(0, 27)}"`;
  void reply.header('etag', tag);
  return (request.headers['if-none-match'] ?? '')
    .split(/\s*,\s*/)
    .some((sent) => sent === '*' || sent.replace(/^W\//, '') === tag);
}

function logAnswer(
  log: Logger,
  { id: reqId, method, ip, raw }: FastifyRequest,
  { statusCode, elapsedTime }: FastifyReply,
): void {
  const level = statusCode >= 500 ? 'error' : statusCode >= 400 ? 'info' : 'debug';
  if (!log.isLevelEnabled(level)) return;
  // Links in mails carry their secret in the path (security.md R15); every secret of ours has this form (contract.md §0.8).
  const path = raw.url?.split('?', 1)[0]?.replaceAll(/[\w-]{43,}/g, '[secret]');
  log[level](
    { reqId, method, path, ip: canonicalAddress(ip), status: statusCode, durationMs: Math.round(elapsedTime) },
    'request',
  );
}
