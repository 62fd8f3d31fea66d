import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BACKUPS,
  completeBackup,
  download,
  lockTable,
  newestBackup,
  requestBackup,
  startJobs,
  stopJobs,
  unzip,
  waitFor,
  waitForBackup,
} from './support/backups.js';
import { createUser, obtainTokens, registerClient, type TestClient } from './support/flows.js';
import { call } from './support/routes.js';

const TOO_SOON = { status: 400, body: { error: 'Last export was less than 7 days ago' } };

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
const post = async (token: string, app = test) => {
  const { status, body } = await call(app, { method: 'POST', url: BACKUPS }, token);
  return { status, body };
};
const jobOf = async (backupId: number) =>
  (await test.dataSource.query(`select * from job where kind = 'backup' and key = $1`, [String(backupId)]))[0];
const setJob = (backupId: number, change: string) =>
  test.dataSource.query(`update job set ${change} where kind = 'backup' and key = $1`, [String(backupId)]);
/** What a backup of a person has led to. */
const traces = async (userId: string) => {
  const [row] = await test.dataSource.query(
    `select (select count(*)::int from mail_outbox where user_id = $1 and template = 'backup_ready') as mails,
       (select count(*)::int from audit_event where user_id = $1 and type = 'backup.requested') as requested,
       (select count(*)::int from audit_event where user_id = $1 and type = 'backup.created') as created,
       (select count(*)::int from backup where user_id = $1) as backups,
       (select count(*)::int from backup where user_id = $1 and file is not null) as files`,
    [userId],
  );
  return row;
};

/** Makes the journal unreadable for the while of some work, which is a real fault of the job. */
async function withBrokenJournal(work: () => Promise<void>): Promise<void> {
  await test.dataSource.query('alter table application rename column name to broken');
  try {
    await work();
  } finally {
    await test.dataSource.query('alter table application rename column broken to name');
  }
}

describe('one backup in seven days', () => {
  it('is made of two requests at once, also over two replicas', async () => {
    const replica = await startApp(() => {}, test.database);
    const { id, token } = await person();
    const answers = await Promise.all([0, 1, 2, 3, 4, 5].map((n) => post(token, n % 2 ? test : replica)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400, 400, 400, 400, 400]);
    await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(await traces(id)).toEqual({ mails: 1, requested: 1, created: 1, backups: 1, files: 1 });
    await replica.close();
  });

  it('is refused while the last one waits, runs or is complete, with nothing written', async () => {
    const { id, token } = await person();
    await stopJobs(test);
    await requestBackup(test, token);
    expect(await post(token)).toEqual(TOO_SOON);
    startJobs(test);
    await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(await post(token)).toEqual(TOO_SOON);
    expect(await traces(id)).toMatchObject({ requested: 1, backups: 1 });
  });

  it('is everybody’s own', async () => {
    const [one, other] = [await person(), await person()];
    await requestBackup(test, one.token);
    expect((await post(other.token)).status).toBe(200);
    expect((await call(test, { method: 'GET', url: BACKUPS }, other.token)).body).toHaveLength(1);
  });
});

describe('a backup that is being made', () => {
  it('shows how far it is', async () => {
    const { token } = await person();
    await stopJobs(test);
    await requestBackup(test, token);
    const unlock = await lockTable(test, 'audit_event');
    startJobs(test);
    const running = await waitForBackup(test, token, ({ processed_number }) => processed_number === 2);
    expect(running).toMatchObject({ state: 'running', processed: false, file_size: 0 });
    expect((await download(test, running.id, token)).status).toBe(404);
    await unlock();
    const done = await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(done).toMatchObject({ id: running.id, processed: true });
    expect(done.processed_number).toBeGreaterThan(2);
  });

  it('is not replaced by a worker that lost its lease meanwhile', async () => {
    const { id, token } = await person();
    await stopJobs(test);
    const { id: backupId } = await requestBackup(test, token);
    const unlock = await lockTable(test, 'audit_event');
    startJobs(test);
    await waitForBackup(test, token, ({ processed_number }) => processed_number === 2);
    // Another replica thinks that we are dead and takes the job.
    await setJob(backupId, `attempts = attempts + 1, leased_until = now() + interval '1 hour'`);
    await unlock();
    await waitFor(
      () => Promise.resolve(test.logs.filter((line) => line.includes('was given up')).length),
      () => true,
    );
    await stopJobs(test);
    expect(await traces(id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });
    expect(await newestBackup(test, token)).toMatchObject({ state: 'running', processed_number: 2 });
    // It dies as well, and whoever comes next makes it once.
    await setJob(backupId, `leased_until = now() - interval '1 second'`);
    startJobs(test);
    await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(await traces(id)).toEqual({ mails: 1, requested: 1, created: 1, backups: 1, files: 1 });
    expect(await jobOf(backupId)).toBeUndefined();
  });

  it.each(ACCOUNT_BLOCKS)(
    'yields no file for an account with %s, and may be asked for anew afterwards',
    async (change) => {
      const { id, token } = await person();
      await stopJobs(test);
      const { id: backupId } = await requestBackup(test, token);
      await changeUser(test, id, change);
      startJobs(test);
      await waitFor(
        () => jobOf(backupId),
        (job) => job === undefined,
      );
      expect(await traces(id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });
      await changeUser(test, id, UNBLOCKED);
      expect(await newestBackup(test, token)).toMatchObject({ state: 'failed', processed: false, file_size: 0 });
      await completeBackup(test, token);
      expect(await traces(id)).toEqual({ mails: 1, requested: 2, created: 1, backups: 2, files: 1 });
    },
  );

  it('yields no file when the account is disabled while it is being packed', async () => {
    const { id, token } = await person();
    await stopJobs(test);
    const { id: backupId } = await requestBackup(test, token);
    const unlock = await lockTable(test, 'audit_event');
    startJobs(test);
    await waitForBackup(test, token, ({ processed_number }) => processed_number === 2);
    await changeUser(test, id, 'disabled_at = now()');
    await unlock();
    await waitFor(
      () => jobOf(backupId),
      (job) => job === undefined,
    );
    expect(await traces(id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });
    await changeUser(test, id, UNBLOCKED);
    expect((await newestBackup(test, token)).state).toBe('failed');
  });

  it('ends without a word when the account is erased meanwhile', async () => {
    const { id, token } = await person();
    await stopJobs(test);
    const { id: backupId } = await requestBackup(test, token);
    const unlock = await lockTable(test, 'audit_event');
    startJobs(test);
    await waitForBackup(test, token, ({ processed_number }) => processed_number === 2);
    await test.dataSource.query('delete from backup where id = $1', [backupId]);
    await unlock();
    // The worker stops at once; the job itself goes when somebody finds nothing to do.
    await stopJobs(test);
    await setJob(backupId, `leased_until = null, run_at = now()`);
    startJobs(test);
    await waitFor(
      () => jobOf(backupId),
      (job) => job === undefined,
    );
    expect(await traces(id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 0, files: 0 });
  });
});

describe('a backup that fails', () => {
  it('is tried again and keeps its place', async () => {
    const { id, token } = await person();
    await stopJobs(test);
    const { id: backupId } = await requestBackup(test, token);
    await withBrokenJournal(async () => {
      startJobs(test);
      await waitFor(
        () => jobOf(backupId),
        (job) => job.failure !== null,
      );
      await stopJobs(test);
    });
    expect(await jobOf(backupId)).toMatchObject({ attempts: 1, failed_at: null });
    expect((await newestBackup(test, token)).state).toBe('running');
    expect(await post(token)).toEqual(TOO_SOON);
    await setJob(backupId, 'run_at = now()');
    startJobs(test);
    const done = await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(done.id).toBe(backupId);
    expect(await traces(id)).toEqual({ mails: 1, requested: 1, created: 1, backups: 1, files: 1 });
  });

  it('is given up after five attempts, is seen as failed, and another may be asked for at once', async () => {
    const { id, token } = await person();
    await stopJobs(test);
    const { id: backupId } = await requestBackup(test, token);
    await setJob(backupId, 'attempts = 4');
    await withBrokenJournal(async () => {
      startJobs(test);
      await waitFor(
        () => jobOf(backupId),
        (job) => job.failed_at !== null,
      );
    });
    expect(await jobOf(backupId)).toMatchObject({ attempts: 5, failure: expect.stringContaining('name') });
    expect(await newestBackup(test, token)).toMatchObject({ state: 'failed', processed: false, file_size: 0 });
    expect((await download(test, backupId, token)).status).toBe(404);
    expect(await traces(id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });

    const second = await completeBackup(test, token);
    const { body } = await call(test, { method: 'GET', url: BACKUPS }, token);
    expect(body.map((backup: { id: number; state: string }) => [backup.id, backup.state])).toEqual([
      [second.id, 'complete'],
      [backupId, 'failed'],
    ]);
    expect((await unzip((await download(test, second.id, token)).body)).size).toBe(8);
  });

  it('is given up, too, when every attempt ended with its process', async () => {
    const { token } = await person();
    await stopJobs(test);
    const { id: backupId } = await requestBackup(test, token);
    await setJob(backupId, `attempts = 5, leased_until = now() - interval '1 minute'`);
    startJobs(test);
    await waitForBackup(test, token, ({ state }) => state === 'failed');
    expect(
      await waitFor(
        () => jobOf(backupId),
        (job) => job.failed_at !== null,
      ),
    ).toMatchObject({
      failure: 'Every attempt ended with its process',
    });
    expect((await post(token)).status).toBe(200);
  });
});
