import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomSecret } from '../src/common/secrets.js';
import { JobsService } from '../src/jobs/jobs.service.js';
import { startApp, type TestApp } from './support/app.js';
import { buildPrograms } from './support/build.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { outboxRow, untilOutbox, writeMail } from './support/outbox.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let database: TestDatabase;
const apps: TestApp[] = [];

beforeAll(async () => {
  smtp = await startSmtp();
  database = await createDatabase();
});

afterAll(async () => {
  for (const app of apps) await app.close();
  await smtp.close();
  await database.drop();
});

/** One more replica; the first one writes the mails. */
async function replica(): Promise<TestApp> {
  const app = await startApp((config) => {
    config.smtpUrl = smtp.url;
  }, database);
  apps.push(app);
  return app;
}

/** Jobs that a replica works on now. */
function running({ app }: TestApp): number {
  return app.get<{ running: Map<object, object> }>(JobsService).running.size;
}

/** As if their workers had been silent for too long. */
async function loseLeases({ dataSource }: TestApp): Promise<void> {
  await dataSource.query(`update job set leased_until = now() - interval '1 second' where leased_until is not null`);
}

describe('a worker that is killed', () => {
  let folder: string;
  let child: ChildProcess;

  beforeAll(async () => {
    await buildPrograms();
    folder = mkdtempSync(join(tmpdir(), 'gatehouse-killed-'));
  });
  afterAll(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('with mails on their way loses none, and repeats each at most once, with the same Message-ID', async () => {
    const writer = await startApp((config) => {
      config.smtpUrl = smtp.url;
    }, database);
    await writer.app.get(JobsService).beforeApplicationShutdown();
    const to = Array.from({ length: 8 }, (_, number) => `killed${number}@example.org`);
    const ids: string[] = [];
    for (const recipient of to)
      ids.push(await writeMail(writer, { template: 'password_reset', to: recipient, token: randomSecret() }));

    // It hands over what it can at once, and never hears that it arrived.
    const release = smtp.hold('reply');
    child = spawn(process.execPath, ['dist/main.js'], {
      cwd: resolve(import.meta.dirname, '..'),
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        PUBLIC_URL: 'http://localhost:3000',
        DATA_DIR: folder,
        DATABASE_URL: database.url,
        SMTP_URL: smtp.url,
        SECRET_KEY: writer.config.secretKey,
      },
      stdio: 'ignore',
    });
    for (let count = 0; count < 5; count++) await smtp.next();
    child.kill('SIGKILL');
    release();
    await writer.close();

    const survivor = await replica();
    await loseLeases(survivor);
    await Promise.all(ids.map((id) => untilOutbox(survivor, id, (row) => row.sent_at !== null)));
    const copies = to.map((recipient) => smtp.sentTo({ to: recipient }));
    expect(copies.map((mails) => mails.length).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2, 2, 2, 2, 2]);
    expect(copies.map((mails) => [...new Set(mails.map(({ messageId }) => messageId))])).toEqual(
      ids.map((id) => [`<${id}@localhost>`]),
    );
    await survivor.close();
    apps.length = 0;
  });
});

describe('replicas', () => {
  it('send each mail once', async () => {
    const [first] = [await replica(), await replica()];
    const to = Array.from({ length: 40 }, (_, number) => `shared${number}@example.org`);
    const ids = await Promise.all(to.map((recipient) => writeMail(first, { to: recipient })));
    await Promise.all(to.map((recipient) => smtp.next({ to: recipient })));
    await Promise.all(ids.map((id) => untilOutbox(first, id, (row) => row.sent_at !== null)));
    expect(to.filter((recipient) => smtp.sentTo({ to: recipient }).length !== 1)).toEqual([]);
    expect(await first.dataSource.query('select * from job')).toEqual([]);
  });

  it('write nothing about a mail whose lease they lost meanwhile', async () => {
    const [first, second] = apps as [TestApp, TestApp];
    const releaseOld = smtp.hold('reply');
    const id = await writeMail(first, { to: 'zombie@example.org' });
    await smtp.next({ to: 'zombie@example.org' });
    const releaseNew = smtp.hold('reply');
    await loseLeases(first);
    await smtp.next({ to: 'zombie@example.org' });
    expect(running(first) + running(second)).toBe(2);

    releaseOld();
    await expect.poll(() => running(first) + running(second), { timeout: 10_000 }).toBe(1);
    expect(await outboxRow(first, id)).toMatchObject({
      sent_at: null,
      failed_at: null,
      attempts: 2,
      job_failure: null,
    });

    releaseNew();
    await untilOutbox(first, id, (row) => row.sent_at !== null);
    const copies = smtp.sentTo({ to: 'zombie@example.org' });
    expect(copies.map(({ messageId }) => messageId)).toEqual([`<${id}@localhost>`, `<${id}@localhost>`]);
  });
});
