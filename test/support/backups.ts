import { setTimeout as pause } from 'node:timers/promises';
import { fromBuffer } from 'yauzl';
import { JobsService } from '../../src/jobs/jobs.service.js';
import type { TestApp } from './app.js';
import { call } from './routes.js';

/** Where backups are listed and asked for. */
export const BACKUPS = '/api/v1/pleroma/backups';

/** A backup as it is listed. */
export interface ListedBackup {
  id: number;
  content_type: string;
  url: string;
  file_size: number;
  processed: boolean;
  state: string;
  processed_number: number;
  inserted_at: string;
}

/** Asks for a backup and answers the newest one. */
export async function requestBackup(test: TestApp, token: string): Promise<ListedBackup> {
  const { status, text, body } = await call(test, { method: 'POST', url: BACKUPS }, token);
  if (status !== 200) throw new Error(`The request answered ${status}: ${text}`);
  return body[0];
}

/** The newest backup as it is now. */
export async function newestBackup(test: TestApp, token: string): Promise<ListedBackup> {
  return (await call(test, { method: 'GET', url: BACKUPS }, token)).body[0];
}

/** Waits until the newest backup is as wanted. */
export async function waitForBackup(
  test: TestApp,
  token: string,
  isWanted: (backup: ListedBackup) => boolean,
): Promise<ListedBackup> {
  return waitFor(() => newestBackup(test, token), isWanted);
}

/** Looks until what is seen is as wanted. */
export async function waitFor<Seen>(look: () => Promise<Seen>, isWanted: (seen: Seen) => boolean): Promise<Seen> {
  for (let round = 0; ; round++) {
    const seen = await look();
    if (isWanted(seen)) return seen;
    if (round === 400) throw new Error(`It stayed ${JSON.stringify(seen)}`);
    await pause(25);
  }
}

/** Asks for a backup and waits until it is complete. */
export async function completeBackup(test: TestApp, token: string): Promise<ListedBackup> {
  await requestBackup(test, token);
  return waitForBackup(test, token, ({ state }) => state === 'complete');
}

/** Downloads a file as bytes. */
export function download(test: TestApp, id: number | string, token?: string) {
  return call(test, { method: 'GET', url: `/api/v1/backups/${id}/file` }, token).responseType('blob');
}

/** Stops or starts the jobs of an app, as at the end and the beginning of its process. */
export async function stopJobs({ app }: TestApp): Promise<void> {
  await app.get(JobsService).beforeApplicationShutdown();
}
export function startJobs({ app }: TestApp): void {
  app.get(JobsService).start();
  app.get(JobsService).wake();
}

/** Keeps everybody from reading a table until the answer is called. */
export async function lockTable({ dataSource }: TestApp, table: string): Promise<() => Promise<void>> {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  await runner.query(`lock table "${table}" in access exclusive mode`);
  return async () => {
    await runner.rollbackTransaction();
    await runner.release();
  };
}

/** The job of a backup; undefined when it is done. */
export async function jobOf({ dataSource }: TestApp, backupId: number): Promise<Record<string, unknown> | undefined> {
  const jobs = await dataSource.query(`select * from job where kind = 'backup' and key = $1`, [String(backupId)]);
  return jobs[0];
}

/** Changes the job of a backup. */
export async function changeJob({ dataSource }: TestApp, backupId: number, change: string): Promise<void> {
  await dataSource.query(`update job set ${change} where kind = 'backup' and key = $1`, [String(backupId)]);
}

/** Waits until a backup's job is done and gone. */
export async function waitForEndOfJob(test: TestApp, backupId: number): Promise<void> {
  await waitFor(
    () => jobOf(test, backupId),
    (job) => job === undefined,
  );
}

/** What the backups of a person have led to. */
export async function tracesOf({ dataSource }: TestApp, userId: string): Promise<Record<string, number>> {
  const [row] = await dataSource.query(
    `select (select count(*)::int from mail_outbox where user_id = $1 and template = 'backup_ready') as mails,
       (select count(*)::int from audit_event where user_id = $1 and type = 'backup.requested') as requested,
       (select count(*)::int from audit_event where user_id = $1 and type = 'backup.created') as created,
       (select count(*)::int from backup where user_id = $1) as backups,
       (select count(*)::int from backup where user_id = $1 and file is not null) as files`,
    [userId],
  );
  return row;
}

/** The files of a ZIP archive by name, in its order. */
export function unzip(archive: Buffer): Promise<Map<string, string>> {
  const { promise, resolve, reject } = Promise.withResolvers<Map<string, string>>();
  const files = new Map<string, string>();
  fromBuffer(archive, { lazyEntries: true, validateEntrySizes: true }, (error, zip) => {
    if (error) return reject(error);
    zip.on('error', reject);
    zip.on('end', () => resolve(files));
    zip.on('entry', (entry) => {
      zip.openReadStream(entry, (failure, stream) => {
        if (failure) return reject(failure);
        const chunks: Buffer[] = [];
        stream.on('error', reject);
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          files.set(entry.fileName, Buffer.concat(chunks).toString('utf8'));
          zip.readEntry();
        });
      });
    });
    zip.readEntry();
  });
  return promise;
}
