import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACTIONS, act, DONE, fieldsOf, newAddress, newPerson, type Person, rowOf } from './support/account.js';
import { linkTo, mailsOf, posted, requestChange, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { countRows, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { Wire } from './support/wire.js';

const AWAY = { status: 503, body: { error: 'Service unavailable' } };

let smtp: SmtpListener;
let database: TestDatabase;
let wire: Wire;
let test: TestApp;
/** Beside the wire, for what the test itself wants of the database. */
let direct: pg.Client;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  database = await createDatabase();
  wire = await Wire.to(database.url);
  test = await startApp((config) => (config.smtpUrl = smtp.url), { url: wire.url, drop: async () => {} });
  await test.listen();
  direct = new pg.Client({ connectionString: database.url });
  await direct.connect();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await direct.end();
  await wire.cut();
  await database.drop();
  await smtp.close();
});

/** Everything that may be done to an account here: its name, and how to do it once. */
const WORK: [string, (person: Person) => Promise<() => Promise<unknown>>][] = [
  ...ACTIONS.map((action): (typeof WORK)[number] => [
    action,
    async (person) => {
      const fields = { ...fieldsOf(action), password: PASSWORD };
      return () => act(test, person, action, fields);
    },
  ]),
  [
    'a link to a new address',
    async (person) => {
      const link = await requestChange(test, smtp, person, newAddress());
      return () => useLink(test, link);
    },
  ],
  [
    'a link that takes an old address back',
    async (person) => {
      await useLink(test, await requestChange(test, smtp, person, newAddress()));
      const link = await linkTo(test, smtp, person.email);
      return () => useLink(test, link);
    },
  ],
  [
    'a link that keeps an account',
    async (person) => {
      await act(test, person, 'delete_account', { password: PASSWORD });
      const link = await linkTo(test, smtp, person.email);
      return () => useLink(test, link);
    },
  ],
];

describe.each(WORK)('%s, with the database', (_, prepare) => {
  let person: Person;
  let work: () => Promise<unknown>;
  beforeEach(async () => {
    person = await newPerson(test, client);
    work = await prepare(person);
    await posted(test);
  });
  afterEach(() => direct.query('drop function if exists refuse cascade'));

  const state = async () => {
    const { attempt_budget: _budgets, ...counts } = await countRows(test);
    return [await rowOf(test, person.id), counts];
  };

  it('away, is answered 503, changes nothing, mails nobody, and can be done afterwards', async () => {
    const before = await state();
    const mails = await mailsOf(test, smtp, async () => {
      await wire.cut();
      expect(await work()).toEqual(AWAY);
      await wire.mend();
      await expect.poll(async () => (await test.http.get('/health/ready')).status, { timeout: 5000 }).toBe(200);
    });
    expect(mails).toEqual([]);
    expect(await state()).toEqual(before);
    expect(await work()).toStrictEqual(DONE);
    expect(await state()).not.toEqual(before);
  });

  it.each([
    ['take the mail', 'create trigger unwilling before insert on mail_outbox for each row'],
    [
      'commit',
      'create constraint trigger unwilling after insert on audit_event deferrable initially deferred for each row',
    ],
  ])('unwilling to %s, does not happen, and nobody is told that it did', async (_what, trigger) => {
    await direct.query(`create function refuse() returns trigger language plpgsql as $$ begin
        raise exception 'disk full' using errcode = '53100'; end $$;
      ${trigger} execute function refuse()`);
    const before = await state();
    expect(await work()).toEqual(AWAY);
    await direct.query('drop function refuse cascade');
    expect(await state()).toEqual(before);
    expect(await work()).toStrictEqual(DONE);
  });
});
