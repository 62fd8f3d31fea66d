import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BackupsService } from '../src/backups/backups.service.js';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BACKUPS,
  completeBackup,
  download,
  type ListedBackup,
  requestBackup,
  startJobs,
  stopJobs,
  unzip,
} from './support/backups.js';
import {
  ask,
  clientToken,
  createUser,
  obtainTokens,
  registerClient,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { call, grantScope } from './support/routes.js';

const MISSING = { status: 404, body: { error: 'Record not found' } };

let test: TestApp;
let client: TestClient;
let alice: string;
let tokens: Tokens;
let foreign: string;
let backup: ListedBackup;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  alice = await createUser(test, 'alice');
  await createUser(test, 'bob');
  tokens = await obtainTokens(test, client, 'alice');
  foreign = (await obtainTokens(test, client, 'bob')).access_token;
  backup = await completeBackup(test, tokens.access_token);
});
afterAll(() => test.close());

/** Status and whole body, as JSON where it is no file. */
async function outcome(id: number | string, token?: string): Promise<{ status: number; body: unknown }> {
  const { status, body } = await download(test, id, token);
  return { status, body: status === 200 ? body.length : JSON.parse(body.toString('utf8')) };
}
const downloads = async (): Promise<number> => {
  const [row] = await test.dataSource.query(
    `select count(*)::int as count from audit_event where type = 'backup.downloaded'`,
  );
  return row.count;
};
const age = (interval: string) =>
  test.dataSource.query(`update backup set created_at = now() - $1::interval where id = $2`, [interval, backup.id]);

describe('GET /api/v1/backups/:id/file', () => {
  it('gives the archive to its owner, as a file to keep, as often as wanted', async () => {
    const answer = await download(test, backup.id, tokens.access_token);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="gatehouse-alice-${backup.inserted_at.slice(0, 10)}.zip"`,
      'content-length': String(backup.file_size),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'access-control-allow-origin': '*',
    });
    expect(answer.body).toHaveLength(backup.file_size);
    expect((await unzip(answer.body)).has('account.json')).toBe(true);
    expect((await download(test, backup.id, tokens.access_token)).body).toEqual(answer.body);
  });

  it('answers HEAD with the same headers, and leaves no trace of it', async () => {
    const before = await downloads();
    const headers = { authorization: `Bearer ${tokens.access_token}` };
    const head = await ask(test, 'HEAD', `/api/v1/backups/${backup.id}/file`, headers);
    expect(await downloads()).toBe(before);
    const get = await ask(test, 'GET', `/api/v1/backups/${backup.id}/file`, headers);
    expect(await downloads()).toBe(before + 1);
    const varying = { date: '', 'x-request-id': '' };
    expect({ ...head.headers, ...varying }).toEqual({ ...get.headers, ...varying });
    expect({ status: head.status, text: head.text }).toEqual({ status: 200, text: '' });
  });

  it('finds nothing for somebody else, who is not journaled either', async () => {
    const before = await downloads();
    expect(await outcome(backup.id, foreign)).toEqual(MISSING);
    expect(await downloads()).toBe(before);
    await expect(test.app.get(BackupsService).readFile(alice, backup.id, null)).resolves.toHaveProperty('name');
  });

  it.each(['0', '-1', '1.5', '01', 'x', '%00', '9007199254740992', '4711', '1%27', '__proto__', '9'.repeat(400)])(
    'finds nothing by the id %s',
    async (id) => {
      expect(await outcome(id, tokens.access_token)).toEqual(MISSING);
    },
  );

  it.each(['pending', 'running', 'failed'])('finds nothing while the backup is %s', async (state) => {
    await test.dataSource.query('update backup set state = $1 where id = $2', [state, backup.id]);
    const seen = await outcome(backup.id, tokens.access_token);
    await test.dataSource.query(`update backup set state = 'complete' where id = $1`, [backup.id]);
    expect(seen).toEqual(MISSING);
    expect((await outcome(backup.id, tokens.access_token)).status).toBe(200);
  });

  it.each([
    ['read:backups', 200],
    ['read', 200],
    ['read:accounts', 403],
    ['write', 403],
    ['follow push profile', 403],
  ])('answers a token of the scope %s %i, as do the other routes', async (scope, status) => {
    const own = await obtainTokens(test, client, 'alice');
    await grantScope(test, own.id, scope);
    const list = await call(test, { method: 'GET', url: BACKUPS }, own.access_token);
    const request = await call(test, { method: 'POST', url: BACKUPS }, own.access_token);
    const file = await outcome(backup.id, own.access_token);
    // The POST of a good token is too early.
    expect([list.status, request.status, file.status]).toEqual(status === 200 ? [200, 400, 200] : [403, 403, 403]);
    const refusal = { error: 'Insufficient permissions: read:backups.' };
    expect([list.body, request.body, file.body].filter(({ error }) => error === refusal.error)).toHaveLength(
      status === 200 ? 0 : 3,
    );
  });

  it('asks for a token, and for a person’s', async () => {
    expect(await outcome(backup.id)).toEqual({ status: 401, body: { error: 'The access token is invalid' } });
    expect(await outcome(backup.id, await clientToken(test, client))).toEqual({
      status: 403,
      body: { error: 'This method requires an authenticated user' },
    });
    const inQuery = `/api/v1/backups/${backup.id}/file?access_token=${tokens.access_token}`;
    expect((await call(test, { method: 'GET', url: inQuery })).status).toBe(401);
  });

  it.each(ACCOUNT_BLOCKS)('gives nothing to an account with %s', async (change) => {
    await changeUser(test, alice, change);
    const { status } = await download(test, backup.id, tokens.access_token);
    await changeUser(test, alice, UNBLOCKED);
    expect([401, 403]).toContain(status);
    expect((await outcome(backup.id, tokens.access_token)).status).toBe(200);
  });
});

describe('after seven days', () => {
  beforeEach(() => age('6 days 23 hours 59 minutes'));

  it('the file and its entry are gone at once, and the purge takes the row', async () => {
    expect((await outcome(backup.id, tokens.access_token)).status).toBe(200);
    await age('7 days');
    expect(await outcome(backup.id, tokens.access_token)).toEqual(MISSING);
    expect((await call(test, { method: 'GET', url: BACKUPS }, tokens.access_token)).body).toEqual([]);
    const ids = () => test.dataSource.query('select id from backup where id = $1', [backup.id]);
    expect(await ids()).toHaveLength(1);
    await test.app.get(BackupsService).purge();
    expect(await ids()).toEqual([]);
    backup = await completeBackup(test, tokens.access_token);
  });

  it('a new one may be asked for, and not a minute before', async () => {
    const request = () => call(test, { method: 'POST', url: BACKUPS }, tokens.access_token);
    expect(await request()).toMatchObject({ status: 400, body: { error: 'Last export was less than 7 days ago' } });
    await test.app.get(BackupsService).purge();
    expect((await outcome(backup.id, tokens.access_token)).status).toBe(200);
    await age('7 days');
    const answer = await request();
    expect(answer.status).toBe(200);
    expect(answer.body.map(({ id }: ListedBackup) => id > backup.id)).toEqual([true]);
  });

  it('one that nobody made is gone as well, and its job ends without a word', async () => {
    await stopJobs(test);
    const { id } = await requestBackup(test, foreign);
    await test.dataSource.query(`update backup set created_at = now() - interval '7 days' where id = $1`, [id]);
    await test.app.get(BackupsService).purge();
    startJobs(test);
    await expect
      .poll(() => test.dataSource.query(`select id from job where kind = 'backup'`), { timeout: 10_000 })
      .toEqual([]);
    expect(await test.dataSource.query('select id from backup where id = $1', [id])).toEqual([]);
    const [{ made }] = await test.dataSource.query(
      `select count(*)::int as made from audit_event where type = 'backup.created' and user_id = (select id from "user" where username = 'bob')`,
    );
    expect(made).toBe(0);
  });
});
