import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEvent } from '../src/audit/describe-event.js';
import { startApp, type TestApp } from './support/app.js';
import { BACKUPS, completeBackup, download, requestBackup, unzip, waitForBackup } from './support/backups.js';
import { createUser, obtainTokens, PASSWORD, registerClient, type TestClient, type Tokens } from './support/flows.js';
import { call } from './support/routes.js';

const PUB = 'https://gatehouse.example';
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0';

let test: TestApp;
let client: TestClient;
let people = 0;
beforeAll(async () => {
  test = await startApp((config) => (config.publicUrl = PUB));
  await test.listen();
  client = await registerClient(test, { client_name: 'Pleroma FE', website: 'https://fe.example' });
});
afterAll(() => test.close());

async function person(more: Record<string, unknown> = {}): Promise<{ id: string; name: string; tokens: Tokens }> {
  const name = `person${++people}`;
  const id = await createUser(test, name, more);
  return { id, name, tokens: await obtainTokens(test, client, name) };
}

describe.each(['/api/pleroma/backups', BACKUPS])('GET and POST %s', (url) => {
  it('list nothing, then the backup that was asked for, and then that it is complete', async () => {
    const { id: userId, name, tokens } = await person();
    const none = await call(test, { method: 'GET', url }, tokens.access_token);
    expect({ status: none.status, body: none.body }).toEqual({ status: 200, body: [] });

    const asked = await call(test, { method: 'POST', url }, tokens.access_token);
    expect(asked.status).toBe(200);
    const id = asked.body[0]?.id;
    const common = {
      id,
      content_type: 'application/zip',
      url: `${PUB}/api/v1/backups/${id}/file`,
      inserted_at: expect.stringMatching(MOMENT),
    };
    expect(Number.isSafeInteger(id)).toBe(true);
    expect(asked.body).toStrictEqual([
      { ...common, file_size: 0, processed: false, state: 'pending', processed_number: 0 },
    ]);

    await waitForBackup(test, tokens.access_token, ({ state }) => state === 'complete');
    const done = await call(test, { method: 'GET', url }, tokens.access_token);
    const events = await test.dataSource.query(
      `select count(*)::int as count from audit_event where user_id = $1 and type <> 'backup.created'`,
      [userId],
    );
    expect(done.body).toStrictEqual([
      {
        ...common,
        file_size: expect.any(Number),
        processed: true,
        state: 'complete',
        // The account, its one session, its events.
        processed_number: 2 + events[0].count,
      },
    ]);
    expect(done.headers).toMatchObject({ 'cache-control': 'no-store', 'access-control-allow-origin': '*' });
    const [row] = await test.dataSource.query('select octet_length(file) as size from backup where id = $1', [id]);
    expect(done.body[0].file_size).toBe(row.size);
    expect(row.size).toBeGreaterThan(500);

    const mails = await test.dataSource.query(
      `select recipient, template, facts, sealed_token from mail_outbox where user_id = $1 and template = 'backup_ready'`,
      [userId],
    );
    const until = new Date(Date.parse(done.body[0].inserted_at) + 7 * 86_400_000).toISOString();
    expect(mails).toEqual([
      {
        recipient: `${name}@example.org`,
        template: 'backup_ready',
        facts: { username: name, at: expect.stringMatching(MOMENT), ip: null, userAgent: null, until },
        sealed_token: null,
      },
    ]);
  });
});

describe('a request for a backup', () => {
  it.each(['json', 'form'])('takes a body of %s, of which it reads nothing', async (type) => {
    const { tokens } = await person();
    const answer = await call(test, { method: 'POST', url: BACKUPS }, tokens.access_token).type(type).send({ id: '1' });
    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(1);
  });

  it('is journaled, as are the making and every download', async () => {
    const { id, tokens } = await person();
    const backup = await completeBackup(test, tokens.access_token);
    await download(test, backup.id, tokens.access_token).set('User-Agent', 'Ivory/1.0');
    const events = await test.dataSource.query(
      `select type, application_id, ip, user_agent from audit_event where user_id = $1 and type like 'backup.%' order by id`,
      [id],
    );
    const app = Number(client.id);
    expect(events).toEqual([
      { type: 'backup.requested', application_id: app, ip: '127.0.0.1', user_agent: null },
      { type: 'backup.created', application_id: null, ip: null, user_agent: null },
      { type: 'backup.downloaded', application_id: app, ip: '127.0.0.1', user_agent: 'Ivory/1.0' },
    ]);
  });

  it('of somebody without an address is fulfilled without a mail', async () => {
    const { id, tokens } = await person({ email: null });
    await completeBackup(test, tokens.access_token);
    expect(await test.dataSource.query('select template from mail_outbox where user_id = $1', [id])).toEqual([]);
  });
});

describe('the archive', () => {
  it('holds what we know of the person, file by file, and says what is what', async () => {
    const { id, name, tokens } = await person({
      displayName: 'Ünï <b>',
      note: 'Two\nlines',
      locale: 'de',
      locked: true,
      settingsStore: { 'pleroma-fe': { theme: 'dark' } },
      emailVerifiedAt: new Date(),
      createdAt: new Date('2026-01-02T03:04:05.678Z'),
    });
    const older = await obtainTokens(test, client, name, 'read');
    await test.dataSource.query('update session set user_agent = $1, ip = $2 where id = $3', [
      FIREFOX,
      '192.0.2.7',
      tokens.id,
    ]);
    await test.dataSource.query('update session set revoked_at = now() where id = $1', [older.id]);
    const { body: journal } = await call(
      test,
      { method: 'GET', url: '/api/v1/security_events?limit=100' },
      tokens.access_token,
    );
    const [session] = (await call(test, { method: 'GET', url: '/api/oauth_tokens' }, tokens.access_token)).body;
    const backup = await completeBackup(test, tokens.access_token);
    const files = await unzip((await download(test, backup.id, tokens.access_token)).body);
    expect([...files.keys()]).toEqual([
      'README.txt',
      'account.json',
      'sessions.json',
      'linked_accounts.json',
      'security_events.json',
      'following_accounts.csv',
      'blocked_accounts.csv',
      'muted_accounts.csv',
    ]);
    const json = (file: string) => JSON.parse(files.get(file) ?? '');
    expect(json('account.json')).toStrictEqual({
      username: name,
      email: `${name}@example.org`,
      email_verified: true,
      display_name: 'Ünï <b>',
      note: 'Two\nlines',
      locale: 'de',
      locked: true,
      bot: false,
      discoverable: true,
      frontend_settings: { 'pleroma-fe': { theme: 'dark' } },
      created_at: '2026-01-02T03:04:05.678Z',
    });
    const { current, ...listed } = session;
    expect(current).toBe(true);
    expect(json('sessions.json')).toStrictEqual([listed]);
    expect(listed).toMatchObject({ device: 'Firefox on Linux', ip: '192.0.2.7', app_name: 'Pleroma FE' });
    expect(json('linked_accounts.json')).toStrictEqual([]);
    const [requested, ...events] = json('security_events.json');
    expect(requested).toMatchObject({ type: 'backup.requested', description: 'A copy of your data was asked for' });
    expect(events).toStrictEqual(
      journal.map((event: { type: string }) => ({ ...event, description: describeEvent(event.type) })),
    );
    const { body: own } = await call(
      test,
      { method: 'GET', url: '/api/v1/accounts/verify_credentials' },
      tokens.access_token,
    );
    expect(own.id).toBe(id);

    const csv = (file: string) => parse(files.get(file) ?? '');
    expect(csv('following_accounts.csv')).toEqual([
      ['Account address', 'Show boosts', 'Notify on new posts', 'Languages'],
    ]);
    expect(csv('blocked_accounts.csv')).toEqual([]);
    expect(csv('muted_accounts.csv')).toEqual([['Account address', 'Hide notifications']]);
    const readme = files.get('README.txt') ?? '';
    for (const file of [...files.keys()].slice(1)) expect(readme).toContain(file);
    expect(readme).toContain(`@${name}@gatehouse.example`);
  });

  it('holds no secret, and nothing of anybody else', async () => {
    const { id, name, tokens } = await person();
    const stranger = await person();
    await requestBackup(test, stranger.tokens.access_token);
    const backup = await completeBackup(test, tokens.access_token);
    const files = await unzip((await download(test, backup.id, tokens.access_token)).body);
    const text = [...files.values()].join('\n');
    const [user] = await test.dataSource.query('select * from "user" where id = $1', [id]);
    const hashes: { hash: Buffer }[] = await test.dataSource.query(
      `select hash from access_token union all select hash from refresh_token union all select hash from authorization_code
       union all select client_secret_hash from application where client_secret_hash is not null`,
    );
    expect(hashes.length).toBeGreaterThan(5);
    const secrets = [
      PASSWORD,
      user.password_hash,
      '$argon2',
      client.client_id,
      client.client_secret,
      tokens.access_token,
      tokens.refresh_token,
      test.config.secretKey,
      stranger.id,
      stranger.name,
      ...hashes.flatMap(({ hash }) => (['hex', 'base64', 'base64url'] as const).map((form) => hash.toString(form))),
    ];
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).toContain(name);
    expect(test.logs.join('\n')).not.toContain(tokens.access_token);
  });

  it('holds every event and every session of a busy account', async () => {
    const { id, tokens } = await person();
    await test.dataSource.query(
      `insert into audit_event (type, user_id) select 'login.failed', $1 from generate_series(1, 1750)`,
      [id],
    );
    await test.dataSource.query(
      `insert into session (user_id, application_id, scope, access_expires_at, refresh_expires_at)
       select $1, $2, 'read', now() + interval '1 day', '-infinity' from generate_series(1, 620)`,
      [id, client.id],
    );
    const backup = await completeBackup(test, tokens.access_token);
    const files = await unzip((await download(test, backup.id, tokens.access_token)).body);
    const [events, sessions]: { id: unknown }[][] = ['security_events.json', 'sessions.json'].map((file) =>
      JSON.parse(files.get(file) ?? ''),
    );
    expect(new Set(sessions?.map((row) => row.id)).size).toBe(621);
    expect(new Set(events?.map((row) => row.id)).size).toBe(events?.length);
    expect(events?.length).toBeGreaterThan(1750);
    expect(backup.processed_number).toBe(1 + 621 + (events?.length ?? 0));
  });
});
