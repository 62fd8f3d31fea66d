import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { retryMail } from '../src/cli/mail-commands.js';
import { randomSecret } from '../src/common/secrets.js';
import { startApp, type TestApp } from './support/app.js';
import { buildPrograms } from './support/build.js';
import { type CliOutcome, runCli } from './support/cli.js';
import { forgetTrouble, outboxRow, untilOutbox, writeMail } from './support/outbox.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;

beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
  });
  await buildPrograms();
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

/** Lets what waits wait for long: the command line takes its time. */
async function postpone(): Promise<void> {
  await test.dataSource.query(`update job set run_at = now() + interval '1 hour'`);
}

const mail = (...args: string[]): Promise<CliOutcome> => runCli(test.database, 'mail', ...args);

describe('mail list', { timeout: 60_000 }, () => {
  it('shows what waits and what was given up, and never a token', async () => {
    const token = randomSecret();
    smtp.misbehave({ at: 'recipient', say: '451 later', to: 'waits@example.org' });
    const waiting = await writeMail(test, { template: 'password_reset', to: 'waits@example.org', token });
    const sent = await writeMail(test, { to: 'sent@example.org' });
    await untilOutbox(test, waiting, (row) => row.job_failure !== null);
    await postpone();
    await untilOutbox(test, sent, (row) => row.sent_at !== null);
    smtp.misbehave({ at: 'recipient', say: '550 no' });
    const failed = await writeMail(test, { to: 'failed@example.org' });
    await untilOutbox(test, failed, (row) => row.failed_at !== null);

    const { code, stdout, stderr } = await mail('list', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual([
      {
        id: waiting,
        template: 'password_reset',
        recipient: 'waits@example.org',
        state: 'waiting',
        since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        attempts: 1,
        failure: '451 later',
      },
      {
        id: failed,
        template: 'new_sign_in',
        recipient: 'failed@example.org',
        state: 'given up',
        since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        attempts: 0,
        failure: '550 no',
      },
    ]);
    expect(stdout).not.toContain(token);

    const table = await mail('list');
    expect(table.stdout).toContain(failed);
    expect(table.stdout).not.toContain(sent);
    await test.dataSource.query('delete from mail_outbox');
    expect(await mail('list')).toEqual({ code: 0, stdout: 'No mail waits, and none was given up.\n', stderr: '' });
  });
});

describe('mail retry', { timeout: 60_000 }, () => {
  it('sends a mail that was given up, and one that waits at once', async () => {
    smtp.misbehave({ at: 'recipient', say: '550 no', to: 'again@example.org' });
    const failed = await writeMail(test, { to: 'again@example.org' });
    await untilOutbox(test, failed, (row) => row.failed_at !== null);
    smtp.misbehave({ at: 'recipient', say: '451 later', to: 'sooner@example.org' });
    const waiting = await writeMail(test, { to: 'sooner@example.org' });
    await untilOutbox(test, waiting, (row) => row.job_failure !== null);
    await postpone();
    smtp.behave();

    for (const id of [failed, waiting.toUpperCase()])
      expect(await mail('retry', id)).toEqual({
        code: 0,
        stdout: 'The running Gatehouse sends it as soon as the mail server takes it.\n',
        stderr: '',
      });
    await smtp.next({ to: 'again@example.org' });
    await smtp.next({ to: 'sooner@example.org' });
    expect(await untilOutbox(test, failed, (row) => row.sent_at !== null)).toMatchObject({
      failed_at: null,
      failure: null,
    });
  });

  it('says why when it cannot', async () => {
    smtp.misbehave({ at: 'recipient', say: '550 no', times: 1 });
    const failed = await writeMail(test, { template: 'password_reset', to: 'a@example.org', token: randomSecret() });
    await untilOutbox(test, failed, (row) => row.failed_at !== null);
    const sent = await writeMail(test, { to: 'b@example.org' });
    await untilOutbox(test, sent, (row) => row.sent_at !== null);

    await expect(retryMail(test.app, failed)).rejects.toThrow('its token was forgotten when the mail was given up');
    await expect(retryMail(test.app, sent)).rejects.toThrow('This mail was sent already');
    await expect(retryMail(test.app, '01890000-0000-7000-8000-000000000002')).rejects.toThrow('There is no such mail');
    await expect(retryMail(test.app, `x' or true --`)).rejects.toThrow('There is no such mail');
    expect(await outboxRow(test, failed)).toMatchObject({ failed_at: expect.any(Date), failure: '550 no' });
  });
});
