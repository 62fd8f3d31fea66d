import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resetFactors } from '../src/cli/mfa-commands.js';
import { Mistake } from '../src/cli/mistake.js';
import { newPerson, signInOutcome } from './support/account.js';
import { useLink } from './support/account-mails.js';
import { changeUser } from './support/account-states.js';
import { startApp, type TestApp } from './support/app.js';
import { buildPrograms } from './support/build.js';
import { type CliOutcome, runCli } from './support/cli.js';
import { registerClient, type TestClient } from './support/flows.js';
import { factorLetters, makeCodes, stopAtFactor } from './support/mfa.js';
import { addPasskey } from './support/passkeys.js';
import { beginRecovery, newLoser, secondsLeft } from './support/recovery.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let test: TestApp;
let smtp: SmtpListener;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  client = await registerClient(test);
  await buildPrograms();
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

const reset = (...args: string[]): Promise<CliOutcome> => runCli(test.database, 'user', 'mfa-reset', ...args);

/** What the command refuses, in this process: a start of its own takes a second. */
async function refusal(name: string, yes?: string): Promise<string> {
  return resetFactors(test.app, name, yes === undefined ? {} : { yes }).then(
    () => 'none',
    (error: unknown) => (error instanceof Mistake ? error.message : String(error)),
  );
}

describe('user mfa-reset', { timeout: 60_000 }, () => {
  it('removes every factor, journals it, and tells the owner that it was the staff', async () => {
    const person = await newLoser(test, client, { name: 'phoneless' });
    await makeCodes(test, person);
    await addPasskey(test, person);
    const stopped = await stopAtFactor(test, client, person.name);
    expect(await reset(' Phoneless@Example.org ', '--yes', 'Phoneless')).toEqual({
      code: 0,
      stdout:
        'Removed every second factor of phoneless: the password is enough now\n' +
        'A mail that tells it goes to phoneless@example.org\n',
      stderr: '',
    });
    for (const table of ['totp_credential', 'backup_code', 'passkey', 'pending_sign_in']) {
      const rows = await test.dataSource.query(`select from "${table}" where user_id = $1`, [person.id]);
      expect({ table, rows: rows.length }).toEqual({ table, rows: 0 });
    }
    expect(stopped.token).toHaveLength(43);
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
    const events: { type: string }[] = await test.dataSource.query(
      'select type from audit_event where user_id = $1 and ip is null and user_agent is null order by id',
      [person.id],
    );
    expect(events.map(({ type }) => type)).toEqual(['mfa.disabled', 'mfa.recovery_done']);
    expect((await factorLetters(test, person)).at(-1)).toMatchObject({
      template: 'recovery_done',
      recipient: person.email,
      facts: { username: 'phoneless', by: 'staff' },
    });
    expect(await refusal('phoneless', 'phoneless')).toBe('phoneless has no second factor');
  });

  it('wants the user name once more, and changes nothing without it', async () => {
    const person = await newLoser(test, client, { name: 'careful' });
    expect(await refusal('careful', 'careless')).toBe('That is not careful: nothing was changed');
    expect(await refusal('careful', '')).toBe('That is not careful: nothing was changed');
    expect(await refusal('careful', person.email)).toBe('That is not careful: nothing was changed');
    expect(await reset('careful')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Nobody is there to ask: type the user name again with --yes NAME\n',
    });
    expect(await refusal('nobody_here', 'nobody_here')).toBe('Nobody is called nobody_here');
    expect(await signInOutcome(test, client, 'careful')).toBe('mfa');
  });

  it('takes the place of a wait, whose links are void then', async () => {
    const person = await newLoser(test, client);
    const stop = await beginRecovery(test, smtp, client, person);
    expect(await refusal(person.name, person.name)).toBe('none');
    expect(await secondsLeft(test, person.id)).toBeUndefined();
    expect((await useLink(test, stop)).status).toBe(404);
    expect((await factorLetters(test, person)).at(-1)?.template).toBe('recovery_done');
  });

  it('helps staff, too, and somebody without an address', async () => {
    const person = await newLoser(test, client, { name: 'addressless' });
    await changeUser(test, person.id, `role = 'admin', email = null, email_verified_at = null`);
    expect(await reset('addressless', '--yes', 'addressless')).toEqual({
      code: 0,
      stdout:
        'Removed every second factor of addressless: the password is enough now\nThere is no address to tell it to\n',
      stderr: '',
    });
    expect(await signInOutcome(test, client, 'addressless')).toBe('signed in');
  });

  it('has nothing to do for somebody who has only codes', async () => {
    const person = await newPerson(test, client);
    await makeCodes(test, person);
    expect(await refusal(person.name, person.name)).toBe(`${person.name} has no second factor`);
  });
});
