import type { FastifyInstance, FastifyRequest } from 'fastify';
import { answerClientError } from './client-error.js';

/** How fast bodies have to arrive; times in milliseconds. */
export interface ArrivalLimits {
  /** The longest that a body may take. */
  bodyMs: number;
  /** A file may take longer, and then so many bytes have to come between two looks. */
  lookMs: number;
  bytesPerLook: number;
}

/** Contract.md §0.3, *Time*: 30 s, and files at least 1 KiB a second. */
const USUAL: ArrivalLimits = { bodyMs: 30_000, lookMs: 10_000, bytesPerLook: 10 * 1024 };

/** The longest that any request may take to arrive, in milliseconds: that of a file. */
export const UPLOAD_LIMIT_MS = 120_000;

/**
 * Ends connections whose body comes too slowly (security.md R10). The server's own limit is one for all routes, so it is
 * that of files; this is what every other route is held to.
 */
export function limitArrival(fastify: FastifyInstance, limits: ArrivalLimits = USUAL): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (hasBody(request)) watch(request, limits);
    done();
  });
}

function hasBody({ raw: { headers } }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function watch({ raw, routeOptions }: FastifyRequest, { bodyMs, lookMs, bytesPerLook }: ArrivalLimits): void {
  const isUpload = routeOptions.config.upload === true;
  let seen = raw.socket.bytesRead;
  const timer = setInterval(
    () => {
      const isMoving = isUpload && raw.socket.bytesRead - seen >= bytesPerLook;
      seen = raw.socket.bytesRead;
      if (isMoving) return;
      stop();
      answerClientError(Object.assign(new Error('Too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), raw.socket);
    },
    isUpload ? lookMs : bodyMs,
  );
  const stop = () => {
    clearInterval(timer);
    raw.off('end', stop).off('close', stop);
  };
  raw.once('end', stop).once('close', stop);
}
