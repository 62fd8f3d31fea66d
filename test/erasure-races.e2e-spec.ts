import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JobsService } from '../src/jobs/jobs.service.js';
import { DEAD_LINK, DONE, holdRow, newPerson, rowOf, rowsOf, signInOutcome, waitPatiently } from './support/account.js';
import { deleteAccount, erasureOf, eventsOf, letGraceEnd } from './support/account-ending.js';
import { linkTo, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import { startJobs, stopJobs, waitFor } from './support/backups.js';
import { registerClient, type TestClient } from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let replica: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  const mailing = (config: TestApp['config']) => (config.smtpUrl = smtp.url);
  test = await startApp(mailing);
  replica = await startApp(mailing, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  waitPatiently(test);
  client = await registerClient(test);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await smtp.close();
});

describe('an erasure and what happens beside it', () => {
  it('runs again, on two replicas at once, without doing anything twice', async () => {
    const person = await newPerson(test, client);
    await deleteAccount(test, person);
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    const erased = await rowOf(test, person.id);
    await Promise.all(
      [test, replica].map(({ app, dataSource }) =>
        app.get(JobsService).enqueue({ kind: 'erase_account', payload: { userId: person.id } }, dataSource.manager),
      ),
    );
    const waiting = () => test.dataSource.query(`select id from job where kind = 'erase_account' and key is null`);
    await waitFor(waiting, ({ length }) => length === 0);
    expect(await rowOf(test, person.id)).toEqual(erased);
    expect((await eventsOf(test, person)).filter((type) => type === 'account.erased')).toHaveLength(1);
  });

  it('does nothing to who came back before it ran', async () => {
    const person = await newPerson(test, client);
    await deleteAccount(test, person);
    const link = await linkTo(test, smtp, person.email);
    expect(await useLink(test, link)).toStrictEqual(DONE);
    const before = await rowOf(test, person.id);
    // As if it had been taken by a worker just then.
    const { app, dataSource } = test;
    await app
      .get(JobsService)
      .enqueue({ kind: 'erase_account', key: person.id, payload: { userId: person.id } }, dataSource.manager);
    await erasureOf(test, person);
    expect(await rowOf(test, person.id)).toEqual(before);
    expect(await rowsOf(test, 'session', person.id)).toBe(1);
    expect(await eventsOf(test, person)).not.toContain('account.erased');
  });

  it('does nothing before its time', async () => {
    const person = await newPerson(test, client);
    await deleteAccount(test, person);
    await test.dataSource.query(`update job set run_at = now() where key = $1`, [person.id]);
    await erasureOf(test, person);
    expect(await rowOf(test, person.id)).toMatchObject({ email: person.email, erased_at: null });
    expect(await rowsOf(test, 'session', person.id)).toBe(1);
  });

  it.each([
    ['the way back comes first', true],
    ['the erasure comes first', false],
  ])('is whole or not at all, when %s', async (_, comesBack) => {
    const person = await newPerson(test, client);
    await deleteAccount(test, person);
    const link = await linkTo(test, smtp, person.email);
    await Promise.all([test, replica].map(stopJobs));
    await letGraceEnd(test, person);
    const row = await holdRow(test, person.id);
    const cancel = () => useLink(test, link);
    const erase = async () => startJobs(test);
    const [first, second] = comesBack ? [cancel, erase] : [erase, cancel];
    const one = first();
    await row.queued(1);
    const other = second();
    await row.queued(2);
    await row.release();
    const answer = await (comesBack ? one : other);
    await erasureOf(test, person);
    expect(answer).toStrictEqual(comesBack ? DONE : DEAD_LINK);
    const { email, deletion_due_at, erased_at } = await rowOf(test, person.id);
    expect([email, deletion_due_at !== null, erased_at !== null]).toEqual(
      comesBack ? [person.email, false, false] : [null, true, true],
    );
    expect((await eventsOf(test, person)).filter((type) => /erased|cancelled/.test(type))).toEqual([
      comesBack ? 'account.deletion_cancelled' : 'account.erased',
    ]);
    expect(await rowsOf(test, 'session', person.id)).toBe(comesBack ? 1 : 0);
    startJobs(replica);
    expect(await signInOutcome(test, client, person.name)).toBe(
      comesBack ? 'signed in' : 'Invalid identifier or password',
    );
  });
});
