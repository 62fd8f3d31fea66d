import { setTimeout as pause } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenDatabase } from './database/open-database.js';
import { HealthService } from './instance/health.service.js';

/** How long a proxy gets to notice that this process is no longer ready, in milliseconds (security.md D4). */
const DRAIN_MS = 5000;

/** When requests that still run are cut off, in milliseconds after the signal. */
const DEADLINE_MS = 25_000;

/**
 * Ends the process gracefully: not ready at once, still serving while proxies notice, then the requests in flight, the
 * gathered writes, the database; cut off at the deadline. Ctrl-C skips the wait for proxies.
 */
export function stopOnSignal(app: NestFastifyApplication, database: OpenDatabase): void {
  let isStopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    // A second Ctrl-C is an impatient person.
    if (isStopping) process.exit(130);
    isStopping = true;
    new Logger('Gatehouse').log(`${signal}: stopping`);
    app.get(HealthService).stop();
    const deadline = setTimeout(() => app.getHttpServer().closeAllConnections(), DEADLINE_MS - 1000);
    setTimeout(() => process.exit(1), DEADLINE_MS).unref();
    if (signal === 'SIGTERM') await pause(DRAIN_MS);
    await app.close();
    clearTimeout(deadline);
    await database.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch(() => process.exit(1));
    });
  }
}
