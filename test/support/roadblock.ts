import pg from 'pg';
import { vi } from 'vitest';
import type { TestApp } from './app.js';

/** How the statements begin that no request waits for: they write last uses and send mails, whenever it suits them. */
const BACKGROUND = '^\\s*(with used as|update mail_outbox|with due as)';

/**
 * A transaction of the test's own on a connection of its own. What it holds, requests wait for: so the test decides what
 * happens while one of them is half done.
 */
export class Roadblock {
  private constructor(
    private readonly client: pg.Client,
    private readonly test: TestApp,
  ) {}

  /** Begins with the statement that takes the lock. */
  static async put(test: TestApp, statement: string, values: unknown[] = []): Promise<Roadblock> {
    const client = new pg.Client({ connectionString: test.database.url });
    await client.connect();
    await client.query('begin');
    await client.query(statement, values);
    return new Roadblock(client, test);
  }

  /** Waits until so many requests stand in line, for this lock or for each other. */
  async queue(length: number): Promise<void> {
    const isLongEnough = async () => {
      const [row] = await this.test.dataSource.query(
        `select count(*)::int as waiting from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock' and query !~ $1`,
        [BACKGROUND],
      );
      return row.waiting === length;
    };
    try {
      await vi.waitUntil(isLongEnough, { timeout: 5000, interval: 5 });
    } catch (error) {
      await this.lift();
      throw error;
    }
  }

  /** Makes what it did last, and lets them go on. */
  async settle(): Promise<void> {
    await this.client.query('commit');
    await this.client.end();
  }

  /** Lets them go on, as if it had never been. */
  async lift(): Promise<void> {
    await this.client.query('rollback');
    await this.client.end();
  }
}

/** Sends a request now; supertest would wait until somebody asks for the answer. */
export function begin<Answer>(request: PromiseLike<Answer>): Promise<Answer> {
  return Promise.resolve(request);
}
