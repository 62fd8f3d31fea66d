import { join } from 'node:path';
import type { Config } from '../config/config.js';

/** The database of this process: the operator's, or an embedded one of our own. */
export interface OpenDatabase {
  url: string;
  /** Ends the embedded server if this process runs it. */
  stop(): Promise<void>;
}

/**
 * The operator's PostgreSQL, or the embedded one, started if need be.
 * @param whenRunning what to do when another process of ours runs the embedded one: the command line attaches to it
 */
export async function openDatabase(config: Config, whenRunning: 'attach' | 'refuse'): Promise<OpenDatabase> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, stop: async () => {} };
  const { startEmbeddedPostgres } = await import('./embedded-postgres.js');
  const folder = join(config.dataDir, 'postgres');
  return startEmbeddedPostgres({ folder, authentication: 'password', durable: true, whenRunning });
}
