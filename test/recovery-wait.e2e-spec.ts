import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, changePassword, DEAD_LINK, linksOf, signInOutcome } from './support/account.js';
import { linkTo, mailsOf, openLink, titles, useLink } from './support/account-mails.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { requestReset } from './support/mail-flows.js';
import { factorLetters, type Guarded, makeCodes, MFA, stopAtFactor } from './support/mfa.js';
import { addPasskey, eventsOf } from './support/passkeys.js';
import {
  beginRecovery,
  confirmationLink,
  look,
  newLoser,
  passTime,
  RECOVERY,
  requestRecovery,
  secondsLeft,
} from './support/recovery.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let test: TestApp;
let smtp: SmtpListener;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

const dueAt = async ({ token }: Guarded) => (await test.http.get(RECOVERY).auth(token, { type: 'bearer' })).body;
const stateOf = async ({ token }: Guarded) => (await test.http.get(MFA).auth(token, { type: 'bearer' })).body.settings;

describe('the link that confirms a recovery', () => {
  it('begins the wait, once, and tells everybody who could object', async () => {
    const person = await newLoser(test, client);
    const link = await confirmationLink(test, smtp, client, person);
    expect(await openLink(test, link)).toBe(200);
    expect(await secondsLeft(test, person.id)).toBeNull();
    expect(await dueAt(person)).toEqual({ due_at: null });
    const uses = () => Promise.all([useLink(test, link), useLink(test, link)]);
    let outcomes: Awaited<ReturnType<typeof uses>> = [] as never;
    const mails = await mailsOf(test, smtp, async () => (outcomes = await uses()));
    expect(outcomes.toSorted((a, b) => a.status - b.status)).toEqual([
      { status: 200, body: { status: 'success' } },
      DEAD_LINK,
    ]);
    expect(titles(mails)).toEqual([[person.email, 'recovery_begun']]);
    const left = (await secondsLeft(test, person.id)) ?? 0;
    expect(left).toBeGreaterThan(72 * 3600 - 60);
    expect(left).toBeLessThanOrEqual(72 * 3600);
    const { due_at } = await dueAt(person);
    expect((await factorLetters(test, person)).at(-1)?.facts).toMatchObject({ until: due_at });
    expect(mails[0]?.text).toContain('unless you object');
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'stop_recovery', address: null }]);
    expect((await eventsOf(test, person.id, 'mfa.recovery')).at(-1)).toBe('mfa.recovery_begun');
    expect(await stateOf(person)).toEqual({ enabled: true, totp: true });
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('works for an hour', async () => {
    const person = await newLoser(test, client);
    const link = await confirmationLink(test, smtp, client, person);
    const [token] = await test.dataSource.query(
      'select extract(epoch from expires_at - created_at)::int as life from mail_token where user_id = $1',
      [person.id],
    );
    expect(token.life).toBe(3600);
    await test.dataSource.query('update mail_token set expires_at = now() where user_id = $1', [person.id]);
    expect(await useLink(test, link)).toEqual(DEAD_LINK);
    expect(await secondsLeft(test, person.id)).toBeNull();
  });

  it.each([
    ['the address changed', `email = 'elsewhere-' || username || '@example.org'`],
    ['the address went', 'email = null, email_verified_at = null'],
    ['the person joined the staff', `role = 'moderator'`],
    ['everything was revoked', 'credential_epoch = credential_epoch + 1'],
  ])('is void when %s', async (_, change) => {
    const person = await newLoser(test, client);
    const link = await confirmationLink(test, smtp, client, person);
    await changeUser(test, person.id, change);
    expect(await useLink(test, link)).toEqual(DEAD_LINK);
    expect(await secondsLeft(test, person.id)).toBeNull();
  });

  it('is void when the password was changed; the new one can ask again', async () => {
    const person = await newLoser(test, client);
    const link = await confirmationLink(test, smtp, client, person);
    await act(test, person, 'change_password', changePassword('a new horse'));
    expect(await useLink(test, link)).toEqual(DEAD_LINK);
    await requestRecovery(test, await stopAtFactor(test, client, person.name, {}, 'a new horse'));
    expect((await useLink(test, await linkTo(test, smtp, person.email))).status).toBe(200);
    expect(await secondsLeft(test, person.id)).toBeGreaterThan(0);
  });
});

describe('a wait', () => {
  it('is not prolonged, nor confirmed anew, by another request', async () => {
    const person = await newLoser(test, client);
    await beginRecovery(test, smtp, client, person);
    await test.dataSource.query(`update factor_recovery set due_at = now() + interval '1 hour' where user_id = $1`, [
      person.id,
    ]);
    const mails = await mailsOf(test, smtp, async () => {
      const stopped = await stopAtFactor(test, client, person.name);
      await Promise.all([requestRecovery(test, stopped), requestRecovery(test, stopped)]);
    });
    expect(mails).toEqual([]);
    expect(await secondsLeft(test, person.id)).toBeLessThanOrEqual(3600);
    expect(await eventsOf(test, person.id, 'mfa.recovery')).toEqual(['mfa.recovery_requested', 'mfa.recovery_begun']);
  });

  it('of two requests at once asks twice and begins once', async () => {
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name);
    await Promise.all([requestRecovery(test, stopped), requestRecovery(test, stopped)]);
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'confirm_recovery', address: person.email }]);
    expect(await secondsLeft(test, person.id)).toBeNull();
  });

  it('lets nobody in before it is over, whoever looks', async () => {
    const person = await newLoser(test, client);
    await beginRecovery(test, smtp, client, person);
    await test.dataSource.query(`update factor_recovery set due_at = now() + interval '1 minute' where user_id = $1`, [
      person.id,
    ]);
    await look(test, person.id);
    expect(await stateOf(person)).toEqual({ enabled: true, totp: true });
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
    const [job] = await test.dataSource.query(
      `select extract(epoch from run_at - now())::float8 as left from job where kind = 'recover_factors' and key = $1`,
      [person.id],
    );
    expect(job.left).toBeGreaterThan(50);
    expect(job.left).toBeLessThanOrEqual(60);
  });

  it('ends with every factor gone: the password is enough, and a mail tells it', async () => {
    const person = await newLoser(test, client);
    await makeCodes(test, person);
    await addPasskey(test, person);
    const stop = await beginRecovery(test, smtp, client, person);
    const stopped = await stopAtFactor(test, client, person.name);
    await passTime(test, person.id);
    const mails = await mailsOf(test, smtp, () => look(test, person.id));
    expect(titles(mails)).toEqual([[person.email, 'recovery_done']]);
    expect(mails[0]?.text).toContain(
      `Nobody objected, so every second factor of your account ${person.name} was removed`,
    );
    expect(await stateOf(person)).toEqual({ enabled: false, totp: false });
    for (const table of ['totp_credential', 'backup_code', 'passkey', 'factor_recovery', 'pending_sign_in']) {
      const rows = await test.dataSource.query(`select from "${table}" where user_id = $1`, [person.id]);
      expect({ table, rows: rows.length }).toEqual({ table, rows: 0 });
    }
    expect(await useLink(test, stop)).toEqual(DEAD_LINK);
    expect(await dueAt(person)).toEqual({ due_at: null });
    expect((await requestRecovery(test, stopped)).headers['location']).toContain('/oauth/authorize?');
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
    expect((await eventsOf(test, person.id, 'mfa.')).slice(-3)).toEqual([
      'mfa.recovery_begun',
      'mfa.disabled',
      'mfa.recovery_done',
    ]);
  });

  it('opens the account to nobody who only reads the mails', async () => {
    const person = await newLoser(test, client);
    await beginRecovery(test, smtp, client, person);
    const token = await requestReset(test, smtp, person.name);
    await test.http.post('/api/auth/reset').type('form').send({ token, password: 'a new horse' });
    expect(await signInOutcome(test, client, person.name, 'a new horse')).toBe('mfa');
    await passTime(test, person.id);
    expect(await signInOutcome(test, client, person.name, 'a new horse')).toBe('mfa');
    expect(await signInOutcome(test, client, person.name, PASSWORD)).toBe('Invalid identifier or password');
  });
});
