import type { DataSource } from 'typeorm';

/** Any constant of our own: whoever holds this advisory lock migrates, the others wait (security.md D21). */
const MIGRATION_LOCK = 4_283_684_753;

/** Brings the schema up to date; several processes may start at once. */
export async function migrate(dataSource: DataSource): Promise<void> {
  await using runner = dataSource.createQueryRunner();
  await runner.connect();
  await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
  try {
    await dataSource.runMigrations();
  } finally {
    await runner.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  }
}
