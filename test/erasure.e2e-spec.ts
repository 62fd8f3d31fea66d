import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  act,
  DEAD_LINK,
  DONE,
  newAddress,
  newPerson,
  rowOf,
  rowsOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import { deleteAccount, erasureOf, eventsOf, letGraceEnd } from './support/account-ending.js';
import { linkTo, mailsOf, posted, requestChange, titles, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { requestBackup, waitFor } from './support/backups.js';
import { clientToken, outcomeOf, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

const PERSONAL = {
  displayName: 'Person',
  note: 'Me',
  locale: 'de',
  locked: true,
  bot: true,
  discoverable: false,
  settingsStore: { fe: { theme: 'dark' } },
  registrationReason: 'Why not',
  role: 'moderator',
};

/** In which tables something of a person is left; what later rooms add joins by itself. */
async function traces({ id }: { id: string }): Promise<string[]> {
  const tables = test.dataSource.entityMetadatas.filter(({ columns }) =>
    columns.some(({ databaseName }) => databaseName === 'user_id'),
  );
  expect(tables.length).toBeGreaterThan(7);
  const counts = await Promise.all(
    tables.map(async ({ tableName }) => [tableName, await rowsOf(test, tableName, id)] as const),
  );
  return counts.filter(([, count]) => count > 0).map(([table]) => table);
}

describe('the erasure of an account (contract.md §5.9)', () => {
  it('leaves the bare name, and the journal', async () => {
    const person = await newPerson(test, client, PERSONAL);
    await requestBackup(test, person.token);
    const old = await requestChange(test, smtp, person, newAddress());
    expect(await useLink(test, old)).toStrictEqual(DONE);
    await requestChange(test, smtp, person, newAddress());
    const held = await takeFootholds(test, client, person.name);
    expect((await traces(person)).toSorted()).toEqual(
      expect.arrayContaining(['backup', 'browser_session', 'mail_outbox', 'mail_token', 'pending_sign_in', 'session']),
    );
    const before = await rowOf(test, person.id);
    await deleteAccount(test, person);
    await posted(test);
    await letGraceEnd(test, person);
    await erasureOf(test, person);

    const { id, username, created_at } = before;
    expect(await rowOf(test, person.id)).toEqual({
      id,
      username,
      created_at,
      email: null,
      email_verified_at: null,
      password_hash: null,
      role: 'user',
      display_name: '',
      note: '',
      locale: null,
      locked: false,
      bot: false,
      discoverable: true,
      settings_store: {},
      registration_reason: null,
      approval_pending: false,
      confirmation_pending: false,
      password_reset_required: false,
      disabled_at: null,
      disabled_by_staff: false,
      deletion_due_at: expect.any(Date),
      erased_at: expect.any(Date),
      credential_epoch: expect.any(Number),
    });
    expect(await traces(person)).toEqual(['audit_event']);
    expect((await eventsOf(test, person)).at(-1)).toBe('account.erased');
    for (const { id: session } of [person.tokens, held.other]) {
      const left = ['access_token', 'refresh_token'].map((table) =>
        test.dataSource.query(`select hash from ${table} where session_id = $1`, [session]),
      );
      expect(await Promise.all(left)).toEqual([[], []]);
    }
    const [codes] = await test.dataSource.query('select count(*) from authorization_code where user_id = $1', [id]);
    expect(codes.count).toBe(0);
  });

  it('keeps the name from everybody, frees the address, and opens to nobody', async () => {
    const person = await newPerson(test, client);
    await deleteAccount(test, person);
    const link = await linkTo(test, smtp, person.email);
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
    for (const identifier of [person.name, person.email])
      expect(await signInOutcome(test, client, identifier)).toBe('Invalid identifier or password');
    const token = await clientToken(test, client, 'write');
    const register = (username: string) => {
      const fields = { username, email: person.email, password: PASSWORD, agreement: true };
      return outcomeOf(test.http.post('/api/v1/accounts').auth(token, { type: 'bearer' }).send(fields));
    };
    expect(await register(person.name)).toEqual({
      status: 422,
      body: {
        error: 'Validation failed: Username has already been taken',
        details: { username: [{ error: 'ERR_TAKEN', description: 'has already been taken' }] },
      },
    });
    expect((await register(`${person.name}_anew`)).status).toBe(200);
    const mails = await mailsOf(test, smtp, () => test.http.post('/auth/password').send({ username: person.name }));
    expect(mails).toEqual([]);
  });

  it('removes thousands of sessions', async () => {
    const person = await newPerson(test, client);
    await test.dataSource.query(
      `with made as (
         insert into session (user_id, application_id, scope, last_used_at, access_expires_at, refresh_expires_at, revoked_at)
         select $1, $2, 'read', now(), now(), now(), case when n % 2 = 0 then now() end from generate_series(1, 2500) n returning id)
       insert into access_token (hash, session_id, scope) select sha256(id::text::bytea), id, 'read' from made`,
      [person.id, client.id],
    );
    await deleteAccount(test, person);
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    expect(await traces(person)).toEqual(expect.not.arrayContaining(['session']));
    const [tokens] = await test.dataSource.query(
      'select count(*) from access_token t where not exists (select from session s where s.id = t.session_id)',
    );
    expect(tokens.count).toBe(0);
  });

  it('goes on where it was interrupted', async () => {
    const person = await newPerson(test, client);
    await test.dataSource.query(`create function refuse() returns trigger language plpgsql as $$ begin
        raise exception 'disk full' using errcode = '53100'; end $$;
      create trigger unwilling before delete on session for each row execute function refuse()`);
    await deleteAccount(test, person);
    await posted(test);
    await letGraceEnd(test, person);
    const failures = () =>
      test.dataSource.query('select failure from job where key = $1 and failure is not null', [person.id]);
    await waitFor(failures, ({ length }) => length > 0);
    expect(await traces(person)).toEqual(['audit_event', 'session']);
    await test.dataSource.query('drop function refuse cascade');
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    expect(await traces(person)).toEqual(['audit_event']);
    expect((await eventsOf(test, person)).filter((type) => type === 'account.erased')).toHaveLength(1);
  });

  it('leaves a mail that could not be sent yet, because it tells the person of the deletion', async () => {
    const person = await newPerson(test, client);
    await posted(test);
    await smtp.stop();
    await deleteAccount(test, person);
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    expect(await traces(person)).toEqual(['audit_event', 'mail_outbox']);
    await smtp.start();
    await test.dataSource.query(`update job set run_at = now() where kind = 'mail'`);
    await smtp.next({ to: person.email, subject: /deleted/ });
  });

  it('comes at once where there is no grace, and the mail says so', async () => {
    const hasty = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.accounts.delete_grace = 0;
    }, test.database);
    const person = await newPerson(test, client);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await act(hasty, person, 'delete_account', { password: PASSWORD })).toStrictEqual(DONE);
      await erasureOf(test, person);
    });
    expect(titles(mails)).toEqual([[person.email, 'account_deleted']]);
    expect(mails[0]?.links.join()).not.toMatch(/auth\/link|token=/);
    expect(await rowOf(test, person.id)).toMatchObject({
      email: null,
      password_hash: null,
      erased_at: expect.any(Date),
    });
    expect(await traces(person)).not.toContain('mail_token');
    await hasty.close();
  });
});
