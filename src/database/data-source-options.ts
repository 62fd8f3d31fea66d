import { Logger } from '@nestjs/common';
import type { DataSourceOptions } from 'typeorm';
import { MIGRATIONS } from './migrations.js';
import { SnakeCaseNaming } from './naming-strategy.js';

/** Connections of one process. */
export const POOL_SIZE = 10;

/** How long a request may wait for a connection before it is answered 503, in milliseconds (security.md D7). */
const CONNECTION_WAIT_MS = 2000;

/** A statement without an answer for so long waits for a lock or for a server that is gone, in milliseconds (security.md D3, D7). */
const QUERY_LIMIT_MS = 1250;

/**
 * The one description of the database connection, shared by the app, the command line and the migration tool.
 * @param queryLimitMs 0 is none
 */
export function dataSourceOptions(
  url: string,
  entities: NonNullable<DataSourceOptions['entities']>,
  queryLimitMs = QUERY_LIMIT_MS,
): DataSourceOptions {
  const log = new Logger('Database');
  return {
    type: 'postgres',
    url,
    entities,
    migrations: MIGRATIONS,
    namingStrategy: new SnakeCaseNaming(),
    synchronize: false,
    installExtensions: false,
    migrationsTransactionMode: 'each',
    parseInt8: true,
    poolSize: POOL_SIZE,
    connectTimeoutMS: CONNECTION_WAIT_MS,
    extra: { query_timeout: queryLimitMs },
    applicationName: 'gatehouse',
    // An idle connection that the server closed must not end the process (security.md D8).
    poolErrorHandler: (error: unknown) =>
      log.warn(`An idle connection was lost: ${error instanceof Error ? error.message : 'unknown'}`),
  };
}
