import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { canonicalAddress } from './client-info.js';
import { Refusal } from './errors.js';

/** The longest URL we read, in bytes (contract.md §0.3). */
const MAX_URL = 8 * 1024;

/** What every request goes through before its route, and every answer after it. */
export function registerRequestHooks(fastify: FastifyInstance, log: Logger): void {
  fastify.addHook('onRequest', async (request, reply) => {
    addHeaders(request, reply);
    if (request.raw.url !== undefined && request.raw.url.length > MAX_URL) throw new Refusal('url_too_long');
    if (request.method === 'HEAD' && request.routeOptions.config.noHead) {
      throw new Refusal('method_not_allowed', undefined, { allow: ['GET'] });
    }
    if (!request.is404 && !isSpelledAsRegistered(request)) reply.callNotFound();
  });
  // Also on an empty answer, because masto's library refuses one without a type it knows (contract.md §0.8).
  fastify.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('content-type')) void reply.type('application/json; charset=utf-8');
  });
  fastify.addHook('onResponse', async (request, reply) => {
    const level = reply.statusCode >= 500 ? 'error' : reply.statusCode >= 400 ? 'info' : 'debug';
    if (!log.isLevelEnabled(level)) return;
    const { id: reqId, method, ip } = request;
    const path = request.raw.url?.split('?', 1)[0];
    const durationMs = Math.round(reply.elapsedTime);
    log[level]({ reqId, method, path, ip: canonicalAddress(ip), status: reply.statusCode, durationMs }, 'request');
  });
}

function addHeaders(request: FastifyRequest, reply: FastifyReply): void {
  void reply.header('x-request-id', request.id);
  void reply.header('cache-control', request.routeOptions.config.cacheable ? 'public, max-age=60' : 'no-store');
}

/** The router decodes a path before it matches; we only take the fixed parts as they are registered (security.md R4). */
function isSpelledAsRegistered({ raw, routeOptions }: FastifyRequest): boolean {
  const path = raw.url?.split('?', 1)[0] ?? '';
  if (!/[%;]/.test(path)) return true;
  const sent = path.split('/');
  const registered = (routeOptions.url ?? '').split('/');
  return registered.every((part, index) => part.startsWith(':') || part === '*' || part === sent[index]);
}
