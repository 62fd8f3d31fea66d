import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PREFIXES } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { startJobs, stopJobs } from './support/backups.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { countRows, createUser } from './support/flows.js';
import { addressOf, createVerified, mailsAreOut, requestReset, RESET_SUBJECT } from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { Wire } from './support/wire.js';

const PATHS = ['/auth/password', ...PREFIXES.map((prefix) => `${prefix}/accounts/confirmation_resend`)];

/** Identifiers of every fate; to the outside they must be one. */
const IDENTIFIERS = [
  'nobody',
  'nobody@example.org',
  'known',
  'known@example.org',
  '@known@localhost:3000',
  'unconfirmed',
  'unconfirmed@example.org',
  'disabled',
  'addressless',
];

let smtp: SmtpListener;
beforeAll(async () => {
  smtp = await startSmtp();
});
afterAll(() => smtp.close());

async function populate(test: TestApp): Promise<void> {
  await createVerified(test, 'known');
  await createUser(test, 'unconfirmed', { confirmationPending: true });
  await createVerified(test, 'disabled', { disabledAt: new Date(), disabledByStaff: true });
  await createVerified(test, 'addressless', { email: null });
}

describe.each(PATHS)('POST %s tells nobody who is here (contract.md §5.4, §5.5; security.md R32)', (path) => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.limits.enabled = true;
      config.limits.mail_requests.points = 1000;
    });
    await test.listen();
    await populate(test);
    await test.http.post(path).query({ email: 'warm' });
    await mailsAreOut(test);
    await stopJobs(test);
  });
  afterAll(() => test.close());
  afterEach(() => vi.restoreAllMocks());

  it('answers everybody with the same bytes and headers', async () => {
    const answers: object[] = [];
    for (const email of IDENTIFIERS) {
      const { status, text, headers } = await test.http.post(path).query({ email });
      const { date, 'x-request-id': id, 'x-ratelimit-remaining': left, 'x-ratelimit-reset': reset, ...kept } = headers;
      expect([date, id, left, reset]).toEqual(Array.from({ length: 4 }, () => expect.any(String)));
      answers.push({ status, text, headers: kept });
    }
    expect(answers[0]).toMatchObject({ status: 204, text: '' });
    expect(answers).toEqual(answers.map(() => answers[0]));
  });

  it('says the same to the database for everybody, and looks nobody up', async () => {
    const spy = vi.spyOn(pg.Client.prototype, 'query');
    const work: string[][] = [];
    for (const email of IDENTIFIERS) {
      spy.mockClear();
      await test.http.post(path).query({ email });
      const sent: unknown[] = spy.mock.calls.map(([statement]) => statement);
      work.push(sent.map((one) => (typeof one === 'string' ? one : (one as { text: string }).text)));
    }
    expect(work[0]).toHaveLength(2);
    expect(work[0]?.join()).toMatch(/attempt_budget.*insert into job/s);
    expect(work[0]?.join()).not.toContain('"user"');
    expect(work).toEqual(work.map(() => work[0]));
  });

  it('writes one row for everybody, alike but for what was typed', async () => {
    await test.dataSource.query('truncate job, attempt_budget');
    const before = await countRows(test);
    for (const email of IDENTIFIERS) await test.http.post(path).query({ email }).set('User-Agent', 'a client');
    const after = await countRows(test);
    expect(after).toEqual({ ...before, job: IDENTIFIERS.length, attempt_budget: 1 });
    const jobs = await test.dataSource.query('select kind, key, payload from job order by id');
    expect(jobs).toEqual(
      IDENTIFIERS.map((identifier) => ({
        kind: path === '/auth/password' ? 'forgotten_password' : 'resend_confirmation',
        key: null,
        payload: { identifier, client: { ip: '127.0.0.1', userAgent: 'a client', requestId: expect.any(String) } },
      })),
    );
  });

  it('does look afterwards, and writes to whom it should', async () => {
    await test.dataSource.query('truncate job, attempt_budget');
    smtp.mails.splice(0);
    for (const email of IDENTIFIERS) await test.http.post(path).query({ email });
    startJobs(test);
    await mailsAreOut(test);
    const name = path === '/auth/password' ? 'known' : 'unconfirmed';
    const times = IDENTIFIERS.filter((identifier) => identifier.includes(name) && !identifier.includes(`un${name}`));
    expect(smtp.mails.map(({ to }) => to)).toEqual(times.map(() => addressOf(name)));
    await stopJobs(test);
  });
});

describe('forgotten passwords and confirmations while the database is away (contract.md §0.7)', () => {
  let database: TestDatabase;
  let wire: Wire;
  let test: TestApp;
  let token: string;
  beforeAll(async () => {
    database = await createDatabase();
    wire = await Wire.to(database.url);
    test = await startApp((config) => (config.smtpUrl = smtp.url), { url: wire.url, drop: async () => {} });
    await test.listen();
    await populate(test);
  });
  beforeEach(async () => {
    token = await requestReset(test, smtp, 'known');
    await mailsAreOut(test);
  });
  afterAll(async () => {
    await test.close();
    await wire.cut();
    await database.drop();
  });

  it('answers 503 to everybody, and a good token is still good afterwards', async () => {
    await wire.cut();
    const calls = [
      ...PATHS.flatMap((path) => ['known', 'nobody'].map((email) => test.http.post(path).query({ email }))),
      test.http.post('/api/auth/reset').send({ token, password: 'quite another horse' }),
      test.http.post(`/auth/link/${token}`),
    ];
    for (const answer of await Promise.all(calls)) {
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toMatch(/^\d+$/);
      expect(answer.headers).not.toHaveProperty('location');
    }
    await wire.mend();
    const reset = async () =>
      (await test.http.post('/api/auth/reset').send({ token, password: 'quite another horse' })).headers['location'];
    await expect.poll(reset, { timeout: 10_000, interval: 200 }).toContain('success=true');
  });

  it('keeps a request that was taken down before', async () => {
    smtp.mails.splice(0);
    await stopJobs(test);
    await test.http.post('/auth/password').query({ email: 'known' }).expect(204);
    await wire.cut();
    startJobs(test);
    await wire.mend();
    expect((await smtp.next({ to: addressOf('known'), subject: RESET_SUBJECT })).text).toContain('the account known');
  });
});
