import type { QueryConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { poolOf } from './pool.js';

/** How long a purge may take, in milliseconds: nobody waits for it. */
const PURGE_LIMIT_MS = 60_000;

/** Runs one statement that removes what has ended, with more time than a request's. */
export async function purge(dataSource: DataSource, text: string, values: unknown[] = []): Promise<void> {
  const statement: QueryConfig & { query_timeout: number } = { text, values, query_timeout: PURGE_LIMIT_MS };
  await poolOf(dataSource).query(statement);
}
