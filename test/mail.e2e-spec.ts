import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { randomSecret } from '../src/common/secrets.js';
import { MailService } from '../src/mail/mail.service.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { outboxRow, untilOutbox, writeMail } from './support/outbox.js';
import { parseMail } from './support/received-mail.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { tapLog } from './support/tap-log.js';

const CIRCUMSTANCES = {
  at: '2026-11-22T06:26:09.000Z',
  ip: '192.0.2.7',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
};

/** Every row of every table as text. */
async function dump({ dataSource }: TestApp): Promise<string> {
  const tables = dataSource.entityMetadatas.map(({ tableName }) => tableName);
  const rows = await Promise.all(tables.map((table) => dataSource.query(`select t::text as row from "${table}" t`)));
  return rows
    .flat()
    .map(({ row }) => row)
    .join('\n');
}

describe('a mail', () => {
  let smtp: SmtpListener;
  let test: TestApp;

  beforeAll(async () => {
    smtp = await startSmtp();
    test = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.publicUrl = 'https://social.example:8443';
      config.instance.title = 'Little Pond';
    });
  });

  afterAll(async () => {
    await test.close();
    await smtp.close();
  });

  it('is never sent when the transaction that wrote it is rolled back', async () => {
    const mails = test.app.get(MailService);
    const undone = test.dataSource.transaction(async (tx) => {
      await mails.send({ template: 'welcome', to: 'nobody@example.org', userId: null, facts: { username: 'no' } }, tx);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await test.dataSource.query('select count(*)::int as mails from mail_outbox')).toEqual([{ mails: 0 }]);
    expect(await test.dataSource.query('select count(*)::int as jobs from job')).toEqual([{ jobs: 0 }]);

    await writeMail(test, { to: 'after@example.org' });
    await smtp.next({ to: 'after@example.org' });
    expect(smtp.sentTo({ to: 'nobody@example.org' })).toEqual([]);
  });

  it('is nothing at all for an account without an address', async () => {
    await test.dataSource.transaction((tx) =>
      test.app.get(MailService).send({ template: 'welcome', to: null, userId: null, facts: { username: 'bob' } }, tx),
    );
    expect(await test.dataSource.query(`select 1 from mail_outbox where facts->>'username' = 'bob'`)).toEqual([]);
  });

  it('is sent once, to exactly the stored address, as text and HTML, with headers that tell a machine wrote it', async () => {
    const id = await writeMail(test, { to: 'carol@example.org', facts: { username: 'carol', ...CIRCUMSTANCES } });
    const mail = await smtp.next({ to: 'carol@example.org' });
    const {
      sent_at: sentAt,
      created_at: createdAt,
      attempts,
      failed_at: failedAt,
    } = await untilOutbox(test, id, (row) => row.sent_at !== null);

    expect({ sentAt, attempts, failedAt }).toEqual({ sentAt: expect.any(Date), attempts: null, failedAt: null });
    expect(mail.envelope).toEqual({ from: 'noreply@social.example', to: ['carol@example.org'] });
    expect(mail.headerLines.map(({ line }) => line)).toEqual([
      'Auto-Submitted: auto-generated',
      'From: Little Pond <noreply@social.example>',
      'To: carol@example.org',
      'Subject: New sign-in to your account at Little Pond',
      `Message-ID: <${id}@social.example>`,
      `Date: ${createdAt.toUTCString().replace('GMT', '+0000')}`,
      'MIME-Version: 1.0',
      expect.stringMatching(/^Content-Type: multipart\/alternative;\r\n boundary="[^"]+"$/),
    ]);
    expect(mail.raw.match(/^Content-Type: text\/.*$/gm)).toEqual(
      ['Content-Type: text/plain; charset=utf-8\r', 'Content-Type: text/html; charset=utf-8\r'].map((line) =>
        line.trimEnd(),
      ),
    );
    expect(mail.text).toBe(
      `Hello carol,

Somebody signed in to your account carol from a network that is new for it.

  Time        22 November 2026, 06:26 UTC
  IP address  192.0.2.7
  Device      Firefox on Linux

If this was not you: somebody knows your password. Set a new one, which also signs everybody out.

Set a new password:
https://social.example:8443/oauth/reset

-- 
Sent by Little Pond (social.example:8443) because of the account carol. Nobody reads replies.
`,
    );
    expect(smtp.sentTo({ to: 'carol@example.org' })).toHaveLength(1);
  });

  it('goes to one recipient, whatever rests in the outbox as one address', async () => {
    const addresses = [
      'bob@example.org, eve@evil.example',
      'x:bob@example.org,eve@evil.example;',
      'b <eve@evil.example>',
    ];
    for (const to of addresses) {
      const before = smtp.mails.length;
      const id = await writeMail(test, { to });
      await untilOutbox(test, id, (row) => row.sent_at !== null || row.failed_at !== null);
      for (const { envelope, headerLines } of smtp.mails.slice(before)) {
        expect(envelope.to).toHaveLength(1);
        expect(headerLines.find(({ key }) => key === 'to')?.line).toMatch(/^To: (<"[^"]+"@[^,;]+>|[^\s,;]+)$/);
      }
    }
  });

  it('says from whom it is as the operator wants it', async () => {
    const own = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.mail.from = 'hello@pond.example';
      config.instance.title = 'Big, "wide" <Pond>\r\nBcc: eve@example.org';
      config.instance.domain = 'pond.example';
    });
    try {
      const id = await writeMail(own, { to: 'dan@example.org' });
      const mail = await smtp.next({ to: 'dan@example.org' });
      expect(mail.envelope).toEqual({ from: 'hello@pond.example', to: ['dan@example.org'] });
      expect(mail.from).toBe('"Big, "wide" <Pond> Bcc: eve@example.org" <hello@pond.example>');
      expect(mail.messageId).toBe(`<${id}@pond.example>`);
      expect(mail.headerLines.map(({ key }) => key)).not.toContain('bcc');
    } finally {
      await own.close();
    }
  });

  it('leaves no token behind: not in the database, nor in the log', async () => {
    const token = randomSecret();
    const facts = { username: 'erin', ...CIRCUMSTANCES };
    const id = await writeMail(test, { template: 'password_reset', to: 'erin@example.org', facts, token });
    const log = tapLog(test);
    const written = await dump(test);
    const mail = await smtp.next({ to: 'erin@example.org' });
    await untilOutbox(test, id, (row) => row.sent_at !== null);

    expect(smtp.linkOf(mail)).toBe(`https://social.example:8443/oauth/reset?token=${token}`);
    expect((await outboxRow(test, id)).sealed_token).toBeNull();
    const hex = Buffer.from(token).toString('hex');
    for (const place of [written, await dump(test), log.join('\n')]) {
      expect(place).not.toContain(token);
      expect(place).not.toContain(hex);
    }
    expect(log.join('\n')).not.toContain('erin@example.org');
  });
});

describe('a mail without SMTP_URL', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp();
  });
  afterAll(() => test.close());

  it('is a file that only the operator may read, and the log says where', async () => {
    const log = tapLog(test);
    const token = randomSecret();
    const id = await writeMail(test, { template: 'confirm_registration', to: 'alice@example.org', token });
    const { created_at: createdAt } = await untilOutbox(test, id, (row) => row.sent_at !== null);

    const folder = join(test.config.dataDir, 'mail');
    const name = `${createdAt.toISOString().replaceAll(':', '-')}-confirm_registration-${id}.eml`;
    expect(readdirSync(folder)).toEqual([name]);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);

    const mail = await parseMail(readFileSync(join(folder, name)), { from: '', to: ['alice@example.org'] });
    expect(mail.subject).toBe('Confirm your address for Gatehouse');
    expect(mail.links).toEqual([`http://localhost:3000/auth/link/${token}`]);
    expect(mail.messageId).toBe(`<${id}@localhost>`);

    expect(log).toEqual([expect.stringContaining(join(folder, name))]);
    expect(log[0]).not.toMatch(new RegExp(`${token}|alice@example.org`));
  });
});
