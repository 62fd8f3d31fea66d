import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { confirmUser, deleteUser, disableUser, enableUser, resetPassword } from '../src/cli/account-commands.js';
import { Mistake } from '../src/cli/mistake.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { buildPrograms } from './support/build.js';
import { type CliOutcome, runCli } from './support/cli.js';
import { createUser, obtainTokens, PASSWORD, registerClient, statusOf, type TestClient } from './support/flows.js';

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
  await buildPrograms();
});
afterAll(() => test.close());

const user = (...args: string[]): Promise<CliOutcome> => runCli(test.database, 'user', ...args);
const said = (stdout: string): CliOutcome => ({ code: 0, stdout, stderr: '' });

/** What a command refuses, in this process: a start of its own takes a second. */
async function refusal(command: (house: TestApp['app'], name: string) => Promise<void>, name: string): Promise<string> {
  return command(test.app, name).then(
    () => 'none',
    (error: unknown) => (error instanceof Mistake ? error.message : String(error)),
  );
}

/** What the command line left in the journal, with nobody's address; and which mails it wrote. */
async function traces(id: string): Promise<{ events: string[]; mails: string[] }> {
  const events: { type: string }[] = await test.dataSource.query(
    'select type from audit_event where user_id = $1 and ip is null and user_agent is null order by id',
    [id],
  );
  const mails: { template: string }[] = await test.dataSource.query(
    'select template from mail_outbox where user_id = $1 order by created_at, template',
    [id],
  );
  const ofSignIns = ['new_sign_in', 'client_may_write'];
  return {
    events: events.map(({ type }) => type),
    mails: mails.map(({ template }) => template).filter((template) => !ofSignIns.includes(template)),
  };
}

describe('user show', { timeout: 60_000 }, () => {
  it('tells what is known of somebody, by name or address, and never a hash', async () => {
    const id = await createUser(test, 'shown', { emailVerifiedAt: new Date(), displayName: 'Shown Person' });
    await obtainTokens(test, client, 'shown');
    const ended = await obtainTokens(test, client, 'shown');
    await test.dataSource.query('update session set revoked_at = now() where id = $1', [ended.id]);
    await test.dataSource.query(`update session set last_used_at = '2026-01-02T03:04:05.678Z' where user_id = $1`, [
      id,
    ]);
    const { code, stdout, stderr } = await user('show', ' Shown@Example.org ', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      username: 'shown',
      id,
      email: 'shown@example.org',
      email_verified: true,
      display_name: 'Shown Person',
      role: 'user',
      state: 'active',
      password: 'set',
      providers: [],
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      sessions: 1,
      last_used: '2026-01-02T03:04:05.678Z',
    });
    await changeUser(test, id, `password_hash = '$2b$10$somebodyelses', email = null, display_name = ''`);
    const words = await user('show', '@shown');
    expect(words.stdout).toMatch(
      /^username: {7}shown\nid: +[0-9a-f-]{36}\nemail: +-\nemail verified: no\ndisplay name: +-\nrole: +user\nstate: +active\npassword: +as another server hashed it\nproviders: +-\ncreated: +\S+\nsessions: +1\nlast used: +2026-01-02T03:04:05.678Z\n$/,
    );
    expect(await user('show', 'nobody_here')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Nobody is called nobody_here\n',
    });
  });
});

describe('user disable and user enable', { timeout: 60_000 }, () => {
  it('sign somebody out, keep them out, and let them in again', async () => {
    const id = await createUser(test, 'unruly');
    const { access_token } = await obtainTokens(test, client, 'unruly');
    expect(await user('disable', 'Unruly')).toEqual(
      said('Disabled unruly: signed out everywhere, and only staff can undo it\n'),
    );
    expect(await statusOf(test, access_token)).toBe(403);
    expect(await refusal(disableUser, 'unruly')).toBe('unruly is disabled already, or erased');
    expect(await refusal(resetPassword, 'unruly')).toBe('A new password is of no use to unruly: disabled by staff');
    expect(await user('enable', 'unruly')).toEqual(said('Enabled unruly\n'));
    expect(await refusal(enableUser, 'unruly')).toBe('unruly is neither disabled nor waiting to be erased');
    expect((await obtainTokens(test, client, 'unruly')).token_type).toBe('Bearer');
    expect(await traces(id)).toEqual({
      events: ['account.disabled', 'account.reactivated'],
      mails: ['account_disabled', 'account_reactivated'],
    });
  });
});

describe('user delete', { timeout: 60_000 }, () => {
  it('hides an account, which can be enabled until it is erased; --now leaves no grace', async () => {
    const id = await createUser(test, 'leaving');
    const { access_token } = await obtainTokens(test, client, 'leaving');
    const { code, stdout } = await user('delete', 'leaving');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^Deleted leaving: hidden from now on, to be erased at \S+Z\n$/),
    });
    expect(await statusOf(test, access_token)).toBe(401);
    expect(await refusal((house, name) => deleteUser(house, name, {}), 'leaving')).toBe('leaving is deleted already');
    expect(await user('enable', 'leaving')).toEqual(said('Enabled leaving\n'));
    expect(await traces(id)).toEqual({
      events: ['account.deletion_scheduled', 'account.deletion_cancelled'],
      mails: ['deletion_scheduled', 'deletion_cancelled'],
    });
    expect((await user('delete', 'leaving', '--now')).code).toBe(0);
    const erased = async () => {
      const [row] = await test.dataSource.query('select erased_at is not null as erased from "user" where id = $1', [
        id,
      ]);
      return row.erased;
    };
    await expect.poll(erased, { timeout: 10_000 }).toBe(true);
    expect(await refusal(enableUser, 'leaving')).toBe('leaving is neither disabled nor waiting to be erased');
  });
});

describe('user reset-password', { timeout: 60_000 }, () => {
  it('signs somebody out and sends them the link; without an address it tells the link', async () => {
    const id = await createUser(test, 'forgetful');
    const { access_token } = await obtainTokens(test, client, 'forgetful');
    const out = 'forgetful is signed out everywhere and must set a new password\n';
    expect(await user('reset-password', 'forgetful')).toEqual(
      said(`${out}A mail with the link goes to forgetful@example.org\n`),
    );
    expect(await statusOf(test, access_token)).toBe(401);
    await expect(obtainTokens(test, client, 'forgetful')).rejects.toThrow('login_reset=true');
    expect(await traces(id)).toEqual({ events: ['password.reset_demanded'], mails: ['password_reset'] });
    await changeUser(test, id, 'email = null');
    const { code, stdout } = await user('reset-password', 'forgetful');
    expect(code).toBe(0);
    const link = /^http:\/\/localhost:3999\/oauth\/reset\?token=([\w-]{43})$/m.exec(stdout);
    expect(stdout).toBe(
      `${out}There is no address to send the link to. Hand it over yourself; it works once, within an hour:\n${link?.[0]}\n`,
    );
    const password = `${PASSWORD}, again`;
    const answer = await test.http.post('/api/auth/reset').type('form').send({ token: link?.[1], password });
    expect(answer.headers['location']).toContain('success=true');
  });
});

describe('user confirm and user approve', { timeout: 60_000 }, () => {
  it('vouch for an address, then for the person, and tell them', async () => {
    const id = await createUser(test, 'waiting', { confirmationPending: true, approvalPending: true });
    expect(await user('confirm', 'waiting')).toEqual(said('Confirmed waiting\n'));
    expect(await refusal(confirmUser, 'waiting')).toBe('waiting has nothing to confirm');
    expect(await user('approve', 'waiting')).toEqual(said('Approved waiting\n'));
    const [row] = await test.dataSource.query(
      `select email_verified_at is not null as verified, confirmation_pending or approval_pending as held_back
       from "user" where id = $1`,
      [id],
    );
    expect(row).toEqual({ verified: true, held_back: false });
    expect(await traces(id)).toEqual({
      events: ['email.confirmed', 'account.approved'],
      mails: ['registration_waiting', 'account_approved'],
    });
  });
});
