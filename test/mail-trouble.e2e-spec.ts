import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MailTransport } from '../src/mail/mail-transport.js';
import { startApp, type TestApp } from './support/app.js';
import { registerClient } from './support/flows.js';
import { forgetTrouble, hurry, outboxRow, unpause, untilOutbox, writeMail } from './support/outbox.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { tapLog } from './support/tap-log.js';

describe('a mail server in trouble', () => {
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
  });

  afterAll(async () => {
    await test.close();
    await smtp.close();
  });

  it('is away: the mail waits, the API answers, and the mail goes out as soon as it is back', async () => {
    await smtp.stop();
    const id = await writeMail(test, { to: 'down@example.org' });
    const row = await untilOutbox(test, id, ({ job_failure: failure }) => failure !== null);
    expect(row).toMatchObject({ sent_at: null, failed_at: null, failure: null, attempts: 1 });
    expect(row.job_failure).toMatch(/^connect ECONNREFUSED 127\.0\.0\.1:\d+$/);
    await expect(registerClient(test)).resolves.toBeDefined();

    await smtp.start();
    const mail = await smtp.next({ to: 'down@example.org' });
    expect(mail.messageId).toBe(`<${id}@localhost>`);
    await untilOutbox(test, id, (sent) => sent.sent_at !== null);
    expect(smtp.sentTo({ to: 'down@example.org' })).toHaveLength(1);
  });

  it('is looked after by one mail at a time while it is away, and everything goes out once it is back', async () => {
    const log = tapLog(test);
    smtp.misbehave({ at: 'connect', say: '421 Not now' });
    const before = smtp.connections;
    const to = Array.from({ length: 8 }, (_, number) => `crowd${number}@example.org`);
    const ids = [await writeMail(test, { to: to[0] ?? '' })];
    await smtp.connected(before + 1);
    await untilOutbox(test, ids[0] ?? '', ({ job_failure: failure }) => failure !== null);
    for (const recipient of to.slice(1)) ids.push(await writeMail(test, { to: recipient }));
    const attempts = async () =>
      (await Promise.all(ids.map((id) => outboxRow(test, id)))).map((row) => row.attempts ?? 0);

    smtp.mostAtOnce = 0;
    for (const probe of [1, 2, 3]) {
      await unpause(test);
      await smtp.connected(before + 1 + probe);
    }
    await expect
      .poll(async () => (await attempts()).reduce((sum, count) => sum + count, 0), { timeout: 10_000 })
      .toBe(4);
    expect({ connections: smtp.connections - before, atOnce: smtp.mostAtOnce }).toEqual({ connections: 4, atOnce: 1 });
    // A mail that failed stands behind the others that are due: the first one was, before they were written.
    expect(await attempts()).toEqual([2, 1, 1, 0, 0, 0, 0, 0]);

    smtp.behave();
    await unpause(test);
    await Promise.all(to.map((recipient) => smtp.next({ to: recipient })));
    for (const recipient of to) expect(smtp.sentTo({ to: recipient })).toHaveLength(1);
    expect(log).toEqual([
      expect.stringMatching(/code: 'EPROTOCOL 421'.*Mails cannot be sent now; they wait/),
      expect.stringContaining('Mails can be sent again'),
    ]);
  });

  it('is slow: the API answers meanwhile, and the mail is sent once', async () => {
    const release = smtp.hold('reply');
    const id = await writeMail(test, { to: 'slow@example.org' });
    await smtp.next({ to: 'slow@example.org' });
    await expect(registerClient(test)).resolves.toBeDefined();
    expect(await outboxRow(test, id)).toMatchObject({ sent_at: null, attempts: 1 });
    release();
    await untilOutbox(test, id, (row) => row.sent_at !== null);
    expect(smtp.sentTo({ to: 'slow@example.org' })).toHaveLength(1);
  });

  it('says nothing at all: we go away before it has the message, and come again', async () => {
    const { patience } = test.app.get(MailTransport);
    patience.handOver = 200;
    const release = smtp.hold('recipient');
    const id = await writeMail(test, { to: 'silent@example.org' });
    const row = await untilOutbox(test, id, ({ job_failure: failure }) => failure !== null);
    expect(row).toMatchObject({ job_failure: 'Message sending aborted', sent_at: null, failed_at: null });

    patience.handOver = 20_000;
    release();
    await unpause(test);
    await smtp.next({ to: 'silent@example.org' });
    await untilOutbox(test, id, (sent) => sent.sent_at !== null);
    expect(smtp.sentTo({ to: 'silent@example.org' })).toHaveLength(1);
  });

  it('refuses our login: that is for the operator to mend, and no mail is lost', async () => {
    const guarded = await startSmtp({ login: { user: 'gatehouse', pass: 'right' } });
    const own = await startApp((config) => {
      config.smtpUrl = guarded.url.replace(':right@', ':wrong@');
    });
    try {
      const log = tapLog(own);
      const id = await writeMail(own, { to: 'login@example.org' });
      const row = await untilOutbox(own, id, ({ job_failure: failure }) => failure !== null);
      expect(row).toMatchObject({ job_failure: '535 Authentication failed', failed_at: null });
      expect(log).toEqual([expect.stringMatching(/code: 'EAUTH 535'.*Mails cannot be sent now/)]);
      expect(log.join('\n')).not.toContain('wrong');

      own.config.smtpUrl = guarded.url;
      await unpause(own);
      await guarded.next({ to: 'login@example.org' });
    } finally {
      await own.close();
      await guarded.close();
    }
  });

  it('loses the connection in the middle of the message: it comes again, once', async () => {
    smtp.misbehave({ at: 'data', times: 1 });
    const id = await writeMail(test, { to: 'cut@example.org' });
    const row = await untilOutbox(test, id, ({ job_failure: failure }) => failure !== null);
    expect(row).toMatchObject({ job_failure: 'Connection closed unexpectedly', sent_at: null, failed_at: null });
    await hurry(test);
    await smtp.next({ to: 'cut@example.org' });
    await untilOutbox(test, id, (sent) => sent.sent_at !== null);
    expect(smtp.sentTo({ to: 'cut@example.org' })).toHaveLength(1);
  });

  it('loses the connection before it says that it has the message: the second one is the same to a mail program', async () => {
    smtp.misbehave({ at: 'reply', times: 1 });
    const id = await writeMail(test, { to: 'twice@example.org' });
    const first = await smtp.next({ to: 'twice@example.org' });
    await untilOutbox(test, id, ({ job_failure: failure }) => failure !== null);
    await hurry(test);
    const second = await smtp.next({ to: 'twice@example.org' });
    await untilOutbox(test, id, (row) => row.sent_at !== null);

    expect(second.messageId).toBe(first.messageId);
    expect(second.date).toEqual(first.date);
    expect(smtp.sentTo({ to: 'twice@example.org' })).toHaveLength(2);
  });

  it('never answers what it did with the message: each repetition waits as long as all before, so that nobody is flooded', async () => {
    smtp.misbehave({ at: 'reply' });
    const id = await writeMail(test, { to: 'flood@example.org' });
    const young = await untilOutbox(test, id, ({ job_failure: failure }) => failure !== null);
    expect(young.due_in).toBeGreaterThan(2);
    expect(young.due_in).toBeLessThanOrEqual(5);

    for (const [age, wait] of [
      ['1 hour', 3600],
      ['30 hours', 4 * 3600],
    ] as const) {
      await test.dataSource.query(`update mail_outbox set created_at = now() - $2::interval where id = $1`, [id, age]);
      await test.dataSource.query(`update job set failure = null where key = $1`, [id]);
      await hurry(test);
      const { due_in: dueIn } = await untilOutbox(test, id, ({ job_failure: failure }) => failure !== null);
      expect(dueIn).toBeGreaterThan(wait - 30);
      expect(dueIn).toBeLessThan(wait + 30);
    }
  });
});
