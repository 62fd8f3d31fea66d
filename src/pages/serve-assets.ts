import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** How long browsers may keep an asset without asking; then its ETag decides. */
const MAX_AGE = '1h';

const TYPES = [
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
] as const;

/**
 * Serves style sheet, script and pictures at `/assets/`. Error pages and other people's frontends need them, too, so they are
 * there without the built-in pages, and readable for every origin.
 */
export async function serveAssets(fastify: FastifyInstance): Promise<void> {
  await fastify.register(fastifyStatic, {
    root: fileURLToPath(new URL('./assets/', import.meta.url)),
    prefix: '/assets/',
    decorateReply: false,
    index: false,
    dotfiles: 'ignore',
    maxAge: MAX_AGE,
    setHeaders: (reply, path) => {
      void reply.header('access-control-allow-origin', '*');
      // Also on a 304, where a cache between us and the browser would learn our default, JSON, for it.
      void reply.type(TYPES.find(([ending]) => path.endsWith(ending))?.[1] ?? 'image/svg+xml');
    },
  });
}
