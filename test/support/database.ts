import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';
import { TEMPLATE } from './global-setup.js';

/** A database of one test file's own. */
export interface TestDatabase {
  url: string;
  drop(): Promise<void>;
}

/** Clones the migrated database; `empty` makes one without a schema. */
export async function createDatabase(kind: 'migrated' | 'empty' = 'migrated'): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(`create database ${name}${kind === 'migrated' ? ` template ${TEMPLATE}` : ''}`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asAdmin(`drop database ${name} with (force)`) };
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    await retryWhileTemplateIsBusy(() => client.query(statement));
  } finally {
    await client.end();
  }
}

/** Two clones at once are refused with 55006. */
async function retryWhileTemplateIsBusy(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await work();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '55006' || attempt === 50) throw error;
      await pause(20);
    }
  }
}
