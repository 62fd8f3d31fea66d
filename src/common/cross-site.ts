import type { FastifyRequest } from 'fastify';
import type { Config } from '../config/config.js';
import { Refusal } from './errors.js';

/**
 * Refuses a form post that another site had a browser send (contract.md §0.9).
 * @throws Refusal `cross_site`
 */
export function refuseCrossSite(request: FastifyRequest, config: Config): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  const isListed = origin !== undefined && config.frontend.origins.some((url) => new URL(url).origin === origin);
  if (site === 'cross-site' && !isListed) throw new Refusal('cross_site');
  if (origin === 'null' && site !== 'same-origin') throw new Refusal('cross_site');
  if (origin !== undefined && origin !== 'null' && origin !== config.publicUrl && !isListed)
    throw new Refusal('cross_site');
}
