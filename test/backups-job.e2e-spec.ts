import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import {
  BACKUPS,
  changeJob,
  completeBackup,
  download,
  jobOf,
  newestBackup,
  requestBackup,
  startJobs,
  stopJobs,
  tracesOf,
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
    expect(await tracesOf(test, id)).toEqual({ mails: 1, requested: 1, created: 1, backups: 1, files: 1 });
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
    expect(await tracesOf(test, id)).toMatchObject({ requested: 1, backups: 1 });
  });

  it('is everybody’s own', async () => {
    const [one, other] = [await person(), await person()];
    await requestBackup(test, one.token);
    expect((await post(other.token)).status).toBe(200);
    expect((await call(test, { method: 'GET', url: BACKUPS }, other.token)).body).toHaveLength(1);
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
        () => jobOf(test, backupId),
        (job) => job?.['failure'] != null,
      );
      await stopJobs(test);
    });
    expect(await jobOf(test, backupId)).toMatchObject({ attempts: 1, failed_at: null });
    expect((await newestBackup(test, token)).state).toBe('running');
    expect(await post(token)).toEqual(TOO_SOON);
    await changeJob(test, backupId, 'run_at = now()');
    startJobs(test);
    const done = await waitForBackup(test, token, ({ state }) => state === 'complete');
    expect(done.id).toBe(backupId);
    expect(await tracesOf(test, id)).toEqual({ mails: 1, requested: 1, created: 1, backups: 1, files: 1 });
  });

  it('is given up after five attempts, is seen as failed, and another may be asked for at once', async () => {
    const { id, token } = await person();
    await stopJobs(test);
    const { id: backupId } = await requestBackup(test, token);
    await changeJob(test, backupId, 'attempts = 4');
    await withBrokenJournal(async () => {
      startJobs(test);
      await waitFor(
        () => jobOf(test, backupId),
        (job) => job?.['failed_at'] != null,
      );
    });
    expect(await jobOf(test, backupId)).toMatchObject({ attempts: 5, failure: expect.stringContaining('name') });
    expect(await newestBackup(test, token)).toMatchObject({ state: 'failed', processed: false, file_size: 0 });
    expect((await download(test, backupId, token)).status).toBe(404);
    expect(await tracesOf(test, id)).toEqual({ mails: 0, requested: 1, created: 0, backups: 1, files: 0 });

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
    await changeJob(test, backupId, `attempts = 5, leased_until = now() - interval '1 minute'`);
    startJobs(test);
    await waitForBackup(test, token, ({ state }) => state === 'failed');
    expect(
      await waitFor(
        () => jobOf(test, backupId),
        (job) => job?.['failed_at'] != null,
      ),
    ).toMatchObject({
      failure: 'Every attempt ended with its process',
    });
    expect((await post(token)).status).toBe(200);
  });
});
