import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyIdOf } from '../src/common/secret-keys.js';
import { newPerson, signInOutcome } from './support/account.js';
import { linkTo, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { stopJobs } from './support/backups.js';
import { buildPrograms } from './support/build.js';
import { runCliWith } from './support/cli.js';
import {
  approve,
  cookiesOf,
  PASSWORD,
  registerClient,
  signIn,
  type SignedIn,
  type TestClient,
} from './support/flows.js';
import {
  confirmTotp,
  forgetSteps,
  type Guarded,
  newGuarded,
  setUpTotp,
  signInWith,
  stopAtFactor,
} from './support/mfa.js';
import { requestRecovery } from './support/recovery.js';
import { comeBack, newBrowser, path, start } from './support/settings.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const OLD = 'a test key of more than thirty-two characters';
const NEW = 'the key that takes its place, also long enough';
const OTHER = 'a key that has never sealed anything, and is long';

let test: TestApp;
let smtp: SmtpListener;
let client: TestClient;
/** With an authenticator app, and with one that is being set up. */
let guarded: Guarded;
let beginner: Guarded;
let browser: SignedIn;

beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  client = await registerClient(test);
  guarded = await newGuarded(test, client);
  const person = await newPerson(test, client);
  beginner = { ...person, app: await setUpTotp(test, person) };
  browser = await signIn(test, client, beginner.name);
  // Mails wait for one of the others.
  await stopJobs(test);
  await buildPrograms();
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

/** Runs the command with a key, and maybe the one before it. */
const rotate = (secretKey: string, previous?: string) =>
  runCliWith(
    { SECRET_KEY: secretKey, ...(previous !== undefined && { SECRET_KEY_PREVIOUS: previous }) },
    test.database,
    'secrets',
    'rotate',
  );

const counted = (apps: number, keys: number, links: number) =>
  `Sealed with the present key: authenticator apps ${apps}, signing keys ${keys}, links in waiting mails ${links}\n`;

/** Does something at a Gatehouse with these keys. */
async function under<Result>(
  secretKey: string,
  previousSecretKey: string | null,
  work: (app: TestApp) => Promise<Result>,
): Promise<Result> {
  const app = await startApp((config) => {
    Object.assign(config, { secretKey, previousSecretKey, smtpUrl: smtp.url });
  }, test.database);
  try {
    return await work(app);
  } finally {
    await app.close();
  }
}

/** Every sealed secret of the database. */
const secrets = () =>
  test.dataSource.query(
    `select user_id::text as of, sealed_secret as one, pending_sealed_secret as two from totp_credential
     union all select kid, sealed_private_key, null from signing_key
     union all select id::text, sealed_token, null from mail_outbox where sealed_token is not null order by 1`,
  );

/** Says that every factor is lost; the mail with the link waits. */
async function writeLink(): Promise<void> {
  await test.dataSource.query('delete from factor_recovery');
  const { status } = await requestRecovery(test, await stopAtFactor(test, client, guarded.name));
  expect(status).toBe(302);
}

describe('a new SECRET_KEY', () => {
  it('beside the previous one opens all that was sealed', async () => {
    await writeLink();
    const settings = newBrowser(test);
    const callback = await comeBack(settings, await start(settings), beginner.name);
    const cookie = cookiesOf(await settings.get(path(callback))).find((line) => line.startsWith('gh_settings='));
    await under(NEW, OLD, async (app) => {
      expect(await signInWith(app, client, guarded.name, { code: guarded.app.code() })).toBe('signed in');
      await forgetSteps(test, guarded);
      expect(await approve(app, client, browser)).toMatch(/^[\w-]{43}$/);
      expect((await app.http.get('/settings').set('Cookie', cookie?.split(';')[0] ?? '')).status).toBe(200);
      expect(await linkTo(app, smtp, guarded.email)).toMatch(/^\/auth\/link\//);
    });
  });

  it('alone opens nothing, and leaves it alone', async () => {
    const before = await secrets();
    await under(OTHER, null, async (app) => {
      expect(await signInWith(app, client, guarded.name, { code: guarded.app.code() })).toBe('Invalid code');
      expect(await signInOutcome(app, client, beginner.name)).toBe('signed in');
    });
    const kept = await secrets();
    expect(kept).toEqual(expect.arrayContaining(before));
    await test.dataSource.query('delete from signing_key where created_at = (select max(created_at) from signing_key)');
  });
});

describe('secrets rotate', { timeout: 60_000 }, () => {
  it('changes nothing that it cannot open, and says so', async () => {
    await writeLink();
    const before = await secrets();
    const lost = 'authenticator apps 2, signing keys 1, links in waiting mails 1';
    expect(await rotate(OTHER)).toEqual({
      code: 1,
      stdout: counted(0, 0, 0),
      stderr: `Left alone, because neither SECRET_KEY nor SECRET_KEY_PREVIOUS opens them: ${lost}\n`,
    });
    expect(await secrets()).toEqual(before);
  });

  it('seals everything with the present key, once', async () => {
    const before = await secrets();
    expect(await rotate(NEW, OLD)).toEqual({ code: 0, stdout: counted(2, 1, 1), stderr: '' });
    const after = await secrets();
    expect(after).toHaveLength(before.length);
    for (const row of after) expect(before).not.toContainEqual(row);
    const keys = await test.dataSource.query('select distinct key_id from totp_credential');
    expect(keys).toEqual([{ key_id: keyIdOf(NEW) }]);
    expect(await rotate(NEW, OLD)).toEqual({ code: 0, stdout: counted(0, 0, 0), stderr: '' });
    expect(await rotate(NEW)).toEqual({ code: 0, stdout: counted(0, 0, 0), stderr: '' });
    expect(await secrets()).toEqual(after);
  });

  it('lets the previous key go: codes, setups, browsers and links go on', async () => {
    await under(NEW, null, async (app) => {
      expect((await useLink(app, await linkTo(app, smtp, guarded.email))).status).toBe(200);
      expect(await signInWith(app, client, guarded.name, { code: guarded.app.code() })).toBe('signed in');
      const confirmed = await confirmTotp(app, beginner, { password: PASSWORD, code: beginner.app.code() });
      expect({ status: confirmed.status, body: confirmed.body }).toEqual({ status: 200, body: {} });
      const pending = await app.http.post('/api/auth/logout').set('Cookie', browser.cookie);
      expect(pending.status).toBe(302);
      const events = await app.dataSource.query(`select from audit_event where type = 'logout' and user_id = $1`, [
        beginner.id,
      ]);
      expect(events).toHaveLength(1);
    });
  });
});
