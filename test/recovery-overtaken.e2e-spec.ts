import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, changePassword, signInOutcome } from './support/account.js';
import { mailsOf, titles } from './support/account-mails.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { waitFor } from './support/backups.js';
import { PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { requestReset } from './support/mail-flows.js';
import { callMfa, enableTotp, MFA } from './support/mfa.js';
import { callPasskeys, eventsOf, makePasskey } from './support/passkeys.js';
import { beginRecovery, look, passTime, secondsLeft } from './support/recovery.js';
import { endings } from './support/reactivation.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { newWaiting, type Waiting } from './support/waiting.js';

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

/** Waits until nobody waits. */
const ended = ({ id }: { id: string }) =>
  waitFor(
    () => secondsLeft(test, id),
    (left) => left === undefined,
  );

const NEW_PASSWORD = 'a new horse';

describe('a wait that was begun with another password', () => {
  it.each<[string, (person: Waiting) => Promise<unknown>]>([
    ['a changed password', (person) => act(test, person, 'change_password', changePassword(NEW_PASSWORD))],
    [
      'a password that was set by mail',
      async ({ name }) => {
        const token = await requestReset(test, smtp, name);
        return test.http.post('/api/auth/reset').type('form').send({ token, password: NEW_PASSWORD });
      },
    ],
    ['an end of all sessions', ({ token }) => test.http.delete('/api/oauth_tokens').auth(token, { type: 'bearer' })],
    ['a disabled account', ({ id }) => endings(test).disable(id, 'owner', null)],
    ['a deleted account', ({ id }) => endings(test).scheduleDeletion(id, null)],
  ])('ends with %s, and its owner hears of it', async (_, overtake) => {
    const person = await newWaiting(test, smtp, client);
    const mails = await mailsOf(test, smtp, async () => {
      await overtake(person);
      await ended(person);
    });
    expect(titles(mails)).toContainEqual([person.email, 'recovery_stopped']);
    expect((await eventsOf(test, person.id, 'mfa.recovery')).at(-1)).toBe('mfa.recovery_stopped');
    expect(await test.dataSource.query('select from totp_credential where user_id = $1', [person.id])).toHaveLength(1);
  });

  it('is over at once, before anybody has looked', async () => {
    const person = await newWaiting(test, smtp, client);
    await changeUser(test, person.id, 'credential_epoch = credential_epoch + 1');
    const answer = await test.http.get('/api/v1/gatehouse/mfa_recovery').auth(person.token, { type: 'bearer' });
    expect(answer.body).toEqual({ due_at: null });
    await passTime(test, person.id);
    await look(test, person.id);
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('makes room for one that is begun with the new one', async () => {
    const person = await newWaiting(test, smtp, client);
    await changeUser(test, person.id, 'credential_epoch = credential_epoch + 1');
    await beginRecovery(test, smtp, client, person);
    expect(await secondsLeft(test, person.id)).toBeGreaterThan(0);
    await passTime(test, person.id);
    await look(test, person.id);
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
  });
});

describe('a wait of somebody who has a factor after all', () => {
  it.each<[string, (person: Waiting) => Promise<unknown>]>([
    ['a new authenticator app', (person) => enableTotp(test, person)],
    [
      'a new passkey',
      async (person) => callPasskeys(test, person, 'post').send({ response: await makePasskey(test, person) }),
    ],
  ])('ends with %s', async (_, add) => {
    const person = await newWaiting(test, smtp, client);
    const mails = await mailsOf(test, smtp, async () => {
      await add(person);
      await ended(person);
    });
    expect(titles(mails)).toEqual([
      [person.email, 'factor_added'],
      [person.email, 'recovery_stopped'],
    ]);
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('ends with a code that is shown for something else than a sign-in', async () => {
    const person = await newWaiting(test, smtp, client);
    await act(test, person, 'change_email', { email: 'next@example.net', password: PASSWORD, code: person.app.code() });
    await passTime(test, person.id);
    await test.dataSource.query(
      `update factor_recovery set requested_at = now() - interval '1 minute' where user_id = $1`,
      [person.id],
    );
    await look(test, person.id);
    expect(await secondsLeft(test, person.id)).toBeUndefined();
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('goes on when one of several is removed, and when codes are made', async () => {
    const person = await newWaiting(test, smtp, client);
    await callMfa(test, person, 'delete', '/totp').send({ password: PASSWORD });
    await callMfa(test, person, 'get', '/backup_codes');
    await look(test, person.id);
    expect(await secondsLeft(test, person.id)).toBeGreaterThan(0);
  });

  it('is forgotten without a word when its owner has removed all of them', async () => {
    const person = await newWaiting(test, smtp, client);
    const mails = await mailsOf(test, smtp, async () => {
      await test.http.delete(MFA).auth(person.token, { type: 'bearer' }).send({ password: PASSWORD });
      await ended(person);
    });
    expect(titles(mails)).toEqual([[person.email, 'factor_removed']]);
  });
});

describe('a wait that is not offered any more when it is over', () => {
  it.each(['moderator', 'admin'])('takes nothing from a new %s', async (role) => {
    const person = await newWaiting(test, smtp, client);
    await changeUser(test, person.id, `role = '${role}'`);
    await passTime(test, person.id);
    const mails = await mailsOf(test, smtp, () => look(test, person.id));
    expect(titles(mails)).toEqual([[person.email, 'recovery_stopped']]);
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('takes nothing where the operator has switched it off', async () => {
    const person = await newWaiting(test, smtp, client);
    await passTime(test, person.id);
    const { mfa } = test.config;
    const delay = mfa.recovery_delay;
    mfa.recovery_delay = 0;
    const mails = await mailsOf(test, smtp, () => look(test, person.id));
    mfa.recovery_delay = delay;
    expect(titles(mails)).toEqual([[person.email, 'recovery_stopped']]);
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });
});
