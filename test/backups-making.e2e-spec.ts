import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import {
  changeJob,
  completeBackup,
  download,
  jobOf,
  lockTable,
  newestBackup,
  requestBackup,
  startJobs,
  stopJobs,
  tracesOf,
  waitFor,
  waitForBackup,
  waitForEndOfJob,
} from './support/backups.js';
import { createUser, obtainTokens, registerClient, type TestClient } from './support/flows.js';

let test: TestApp;
let client: TestClient;
let people = 0;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
});
afterAll(() => test.close());

async function person(): Promise<{ id: string; token: string }> {
  const name = `person${++people}`;
  const id = await createUser(test, name);
  return { id, token: (await obtainTokens(test, client, name)).access_token };
}

/** Asks for a backup whose worker has read account and session, and waits for the journal until `unlock`. */
async function startPacking(token: string): Promise<{ backupId: number; unlock: () => Promise<void> }> {
  await stopJobs(test);
  const { id: backupId } = await requestBackup(test, token);
  const unlock = await lockTable(test, 'audit_event');
  startJobs(test);
  await waitForBackup(test, token, ({ processed_number }) => processed_number === 2);
  return { backupId, unlock };
}

describe('a backup that is being made', () => {
  it('shows how far it is', async () => {
    const { token } = await person();
    const { unlock } = await startPacking(token);
    const running = await newestBackup(test, token);
    expect(running).toMatchObject({ state: 'running', processed: false, file_size: 0 });
    expect((await download(test, running.id, token)).status).toBe(404);
    await unlock();
    const done = await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(done).toMatchObject({ id: running.id, processed: true });
    expect(done.processed_number).toBeGreaterThan(2);
  });

  it('is let alone by a worker that lost its lease', async () => {
    const { id, token } = await person();
    const { backupId, unlock } = await startPacking(token);
    // Another replica thinks that we are dead and takes the job.
    await changeJob(test, backupId, `attempts = attempts + 1, leased_until = now() + interval '1 hour'`);
    await unlock();
    await stopJobs(test);
    expect(await newestBackup(test, token)).toMatchObject({ state: 'running', processed_number: 2 });
    expect(await tracesOf(test, id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });
    await changeJob(test, backupId, `leased_until = now() - interval '1 second'`);
    startJobs(test);
    await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(await tracesOf(test, id)).toEqual({ mails: 1, requested: 1, created: 1, backups: 1, files: 1 });
    expect(await jobOf(test, backupId)).toBeUndefined();
  });

  it('is not replaced by the file of a worker that lost its lease at the last moment', async () => {
    const { id, token } = await person();
    const { backupId, unlock } = await startPacking(token);
    const thief = test.dataSource.createQueryRunner();
    await thief.startTransaction();
    await thief.query(`update job set attempts = attempts + 1, leased_until = now() where key = $1`, [
      String(backupId),
    ]);
    await unlock();
    await waitFor(
      () => test.dataSource.query(`select query from pg_stat_activity where wait_event_type = 'Lock'`),
      (waiting: { query: string }[]) => waiting.some(({ query }) => query.startsWith('delete from job')),
    );
    const stopped = stopJobs(test);
    await thief.commitTransaction();
    await thief.release();
    await stopped;
    expect((await newestBackup(test, token)).processed_number).toBeGreaterThan(2);
    expect(await tracesOf(test, id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });
    startJobs(test);
    await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(await tracesOf(test, id)).toEqual({ mails: 1, requested: 1, created: 1, backups: 1, files: 1 });
  });

  it.each(ACCOUNT_BLOCKS)(
    'yields no file for an account with %s, and may be asked for anew afterwards',
    async (change) => {
      const { id, token } = await person();
      await stopJobs(test);
      const { id: backupId } = await requestBackup(test, token);
      await changeUser(test, id, change);
      startJobs(test);
      await waitForEndOfJob(test, backupId);
      expect(await tracesOf(test, id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });
      await changeUser(test, id, UNBLOCKED);
      expect(await newestBackup(test, token)).toMatchObject({ state: 'failed', processed: false, file_size: 0 });
      await completeBackup(test, token);
      expect(await tracesOf(test, id)).toEqual({ mails: 1, requested: 2, created: 1, backups: 2, files: 1 });
    },
  );

  it('yields no file when the account is disabled while it is being packed', async () => {
    const { id, token } = await person();
    const { backupId, unlock } = await startPacking(token);
    await changeUser(test, id, 'disabled_at = now()');
    await unlock();
    await waitForEndOfJob(test, backupId);
    expect(await tracesOf(test, id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });
    await changeUser(test, id, UNBLOCKED);
    expect((await newestBackup(test, token)).state).toBe('failed');
  });

  it('ends without a word when the account is erased meanwhile', async () => {
    const { id, token } = await person();
    const { backupId, unlock } = await startPacking(token);
    await test.dataSource.query('delete from backup where id = $1', [backupId]);
    await unlock();
    // The worker stops at once; the job itself goes when somebody finds nothing to do.
    await stopJobs(test);
    await changeJob(test, backupId, `leased_until = null, run_at = now()`);
    startJobs(test);
    await waitForEndOfJob(test, backupId);
    expect(await tracesOf(test, id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 0, files: 0 });
  });
});
