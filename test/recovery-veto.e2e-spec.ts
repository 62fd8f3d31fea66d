import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEAD_LINK, holdRow, linksOf, signInOutcome } from './support/account.js';
import { mailsOf, titles, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { waitFor } from './support/backups.js';
import { outcomeOf, PASSWORD, registerClient, requestToken, type TestClient } from './support/flows.js';
import { showFactor, signInWith, stopAtFactor } from './support/mfa.js';
import { asFactor, eventsOf, factorOptions, postPasskey, signInOptions } from './support/passkeys.js';
import { passTime, RECOVERY, secondsLeft } from './support/recovery.js';
import { grantScope } from './support/routes.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { newWaiting, type Waiting } from './support/waiting.js';

let test: TestApp;
let smtp: SmtpListener;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.oauth.password_grant = true;
  });
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

const NOT_FOUND = { status: 404, body: { error: 'Record not found' } };
const api = (method: 'delete' | 'get', { token }: { token: string }) =>
  outcomeOf(test.http[method](RECOVERY).auth(token, { type: 'bearer' }));

describe('a wait is ended', () => {
  it.each<[string, (person: Waiting) => Promise<unknown>]>([
    ['by the link in the mail', ({ stop }) => useLink(test, stop)],
    ['in the settings', async ({ browser }) => browser.post('/settings/security/recovery/stop')],
    ['by an app that is signed in', (person) => api('delete', person)],
    ['by a code of the authenticator app', ({ name, app }) => signInWith(test, client, name, { code: app.code() })],
    [
      'by a backup code',
      ({ name, codes }) => signInWith(test, client, name, { challenge_type: 'recovery', code: codes[0] }),
    ],
    [
      'by a passkey beside the password',
      async ({ name, device }) => {
        const stopped = await stopAtFactor(test, client, name);
        return showFactor(test, stopped, asFactor(device.get(await factorOptions(test, stopped))));
      },
    ],
    ['by a passkey alone', async ({ device }) => postPasskey(test, client, device.get(await signInOptions(test)))],
    [
      'by a code at an app that asks for the password itself',
      async ({ name, app }) => {
        const { client_id, client_secret } = client;
        const { body } = await requestToken(test, client, {
          grant_type: 'password',
          username: name,
          password: PASSWORD,
        });
        const answer = { client_id, client_secret, mfa_token: body.mfa_token, code: app.code() };
        return test.http.post('/oauth/mfa/challenge').send({ ...answer, challenge_type: 'totp' });
      },
    ],
  ])('%s, and its owner hears of it', async (_, object) => {
    const person = await newWaiting(test, smtp, client);
    const mails = await mailsOf(test, smtp, () => object(person));
    expect(titles(mails)).toContainEqual([person.email, 'recovery_stopped']);
    expect(await secondsLeft(test, person.id)).toBeUndefined();
    expect(await linksOf(test, person.id)).toEqual([]);
    expect(await useLink(test, person.stop)).toEqual(DEAD_LINK);
    expect((await eventsOf(test, person.id, 'mfa.recovery')).at(-1)).toBe('mfa.recovery_stopped');
    const jobs = `select from job where kind = 'recover_factors' and key = $1`;
    expect(await test.dataSource.query(jobs, [person.id])).toEqual([]);
    expect(await signInOutcome(test, client, person.name)).toBe('mfa');
  });

  it('not by a wrong code, nor by the password alone', async () => {
    const person = await newWaiting(test, smtp, client);
    await signInWith(test, client, person.name, { code: person.app.wrongCode });
    await signInWith(test, client, person.name, { challenge_type: 'recovery', code: 'x' });
    expect(await secondsLeft(test, person.id)).toBeGreaterThan(0);
  });
});

describe('GET and DELETE /api/v1/gatehouse/mfa_recovery', () => {
  it('tell whether the own factors will go, and keep them, once', async () => {
    const [person, other] = [await newWaiting(test, smtp, client), await newWaiting(test, smtp, client)];
    const { body } = await api('get', person);
    expect(body).toEqual({ due_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) });
    const outcomes = await Promise.all([api('delete', person), api('delete', person)]);
    expect(outcomes.toSorted((a, b) => a.status - b.status)).toEqual([{ status: 200, body: {} }, NOT_FOUND]);
    expect(await api('get', person)).toEqual({ status: 200, body: { due_at: null } });
    expect(await secondsLeft(test, other.id)).toBeGreaterThan(0);
    expect(await eventsOf(test, person.id, 'mfa.recovery')).toEqual([
      'mfa.recovery_requested',
      'mfa.recovery_begun',
      'mfa.recovery_stopped',
    ]);
  });

  it('need their scopes', async () => {
    const person = await newWaiting(test, smtp, client);
    await grantScope(test, person.tokens.id, 'read');
    expect(await api('delete', person)).toEqual({
      status: 403,
      body: { error: 'Insufficient permissions: write:security.' },
    });
    await grantScope(test, person.tokens.id, 'write');
    expect(await api('get', person)).toEqual({
      status: 403,
      body: { error: 'Insufficient permissions: read:security.' },
    });
    expect(await secondsLeft(test, person.id)).toBeGreaterThan(0);
  });
});

describe('an objection at the moment when the wait is over', () => {
  const jobOf = (id: string) =>
    test.dataSource.query<object[]>(`select from job where kind = 'recover_factors' and key = $1`, [id]);

  /** Lets the worker and an objection wait for the person's row, in that order or the other; what each has achieved. */
  async function meet(person: Waiting, first: 'worker' | 'objection') {
    await passTime(test, person.id);
    const row = await holdRow(test, person.id);
    const worker = () =>
      test.dataSource.query(`update job set run_at = now() where kind = 'recover_factors' and key = $1`, [person.id]);
    let objection = first === 'objection' ? api('delete', person) : null;
    if (first === 'worker') await worker();
    await row.queued(1);
    if (first === 'objection') await worker();
    objection ??= api('delete', person);
    await row.queued(2);
    await row.release();
    const { status } = await objection;
    await waitFor(
      () => jobOf(person.id),
      (jobs) => jobs.length === 0,
    );
    return { status, signIn: await signInOutcome(test, client, person.name) };
  }

  it('is in time when it comes first', async () => {
    const person = await newWaiting(test, smtp, client);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await meet(person, 'objection')).toEqual({ status: 200, signIn: 'mfa' });
    });
    expect(titles(mails)).toEqual([[person.email, 'recovery_stopped']]);
  });

  it('is too late when it comes second', async () => {
    const person = await newWaiting(test, smtp, client);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await meet(person, 'worker')).toEqual({ status: 404, signIn: 'signed in' });
    });
    expect(titles(mails)).toEqual([[person.email, 'recovery_done']]);
  });
});
