import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { pino } from 'pino';
import supertest from 'supertest';
import { DataSource } from 'typeorm';
import { createApp } from '../../src/app.setup.js';
import { Config } from '../../src/config/config.js';
import { JobsService } from '../../src/jobs/jobs.service.js';
import { loggerOptions } from '../../src/logging.js';
import { createDatabase, type TestDatabase } from './database.js';

/** The public URL of test apps that do not listen. */
export const PUB = 'http://localhost:3000';

/** A Gatehouse on a database of its own. */
export interface TestApp {
  app: NestFastifyApplication;
  config: Config;
  database: TestDatabase;
  dataSource: DataSource;
  /** Everything that was logged, as JSON lines. */
  logs: string[];
  http: supertest.Agent;
  /** Listens on a free port of loopback and answers its origin; `PUBLIC_URL` follows when `follow` is set before. */
  listen(): Promise<string>;
  close(): Promise<void>;
}

/** Databases of apps that have a mail server. */
const mailing = new WeakSet<TestDatabase>();

/** What a test wants to be different. Limits are off unless they are what is tested. */
export type Adjust = (config: Config) => void;

/** Starts a Gatehouse; close it in `afterAll`. `database` shares one with another replica. */
export async function startApp(adjust: Adjust = () => {}, database?: TestDatabase): Promise<TestApp> {
  const config = Object.assign(new Config(), {
    publicUrl: PUB,
    secretKey: 'a test key of more than thirty-two characters',
    dataDir: join(tmpdir(), `gatehouse-test-${randomUUID()}`),
  });
  config.limits.enabled = false;
  adjust(config);
  const own = database ?? (await createDatabase());
  const logs: string[] = [];
  const log = pino(loggerOptions('debug'), { write: (line: string) => logs.push(line) });
  const app = await createApp(config, own.url, log);
  if (config.smtpUrl !== null) mailing.add(own);
  // It would put the mails of the app that has a mail server into files.
  else if (mailing.has(own)) await app.get(JobsService).beforeApplicationShutdown();
  return {
    app,
    config,
    database: own,
    dataSource: app.get(DataSource),
    logs,
    http: supertest(app.getHttpServer()) as unknown as supertest.Agent,
    listen: async () => {
      await app.listen(0, '127.0.0.1');
      return `http://127.0.0.1:${(app.getHttpServer().address() as { port: number }).port}`;
    },
    close: async () => {
      await app.close();
      if (!database) await own.drop();
      await rm(config.dataDir, { recursive: true, force: true });
    },
  };
}
