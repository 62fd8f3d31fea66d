import type { FastifyReply, FastifyRequest } from 'fastify';

/** Response headers that scripts of other origins may read. */
const EXPOSED = [
  'Link',
  'Location',
  'Retry-After',
  'X-Request-Id',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
].join(', ');

/**
 * Lets scripts of any origin call a route, never with cookies (contract.md §0.8). Always the same few headers, so that
 * the general library, which works its options out for each request, would cost more than it does.
 */
export function allowAnyOrigin({ method }: FastifyRequest, reply: FastifyReply): void {
  void reply.header('access-control-allow-origin', '*');
  void reply.header('access-control-expose-headers', EXPOSED);
  if (method !== 'OPTIONS') return;
  void reply.header('access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE');
  void reply.header('access-control-allow-headers', 'Authorization, Content-Type, Idempotency-Key, X-Requested-With');
  void reply.header('access-control-max-age', '86400');
}
