import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { type Program, startServer } from './processes.js';
import { secret, seed } from './seed.js';

/** Where the measuring happens: one seeded database, and how to start either server on it. */
export interface Arena {
  db: pg.Client;
  reference: Program;
  gatehouse: Program;
  /** A folder for whatever, removed in the end. */
  folder: string;
  close(): Promise<void>;
}

/**
 * Builds it: a durable PostgreSQL of our own, or a new database on the server of `url`, which is dropped in the end.
 * @param program the compiled `main.js` to measure
 */
export async function openArena(url: string | undefined, program: string): Promise<Arena> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'));
  await chmod(folder, 0o755);
  const database = await (url ? createDatabase(url) : startDatabase(folder));
  const db = new pg.Client({ connectionString: database.url });
  const close = async () => {
    await db.end();
    await database.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const programs = await describePrograms(database.url, folder, program);
    // Its first start migrates.
    const first = await startServer({ ...programs.gatehouse, probe: { path: '/health/ready' } });
    await first.stop();
    await db.connect();
    await seed(db);
    return { db, ...programs, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function describePrograms(url: string, folder: string, program: string) {
  const config = join(folder, 'gatehouse.yaml');
  await writeFile(config, 'limits: { enabled: false }\nimports: { max_rows: 200000 }\n');
  const env = { DATABASE_URL: url, NODE_ENV: 'production' };
  const authorization = `Bearer ${secret('token', 2)}`;
  const gatehouse: Program = {
    arguments: [...(await flags()), program],
    env: { ...env, GATEHOUSE_CONFIG: config, DATA_DIR: folder, SECRET_KEY: secret('key', 1), LOG_LEVEL: 'error' },
    probe: { path: '/api/v1/accounts/verify_credentials', headers: { authorization } },
  };
  const reference: Program = {
    arguments: [join(import.meta.dirname, 'reference.ts')],
    env,
    probe: { path: '/', headers: { authorization } },
  };
  return { gatehouse, reference };
}

/** What `npm start` hands to Node. */
async function flags(): Promise<string[]> {
  const manifest = await readFile(join(import.meta.dirname, '../package.json'), 'utf8');
  const { scripts } = JSON.parse(manifest) as { scripts: { start: string } };
  return scripts.start.split(' ').filter((word) => word.startsWith('--'));
}

async function startDatabase(folder: string) {
  const server = await startEmbeddedPostgres({
    folder: join(folder, 'postgres'),
    authentication: 'password',
    durable: true,
    whenRunning: 'refuse',
  });
  return { url: server.url, close: () => server.stop() };
}

async function createDatabase(url: string) {
  const name = `gatehouse_bench_${randomBytes(4).toString('hex')}`;
  const ask = async (statement: string) => {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    await admin.query(statement).finally(() => admin.end());
  };
  await ask(`create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, close: () => ask(`drop database ${name} with (force)`) };
}
