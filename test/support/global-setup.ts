import 'reflect-metadata';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { DataSource } from 'typeorm';
import type { TestProject } from 'vitest/node';
import { dataSourceOptions } from '../../src/database/data-source-options.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { ENTITIES } from '../../src/entities.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The server's URL, with the database `gatehouse`. */
    postgresUrl: string;
    /** A folder that lives as long as the run. */
    runFolder: string;
  }
}

/** The database that every test file clones. */
export const TEMPLATE = 'template_migrated';

/** One real PostgreSQL for the run, with one migrated database to clone. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-test-'));
  chmodSync(folder, 0o755);
  const server = await startEmbeddedPostgres({
    folder: join(folder, 'postgres'),
    authentication: 'trust',
    durable: false,
    whenRunning: 'refuse',
    settings: { max_connections: '300' },
  });
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(`create database ${TEMPLATE}`);
  await admin.end();
  const url = new URL(server.url);
  url.pathname = `/${TEMPLATE}`;
  const dataSource = await new DataSource(dataSourceOptions(url.href, ENTITIES)).initialize();
  await dataSource.runMigrations();
  await dataSource.destroy();
  project.provide('postgresUrl', server.url);
  project.provide('runFolder', folder);
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
