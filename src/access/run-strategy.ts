import type { FastifyRequest } from 'fastify';

interface PassportStrategyLike {
  authenticate(request: unknown, options?: object): void;
}

/**
 * Runs one injected passport strategy on a request and answers what it recognised, or null. Passport's own registry is
 * global to the process, so that two applications in one process would answer for each other; this binds the strategy.
 */
export function runStrategy<Recognised>(
  strategy: PassportStrategyLike,
  request: FastifyRequest,
): Promise<Recognised | null> {
  return new Promise((resolve, reject) => {
    const run: PassportStrategyLike = Object.assign(Object.create(strategy), {
      success: (recognised: Recognised) => resolve(recognised),
      fail: () => resolve(null),
      pass: () => resolve(null),
      error: (error: unknown) => reject(error instanceof Error ? error : new Error(String(error))),
    });
    run.authenticate(request);
  });
}
