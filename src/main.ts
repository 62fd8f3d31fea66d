import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { createApp } from './app.setup.js';
import { ConfigError, loadConfig } from './config/config.load.js';
import type { Config } from './config/config.js';
import { openDatabase } from './database/open-database.js';
import { stopOnSignal } from './shutdown.js';

async function start(): Promise<void> {
  const config = loadConfig();
  const database = await openDatabase(config, 'refuse');
  try {
    const app = await createApp(config, database.url);
    stopOnSignal(app, database);
    await app.listen(config.port, config.host);
    announce(config);
  } catch (error) {
    await database.stop();
    throw error;
  }
}

/** Tells the person at the terminal where to go. */
function announce(config: Config): void {
  const log = new Logger('Gatehouse');
  log.log(
    `Gatehouse is at ${config.publicUrl} (listening on ${config.host}:${config.port}), its API at ${config.url('/docs')}`,
  );
  if (!config.limits.enabled) log.warn('limits.enabled is false: nothing is throttled. Only for tests and benchmarks.');
}

try {
  await start();
} catch (error) {
  // Before the logger exists, and for a person to read.
  process.stderr.write(
    `${error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = 1;
  setTimeout(() => process.exit(), 1000).unref();
}
