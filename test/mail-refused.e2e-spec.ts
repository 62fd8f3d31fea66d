import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomSecret } from '../src/common/secrets.js';
import { OutboxService } from '../src/mail/outbox.service.js';
import { startApp, type TestApp } from './support/app.js';
import { forgetTrouble, hurry, untilOutbox, writeMail } from './support/outbox.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { tapLog } from './support/tap-log.js';

let smtp: SmtpListener;
let test: TestApp;

beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
  });
});

afterEach(async () => {
  smtp.behave();
  await forgetTrouble(test);
  await test.dataSource.query('delete from mail_outbox');
});

afterAll(async () => {
  await test.close();
  await smtp.close();
});

describe('a mail that the server does not take yet', () => {
  it('comes again after 5, 10, 20 and 40 seconds, and never waits longer than 50; others are not held up', async () => {
    smtp.misbehave({ at: 'recipient', say: '451 4.7.1 Greylisted, come again', to: 'grey@example.org' });
    const id = await writeMail(test, { to: 'grey@example.org' });
    const waits = new Map([
      [1, 5],
      [2, 10],
      [3, 20],
      [4, 40],
      [5, 40],
      [500, 40],
    ]);
    for (const [attempts, wait] of waits) {
      const row = await untilOutbox(test, id, (now) => now.attempts === attempts && now.job_failure !== null);
      expect(row).toMatchObject({ job_failure: '451 4.7.1 Greylisted, come again', failed_at: null, sent_at: null });
      expect(row.due_in).toBeGreaterThan(wait * 0.75 - 2);
      expect(row.due_in).toBeLessThanOrEqual(wait * 1.25);
      await test.dataSource.query('update job set failure = null, attempts = $1', [attempts === 5 ? 499 : attempts]);
      await hurry(test);
    }
    await writeMail(test, { to: 'other@example.org' });
    await smtp.next({ to: 'other@example.org' });
    await untilOutbox(test, id, (row) => row.attempts === 501 && row.job_failure !== null);
    smtp.behave();
    await hurry(test);
    await smtp.next({ to: 'grey@example.org' });
    await untilOutbox(test, id, (row) => row.sent_at !== null);
    expect(smtp.sentTo({ to: 'grey@example.org' })).toHaveLength(1);
  });

  it('is given up when it is 48 hours old, but not before', async () => {
    smtp.misbehave({ at: 'recipient', say: '452 4.2.2 Mailbox full' });
    const id = await writeMail(test, { template: 'password_reset', to: 'full@example.org', token: randomSecret() });
    await untilOutbox(test, id, (row) => row.job_failure !== null);
    const age = (hours: number) =>
      test.dataSource.query('update mail_outbox set created_at = now() - make_interval(hours => $1)', [hours]);

    await age(47);
    await test.dataSource.query('update job set failure = null');
    await hurry(test);
    expect(await untilOutbox(test, id, (row) => row.job_failure !== null)).toMatchObject({ failed_at: null });

    await age(49);
    await hurry(test);
    expect(await untilOutbox(test, id, (row) => row.failed_at !== null)).toMatchObject({
      failure: '452 4.2.2 Mailbox full',
      sealed_token: null,
      sent_at: null,
      attempts: null,
    });
  });
});

describe('a mail that the server will never take', () => {
  it.each([
    ['recipient', '550 5.1.1 <gone@example.org>: no such user here', 'EENVELOPE 550 5.1.1'],
    ['data', '554 5.7.1 We do not like this message', 'EMESSAGE 554 5.7.1'],
  ] as const)('is given up at once when it is refused at the %s, which the operator is told', async (at, say, code) => {
    const log = tapLog(test);
    smtp.misbehave({ at, say });
    const id = await writeMail(test, { to: 'gone@example.org' });
    const row = await untilOutbox(test, id, ({ failed_at: failedAt }) => failedAt !== null);
    expect(row).toMatchObject({ failure: say, sent_at: null, attempts: null });
    await expect
      .poll(() => log, { timeout: 10_000 })
      .toEqual([expect.stringContaining('A mail was given up: see the command `mail list`')]);
    expect(log[0]).toContain(code);
    expect(log[0]).toContain(id);
    expect(log[0]).not.toMatch(/gone@|no such user|do not like/);
  });

  it('keeps no token, not even in the words of a server that quotes the link', async () => {
    const token = randomSecret();
    smtp.misbehave({ at: 'data', say: `554 5.7.1 http://localhost:3000/oauth/reset?token=${token} is listed` });
    const id = await writeMail(test, { template: 'password_reset', to: 'gone@example.org', token });
    const row = await untilOutbox(test, id, ({ failed_at: failedAt }) => failedAt !== null);
    expect(row).toMatchObject({
      failure: '554 5.7.1 http://localhost:3000/oauth/reset?token=… is listed',
      sealed_token: null,
    });
  });

  it('is given up when its token can no longer be read, because SECRET_KEY is another', async () => {
    await test.dataSource.transaction(async (tx) => {
      await tx.query(`insert into mail_outbox (id, recipient, template, facts, sealed_token)
        values ('01890000-0000-7000-8000-000000000001', 'key@example.org', 'password_reset', '{"username":"alice"}', '\\x00')`);
      await tx.query(`insert into job (kind, key, payload) values
        ('mail', '01890000-0000-7000-8000-000000000001', '{"mailId":"01890000-0000-7000-8000-000000000001"}')`);
    });
    const id = '01890000-0000-7000-8000-000000000001';
    const row = await untilOutbox(test, id, ({ failed_at: failedAt }) => failedAt !== null);
    expect(row).toMatchObject({ failure: 'The link of this mail is gone', sealed_token: null });
  });
});

describe('the purge of the outbox', () => {
  it('keeps what was sent for a week, what was given up for a month, and what waits', async () => {
    await test.dataSource.query(`
      insert into mail_outbox (id, recipient, template, facts, created_at, sent_at, failed_at)
      select gen_random_uuid(), name, 'welcome', '{"username":"a"}', now() - age, now() - sent, now() - failed
      from (values
        ('sent 8 days ago', interval '8 days', interval '8 days', null::interval),
        ('sent 6 days ago', interval '6 days', interval '6 days', null),
        ('sent late', interval '9 days', interval '6 days', null),
        ('failed 31 days ago', interval '33 days', null, interval '31 days'),
        ('failed 29 days ago', interval '31 days', null, interval '29 days'),
        ('waits', interval '90 days', null, null)) as mail (name, age, sent, failed)`);
    await test.app.get(OutboxService).purge();
    const left = await test.dataSource.query('select recipient from mail_outbox order by recipient');
    expect(left.map(({ recipient }: { recipient: string }) => recipient)).toEqual([
      'failed 29 days ago',
      'sent 6 days ago',
      'sent late',
      'waits',
    ]);
  });
});
