import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomSecret } from '../src/common/secrets.js';
import type { TemplateName } from '../src/letters/letter.js';
import { LETTERS } from '../src/letters/letters.js';
import { startApp, type TestApp } from './support/app.js';
import { writeMail } from './support/outbox.js';
import type { ReceivedMail } from './support/received-mail.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const TEMPLATES = Object.keys(LETTERS) as TemplateName[];

/** The link with the token, and what must be said, word for word. */
const TELLS: Record<TemplateName, { subject: string; tells: RegExp[]; link?: 'act' | 'reset' }> = {
  account_approved: {
    subject: 'Your account at Little Pond is approved',
    tells: [/staff .* approved/, /social\.example/],
  },
  account_deleted: {
    subject: 'Your account at Little Pond was deleted',
    tells: [/cannot be undone/, /name stays reserved/],
  },
  account_disabled: { subject: 'Your account at Little Pond is disabled', tells: [/To come back, just sign in/] },
  account_reactivated: { subject: 'Your account at Little Pond is back', tells: [/brought back/] },
  address_change_requested: {
    subject: 'Your mail address at Little Pond is about to change',
    tells: [/to new@example\.org\./, /stays in use until the new one is confirmed/, /stops the change/],
  },
  address_changed: {
    subject: 'Your mail address at Little Pond was changed',
    tells: [/to new@example\.org\./, /take the change back/, /until 29 November 2026, 06:26 UTC/],
    link: 'act',
  },
  address_in_use: {
    subject: 'Somebody asked to use your mail address at Little Pond',
    tells: [/belongs to your account alice/, /nothing was changed/],
  },
  address_replaced: {
    subject: 'Your mail address at Little Pond was changed',
    tells: [/to new@example\.org\./, /tell the people who run Little Pond/],
  },
  address_restored: {
    subject: 'The change of your mail address at Little Pond was taken back',
    tells: [/earlier address is in use again/, /needs a new password/],
  },
  backup_code_used: {
    subject: 'A backup code was used at Little Pond',
    tells: [/^A backup code was used for your account alice\. It works no longer\.$/m, /^It was the last one\.$/m],
  },
  backup_codes_made: {
    subject: 'New backup codes for your account at Little Pond',
    tells: [/Those that you wrote down before work no longer/, /make a set that you keep/],
  },
  backup_ready: { subject: 'Your data from Little Pond is ready', tells: [/settings for seven days/] },
  client_may_write: { subject: 'An app may now write for your account at Little Pond', tells: [/App {9}Tusky/] },
  confirm_address: {
    subject: 'Confirm your new address for Little Pond',
    tells: [/works once, until 29 November 2026/, /do nothing/],
    link: 'act',
  },
  confirm_registration: {
    subject: 'Confirm your address for Little Pond',
    tells: [/works once, until 29 November 2026/, /do nothing/],
    link: 'act',
  },
  deletion_cancelled: { subject: 'Your account at Little Pond will not be deleted', tells: [/was cancelled/] },
  deletion_scheduled: {
    subject: 'Your account at Little Pond is going to be deleted',
    tells: [/On 29 November 2026, 06:26 UTC, it is erased for good/, /change your mind/],
    link: 'act',
  },
  factor_added: {
    subject: 'A second factor for your account at Little Pond',
    tells: [/signing in to your account alice also asks for a second factor/, /somebody knows your password/],
  },
  factor_removed: {
    subject: 'A second factor was removed at Little Pond',
    tells: [/does not ask for a second factor any more/, /set up a second factor anew/],
  },
  import_finished: {
    subject: 'Your import at Little Pond is finished',
    tells: [/list that you uploaded for your account alice/, /120 rows, 100 done, 20 failed\./, /can be undone/],
  },
  identity_linked: {
    subject: 'Keycloak can sign you in at Little Pond',
    tells: [/an identity at Keycloak signs in to your account alice/],
  },
  identity_unlinked: {
    subject: 'Keycloak no longer signs you in at Little Pond',
    tells: [/Your identity at Keycloak does not sign in to your account alice any more/],
  },
  new_sign_in: { subject: 'New sign-in to your account at Little Pond', tells: [/a network that is new for it/] },
  password_changed: { subject: 'Your password at Little Pond was changed', tells: [/at once/] },
  password_reset: {
    subject: 'Set a new password for Little Pond',
    tells: [/works once, until 29 November 2026/, /Your password stays as it is/],
    link: 'reset',
  },
  password_was_reset: { subject: 'A new password for your account at Little Pond', tells: [/your mailbox first/] },
  recovery_begun: {
    subject: 'Your second factors at Little Pond will be removed',
    tells: [/taken away on 29 November 2026, 06:26 UTC, unless you object/, /Object: I still have them/],
    link: 'act',
  },
  recovery_confirm: {
    subject: 'Did you lose your second factors at Little Pond?',
    tells: [
      /Somebody who knows the password of your account alice/,
      /works once, until 29 November 2026/,
      /do nothing/,
    ],
    link: 'act',
  },
  recovery_done: {
    subject: 'Your second factors at Little Pond were removed',
    tells: [/^Nobody objected, so every second factor/m, /sign in with your password alone/],
  },
  recovery_stopped: {
    subject: 'Your second factors at Little Pond stay',
    tells: [/has ended: somebody objected, showed one of them, or changed the password/, /ask again where you sign in/],
  },
  registration_to_review: {
    subject: 'alice would like to join Little Pond',
    tells: [/^Hello,$/m, /> I draw birds/, /user approve alice/],
  },
  registration_waiting: { subject: 'Your registration at Little Pond is waiting', tells: [/the staff looks at every/] },
  session_reused: { subject: 'We ended a session of your account at Little Pond', tells: [/had been used already/] },
  sessions_revoked: { subject: 'Your account at Little Pond was signed out', tells: [/signed out everywhere/] },
  welcome: { subject: 'Welcome to Little Pond', tells: [/is ready/, /enter social\.example/] },
  wrong_passwords: { subject: 'Many wrong passwords for your account at Little Pond', tells: [/Nothing is locked/] },
};

/** Letters about what somebody did say when, from where and with what, and how to undo it. */
const NOTICES: TemplateName[] = [
  'account_disabled',
  'account_reactivated',
  'address_change_requested',
  'address_changed',
  'backup_code_used',
  'backup_codes_made',
  'client_may_write',
  'deletion_cancelled',
  'deletion_scheduled',
  'factor_added',
  'factor_removed',
  'new_sign_in',
  'password_changed',
  'password_was_reset',
  'recovery_confirm',
  'session_reused',
  'sessions_revoked',
  'wrong_passwords',
];

const FACTS = {
  username: 'alice',
  at: '2026-11-22T06:26:09.000Z',
  ip: '192.0.2.7',
  userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  app: 'Tusky',
  address: 'new@example.org',
  until: '2026-11-29T06:26:00.000Z',
  reason: 'I draw birds',
  provider: 'Keycloak',
  counts: '120 rows, 100 done, 20 failed.',
};

/** What an HTML part says, without its form. */
function wordsOf(html: string): string {
  const body = html.replace(/<style>.*?<\/style>/s, '').replace(/<[^>]+>/g, ' ');
  return body
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ');
}

describe('letters', () => {
  let smtp: SmtpListener;
  let test: TestApp;

  beforeAll(async () => {
    smtp = await startSmtp();
    test = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.publicUrl = 'https://social.example';
      config.instance.title = 'Little Pond';
    });
  });

  afterAll(async () => {
    await test.close();
    await smtp.close();
  });

  async function arrive(template: TemplateName, facts: object, token: string): Promise<ReceivedMail> {
    const to = `${template}.${token.slice(0, 6).replaceAll(/[-_]/g, 'x')}@example.org`;
    await writeMail(test, { template, to, facts: facts as typeof FACTS, token });
    return smtp.next({ to });
  }

  it.each(TEMPLATES)(
    'says in %s what happened, alike as text and as HTML, and links only to this instance',
    async (name) => {
      const { subject, tells, link } = TELLS[name];
      const token = randomSecret();
      const mail = await arrive(name, FACTS, token);

      expect(mail.subject).toBe(subject);
      for (const pattern of tells) expect(mail.text).toMatch(pattern);
      const words = wordsOf(mail.html);
      for (const line of mail.text.split('\n').filter((text) => text.length > 0 && !/^(-- |> | {2}|.*:$)/.test(text)))
        expect(words).toContain(line);
      expect(mail.html).not.toMatch(/<(img|script|link|iframe|form|object)\b|\bsrc=|@import|url\(/i);

      expect(mail.links.filter((url) => new URL(url).origin !== 'https://social.example')).toEqual([]);
      const pages = { act: 'https://social.example/auth/link/', reset: 'https://social.example/oauth/reset?token=' };
      expect(mail.links.filter((url) => url.includes(token))).toEqual(link ? [pages[link] + token] : []);
    },
  );

  it.each(NOTICES)('tells in %s when, from where and with what, and what to do if it was not you', async (name) => {
    const mail = await arrive(name, FACTS, randomSecret());
    expect(mail.text).toContain(
      '  Time        22 November 2026, 06:26 UTC\n  IP address  192.0.2.7\n  Device      Firefox on Linux\n  App         Tusky\n',
    );
    expect(mail.text).toMatch(/If (this was not you|you find a session there that is not yours)/);
    expect(wordsOf(mail.html)).toMatch(
      /Time 22 November 2026, 06:26 UTC IP address 192\.0\.2\.7 Device Firefox on Linux App Tusky/,
    );
  });

  it('does not tell the holder of an address who asked for it', async () => {
    const mail = await arrive('address_in_use', FACTS, randomSecret());
    expect(mail.raw).not.toMatch(/192\.0\.2\.7|Firefox/);
  });

  it('says when it was the staff', async () => {
    const disabled = await arrive('account_disabled', { ...FACTS, by: 'staff' }, randomSecret());
    expect(disabled.text).toContain('The staff of Little Pond disabled your account alice.');
    expect(disabled.text).toContain('Only the staff can bring it back.');
    expect(disabled.text).not.toContain('just sign in');
    const reset = await arrive('password_reset', { ...FACTS, by: 'staff' }, randomSecret());
    expect(reset.text).toContain('The staff of Little Pond asks you to set a new password for your account alice.');
    const recovered = await arrive('recovery_done', { ...FACTS, by: 'staff' }, randomSecret());
    expect(recovered.text).toContain('The staff of Little Pond removed every second factor of your account alice.');
    expect(recovered.text).not.toContain('Nobody objected');
  });

  it('counts the backup codes that are left', async () => {
    for (const [left, words] of [
      ['1', 'One is left.'],
      ['7', '7 are left.'],
    ]) {
      const mail = await arrive('backup_code_used', { ...FACTS, left }, randomSecret());
      expect(mail.text).toContain(`\n${words}\n`);
    }
  });

  it('leaves out what is not known', async () => {
    const mail = await arrive('password_reset', { username: 'alice', ip: null, userAgent: null }, randomSecret());
    expect(mail.text).toContain('This works once, for one hour.');
    expect(mail.text).not.toMatch(/Time|IP address|Device|App|null|undefined/);
    expect(mail.html).not.toMatch(/null|undefined/);
  });

  it('makes nothing of what others wrote: no header, no markup, no link, no turned text', async () => {
    const evil =
      'Bank\r\nBcc: eve@example.org\r\n\r\n<script>x</script> https://evil.example/?a=1 \u202Egnp.exe\u0007\u2066\u200B';
    const hostile = {
      ...FACTS,
      app: evil,
      reason: evil,
      userAgent: `https://evil.example/1.0 ${evil}`,
      ip: evil,
      address: 'new@example.org',
    };
    for (const name of TEMPLATES) {
      const mail = await arrive(name, hostile, randomSecret());
      expect(mail.envelope.to).toHaveLength(1);
      expect(mail.headerLines.map(({ key }) => key)).toEqual([
        'auto-submitted',
        'from',
        'to',
        'subject',
        'message-id',
        'date',
        'mime-version',
        'content-type',
      ]);
      expect(mail.subject).toBe(TELLS[name].subject);
      expect(mail.links.filter((url) => new URL(url).origin !== 'https://social.example')).toEqual([]);
      expect(mail.html).not.toMatch(/<script/i);
      expect(mail.text + mail.html).not.toMatch(/[\p{Bidi_Control}\u200B\u2028\u2029]|(?!\n)\p{Cc}/u);
    }
  });
});
