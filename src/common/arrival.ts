import type { FastifyInstance, FastifyRequest } from 'fastify';
import { answerClientError } from './client-error.js';

/** How long a body may take to arrive, in milliseconds (contract.md §0.3, *Time*). */
const BODY_LIMIT_MS = 30_000;

/** A file may take longer, and then at least so many bytes a look. */
const LOOK_MS = 10_000;
const BYTES_PER_LOOK = 10 * 1024;

/** The longest that any request may take to arrive, in milliseconds: that of a file. */
export const UPLOAD_LIMIT_MS = 120_000;

/**
 * Ends connections whose body comes too slowly (security.md R10). The server's own limit is one for all routes, so it is
 * that of files; this is what every other route is held to.
 */
export function limitArrival(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (hasBody(request)) watch(request);
    done();
  });
}

function hasBody({ raw: { headers } }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function watch({ raw, routeOptions }: FastifyRequest): void {
  const isUpload = routeOptions.config.upload === true;
  let seen = raw.socket.bytesRead;
  const timer = setInterval(
    () => {
      const isMoving = isUpload && raw.socket.bytesRead - seen >= BYTES_PER_LOOK;
      seen = raw.socket.bytesRead;
      if (isMoving) return;
      stop();
      answerClientError(Object.assign(new Error('Too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), raw.socket);
    },
    isUpload ? LOOK_MS : BODY_LIMIT_MS,
  );
  const stop = () => {
    clearInterval(timer);
    raw.off('end', stop).off('close', stop);
  };
  raw.once('end', stop).once('close', stop);
}
