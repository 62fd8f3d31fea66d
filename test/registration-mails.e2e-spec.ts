import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { approveUser } from '../src/cli/user-commands.js';
import { useLink } from './support/account-mails.js';
import { signInOutcome } from './support/account.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import { clientToken, createUser, registerClient, statusOf, type TestClient } from './support/flows.js';
import { addressOf, CONFIRM_SUBJECT, journalOfUser, mailsAreOut, titlesOf } from './support/mail-flows.js';
import { newName, nextConfirmation, postRegistration, register } from './support/newcomers.js';
import { parseMail, type ReceivedMail } from './support/received-mail.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const DONE = { status: 200, body: { status: 'success' } };
const WELCOME = 'Welcome to Gatehouse';
const WAITING = 'Your registration at Gatehouse is waiting';

let smtp: SmtpListener;
beforeAll(async () => {
  smtp = await startSmtp();
});
const apps: TestApp[] = [];
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));
afterAll(() => smtp.close());

async function house(adjust: Adjust): Promise<{ test: TestApp; client: TestClient; appToken: string }> {
  const test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    adjust(config);
  });
  apps.push(test);
  await test.listen();
  const client = await registerClient(test);
  return { test, client, appToken: await clientToken(test, client) };
}

/** The mails that were written to files instead of sent. */
async function filedMails(test: TestApp): Promise<ReceivedMail[]> {
  await mailsAreOut(test);
  const folder = join(test.config.dataDir, 'mail');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.eml'));
  const envelope = { from: '', to: [] };
  return Promise.all(files.toSorted().map(async (file) => parseMail(await readFile(join(folder, file)), envelope)));
}

describe('registering where staff decides', () => {
  it('asks for the confirmation first, and only then tells the applicant and every member of the staff who has an address', async () => {
    const { test, client, appToken } = await house(({ registrations }) => (registrations.approval = true));
    await createUser(test, 'chief', { role: 'admin' });
    await createUser(test, 'helper', { role: 'moderator' });
    await createUser(test, 'silent', { role: 'admin', email: null });
    await createUser(test, 'former', { role: 'admin', disabledAt: new Date() });
    await createUser(test, 'leaving', { role: 'admin', deletionDueAt: new Date() });
    await createUser(test, 'anybody');
    const answer = await postRegistration(test, appToken, 'applicant', { reason: 'I like\nboats <b>' });
    expect(answer.body).toMatchObject({ identifier: 'missing_confirmed_email', access_token: expect.any(String) });
    const link = await nextConfirmation(test, smtp, addressOf('applicant'));
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails)).toEqual([[addressOf('applicant'), 'Confirm your address for Gatehouse']]);
    expect(await signInOutcome(test, client, 'applicant')).toBe('Your login is missing a confirmed e-mail address');
    const again = await nextConfirmation(test, smtp, addressOf('applicant'));
    expect((await useLink(test, link)).status).toBe(404);

    smtp.mails.splice(0);
    expect(await useLink(test, again)).toEqual(DONE);
    await mailsAreOut(test);
    const review = 'applicant would like to join Gatehouse';
    expect(titlesOf(smtp.mails)).toEqual([
      [addressOf('applicant'), WAITING],
      [addressOf('chief'), review],
      [addressOf('helper'), review],
    ]);
    const [toStaff] = smtp.sentTo({ to: addressOf('chief') });
    expect(toStaff?.text).toContain('I like');
    expect(toStaff?.text).toContain('boats <b>');
    expect(toStaff?.html).not.toContain('<b>');
    expect(toStaff?.text).toContain('user approve applicant');
    const { access_token: token } = answer.body;
    const early = await test.http.get('/api/v1/accounts/verify_credentials').auth(token, { type: 'bearer' });
    expect([early.status, early.body]).toEqual([
      403,
      { error: 'Your login is currently pending approval', identifier: 'awaiting_approval' },
    ]);

    smtp.mails.splice(0);
    await approveUser(test.app, 'applicant');
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails)).toEqual([[addressOf('applicant'), 'Your account at Gatehouse is approved']]);
    expect(await statusOf(test, token)).toBe(200);
    expect(await signInOutcome(test, client, 'applicant')).toBe('signed in');
    const [{ id }] = await test.dataSource.query(`select id from "user" where username = 'applicant'`);
    expect((await journalOfUser(test, id)).filter((type) => !/^login|^token/.test(type))).toEqual([
      'account.created',
      'email.confirmation_sent',
      // Once more, when they sign in before they have confirmed.
      'email.confirmation_sent',
      'email.confirmed',
      'account.approved',
    ]);
  });

  it('tells both at once where addresses are not confirmed', async () => {
    const { test, appToken } = await house(({ registrations }) => {
      Object.assign(registrations, { approval: true, confirm_email: false });
    });
    await createUser(test, 'chief', { role: 'admin' });
    smtp.mails.splice(0);
    const { name, email } = await register(test, appToken, { reason: 'because' });
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails)).toEqual([
      [addressOf('chief'), `${name} would like to join Gatehouse`],
      [email, WAITING],
    ]);
  });
});

describe('registering where addresses are not confirmed', () => {
  it('is greeted at once, and no link is made', async () => {
    const { test, appToken } = await house(({ registrations }) => (registrations.confirm_email = false));
    const { email, token } = await register(test, appToken);
    expect((await smtp.next({ to: email })).subject).toBe(WELCOME);
    expect(await statusOf(test, token)).toBe(200);
    expect(await test.dataSource.query('select from mail_token')).toEqual([]);
  });
});

describe('registering without a mail server', () => {
  it('is greeted by a file, and confirms nothing by default', async () => {
    const { test, appToken } = await house((config) => (config.smtpUrl = null));
    const name = newName();
    const answer = await postRegistration(test, appToken, name);
    expect(answer.body).not.toHaveProperty('identifier');
    expect(await statusOf(test, answer.body.access_token)).toBe(200);
    const [mail, ...others] = await filedMails(test);
    expect([mail?.subject, others]).toEqual([WELCOME, []]);
    expect(mail?.headerLines.find(({ key }) => key === 'to')?.line).toBe(`To: ${addressOf(name)}`);
  });

  it('confirms by a file where the operator wants it so', async () => {
    const { test, appToken } = await house((config) => {
      config.smtpUrl = null;
      config.registrations.confirm_email = true;
    });
    const answer = await postRegistration(test, appToken, newName());
    expect(answer.body).toMatchObject({ identifier: 'missing_confirmed_email' });
    const [mail] = await filedMails(test);
    expect(mail?.subject).toMatch(CONFIRM_SUBJECT);
    const whoami = () =>
      test.http.get('/api/v1/accounts/verify_credentials').auth(answer.body.access_token, { type: 'bearer' });
    expect((await whoami()).status).toBe(403);
    expect(await useLink(test, smtp.linkOf(mail!).slice(test.config.publicUrl.length))).toEqual(DONE);
    expect((await whoami()).status).toBe(200);
    expect((await filedMails(test)).map(({ subject }) => subject)).toContain(WELCOME);
  });
});

describe('registering with an address', () => {
  it('is demanded where addresses are confirmed, even if it is not required otherwise', async () => {
    const { test, appToken } = await house(({ registrations }) => (registrations.email_required = false));
    for (const email of [undefined, '', ' ']) {
      const answer = await postRegistration(test, appToken, newName(), { email });
      expect(answer.status).toBe(422);
      expect(answer.body.details).toEqual({ email: [{ error: 'ERR_BLANK', description: "can't be blank" }] });
    }
  });

  it('succeeds once of two at once, with one mail', async () => {
    const { test, appToken } = await house(() => {});
    smtp.mails.splice(0);
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => postRegistration(test, appToken, newName(), { email: 'shared@example.org' })),
    );
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422, 422, 422]);
    expect(answers.find(({ status }) => status === 422)?.body).toEqual({
      error: 'Validation failed: Email has already been taken',
      details: { email: [{ error: 'ERR_TAKEN', description: 'has already been taken' }] },
    });
    await mailsAreOut(test);
    expect(titlesOf(smtp.mails)).toEqual([['shared@example.org', 'Confirm your address for Gatehouse']]);
    expect(await test.dataSource.query(`select from mail_token`)).toHaveLength(1);
  });
});
