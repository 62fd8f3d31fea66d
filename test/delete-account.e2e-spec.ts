import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  act,
  DEAD_LINK,
  DONE,
  expectNoFoothold,
  linksOf,
  newEvents,
  newPerson,
  type Person,
  PREFIXES,
  refused,
  rowOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import { linkTo, mailsOf, openLink, posted, titles, useLink } from './support/account-mails.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  clientToken,
  cookiesOf,
  oauthQuery,
  obtainTokens,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const UNKNOWN = { status: 401, body: { error: 'The access token is invalid' } };

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
  client = await registerClient(test);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await smtp.close();
});

const remove = (person: Person, password = PASSWORD) => act(test, person, 'delete_account', { password });
const verify = (token: string, app = test) =>
  outcomeOf(app.http.get('/api/v1/accounts/verify_credentials').auth(token, { type: 'bearer' }));
/** When the erasure is due, in hours from now, by the account and by its job. */
async function dueIn({ id }: Person): Promise<unknown[]> {
  const hours = (moment: string) => `round(extract(epoch from ${moment} - now()) / 3600)::int`;
  const [row] = await test.dataSource.query(
    `select (select ${hours('deletion_due_at')} from "user" where id = $1) as due,
       (select array_agg(${hours('run_at')}) from job where kind = 'erase_account' and key = $1::text) as jobs`,
    [id],
  );
  return [row.due, row.jobs];
}

describe('POST /api/pleroma/delete_account (contract.md §5.9)', () => {
  it.each(PREFIXES.flatMap((prefix) => [...BODY_FORMS, 'query'].map((form) => [prefix, form] as const)))(
    'under %s, with the password in a %s, deletes the account after seven days',
    async (prefix, form) => {
      const person = await newPerson(test, client);
      const request = test.http.post(`${prefix}/delete_account`).auth(person.token, { type: 'bearer' });
      const password = { password: PASSWORD };
      const sent = form === 'query' ? request.query(password) : sendAs(request, form as 'json', password);
      expect(await outcomeOf(sent)).toStrictEqual(DONE);
      expect(await dueIn(person)).toEqual([168, [168]]);
      expect(await rowOf(test, person.id)).toMatchObject({ email: person.email, erased_at: null, disabled_at: null });
    },
  );

  it('refuses a wrong password, and none, and changes nothing', async () => {
    const person = await newPerson(test, client);
    const before = await rowOf(test, person.id);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await remove(person, 'wrong')).toStrictEqual(refused('Invalid password.'));
      expect(await remove(person, '')).toStrictEqual(refused('Invalid password.'));
      expect(await act(test, person, 'delete_account', {})).toStrictEqual(refused('Invalid password.'));
    });
    expect(mails).toEqual([]);
    expect(await rowOf(test, person.id)).toEqual(before);
    expect(await dueIn(person)).toEqual([null, null]);
  });

  it('hides the account at once, here and on a replica, and ends every way in (security.md R86)', async () => {
    const person = await newPerson(test, client);
    const held = await takeFootholds(test, client, person.name);
    for (const app of [test, replica]) expect((await verify(person.token, app)).status).toBe(200);
    expect(await remove(person)).toStrictEqual(DONE);
    for (const app of [test, replica])
      for (const token of [person.token, held.other.access_token])
        expect(await verify(token, app)).toStrictEqual(UNKNOWN);
    await expectNoFoothold(test, client, person.id, held);
    expect(await remove(person)).toStrictEqual(UNKNOWN);
    expect(await signInOutcome(test, client, person.name, 'wrong')).toBe('Invalid identifier or password');
  });

  it('takes the account out of the counts, and keeps its name and address from others', async () => {
    const count = async () => {
      // What an instance says of itself may be a minute old, so a fresh one is asked.
      const fresh = await startApp(() => {}, test.database);
      const { body } = await fresh.http.get('/api/v1/instance');
      await fresh.close();
      return body.stats.user_count as number;
    };
    const person = await newPerson(test, client);
    const before = await count();
    await remove(person);
    expect(await count()).toBe(before - 1);
    const fields = { username: person.name, email: person.email, password: PASSWORD, agreement: true };
    const request = test.http
      .post('/api/v1/accounts')
      .auth(await clientToken(test, client, 'write'), { type: 'bearer' });
    const taken = [{ error: 'ERR_TAKEN', description: 'has already been taken' }];
    expect(await outcomeOf(request.send(fields))).toMatchObject({
      status: 422,
      body: { details: { username: taken, email: taken } },
    });
  });

  it('tells the owner, with a way back, and notes it in the journal', async () => {
    const person = await newPerson(test, client);
    await newEvents(test, person.id);
    const mails = await mailsOf(test, smtp, () => remove(person));
    expect(titles(mails)).toEqual([[person.email, 'deletion_scheduled']]);
    expect(mails[0]?.text).toContain('127.0.0.1');
    expect(smtp.linkOf(mails[0]!)).toMatch(/^http:\/\/localhost:3000\/auth\/link\/[\w-]{43}$/);
    expect(await newEvents(test, person.id)).toEqual(['account.deletion_scheduled']);
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'cancel_deletion', address: null }]);
  });

  it('builds the link from the public URL alone (security.md R1)', async () => {
    const person = await newPerson(test, client);
    const evil = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' };
    const mails = await mailsOf(test, smtp, async () => {
      const request = test.http.post('/api/pleroma/delete_account').auth(person.token, { type: 'bearer' });
      expect((await request.set(evil).send({ password: PASSWORD })).body).toStrictEqual(DONE.body);
    });
    expect(mails.map(({ raw }) => raw).join()).not.toContain('evil');
  });

  it('waits as long as the operator says', async () => {
    const short = await startApp((config) => (config.accounts.delete_grace = 48 * 3600), test.database);
    const person = await newPerson(test, client);
    expect(await act(short, person, 'delete_account', { password: PASSWORD })).toStrictEqual(DONE);
    expect(await dueIn(person)).toEqual([48, [48]]);
    const [link] = await test.dataSource.query(
      'select round(extract(epoch from expires_at - now()) / 3600)::int as hours from mail_token where user_id = $1',
      [person.id],
    );
    expect(link.hours).toBe(48);
    await short.close();
  });
});

describe('the way back from a deletion', () => {
  it('is the link of the mail: everything is as before, but everybody signs in anew', async () => {
    const person = await newPerson(test, client, { displayName: 'Person', note: 'Hello' });
    const before = await rowOf(test, person.id);
    await remove(person);
    const link = await linkTo(test, smtp, person.email);
    expect(await openLink(test, link)).toBe(200);
    expect(await dueIn(person)).toEqual([168, [168]]);
    await newEvents(test, person.id);
    const mails = await mailsOf(test, smtp, async () => expect(await useLink(test, link)).toStrictEqual(DONE));
    expect(titles(mails)).toEqual([[person.email, 'deletion_cancelled']]);
    expect(await newEvents(test, person.id)).toEqual(['account.deletion_cancelled']);
    const { credential_epoch: _, ...row } = await rowOf(test, person.id);
    expect(before).toMatchObject(row);
    expect(await dueIn(person)).toEqual([null, null]);
    expect(await verify(person.token)).toStrictEqual(UNKNOWN);
    for (const identifier of [person.name, person.email])
      expect(await signInOutcome(test, client, identifier)).toBe('signed in');
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
  });

  it('is also a sign-in that is confirmed; then the link is dead', async () => {
    const person = await newPerson(test, client);
    await remove(person);
    const link = await linkTo(test, smtp, person.email);
    const fields = { identifier: person.name, password: PASSWORD };
    const signedIn = await postLogin(test, oauthQuery(client, { scope: 'read' }), fields);
    const { to, sent } = redirectOf(signedIn);
    expect([to.split('/').at(-1), sent['reason']]).toEqual(['reactivate', 'deletion_pending']);
    const cookie = cookiesOf(signedIn).map((line) => line.split(';', 1)[0]);
    const { reactivation_token } = sent;
    const post = test.http.post('/api/auth/reactivate').set('Cookie', cookie.join('; ')).type('form');
    expect(redirectOf(await post.send({ reactivation_token })).to).toMatch(/consent$/);
    expect(await dueIn(person)).toEqual([null, null]);
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
    await posted(test);
  });

  it('works once when two press it at once, and tells once', async () => {
    const person = await newPerson(test, client);
    await remove(person);
    const link = await linkTo(test, smtp, person.email);
    const mails = await mailsOf(test, smtp, async () => {
      const answers = await Promise.all([useLink(test, link), useLink(replica, link)]);
      expect(answers.toSorted((a, b) => a.status - b.status)).toStrictEqual([DONE, DEAD_LINK]);
    });
    expect(titles(mails)).toEqual([[person.email, 'deletion_cancelled']]);
  });

  it('ends with the grace', async () => {
    const person = await newPerson(test, client);
    await remove(person);
    const link = await linkTo(test, smtp, person.email);
    await test.dataSource.query('update mail_token set expires_at = now() where user_id = $1', [person.id]);
    expect(await useLink(test, link)).toStrictEqual(DEAD_LINK);
    expect(await dueIn(person)).toEqual([168, [168]]);
  });

  it('can be taken again after another change of mind: the next deletion has its whole grace and a link of its own', async () => {
    const person = await newPerson(test, client);
    await remove(person);
    await test.dataSource.query(`update job set run_at = run_at - interval '6 days' where key = $1`, [person.id]);
    const first = await linkTo(test, smtp, person.email);
    expect(await useLink(test, first)).toStrictEqual(DONE);
    const { access_token } = await obtainTokens(test, client, person.name);
    expect(await remove({ ...person, token: access_token })).toStrictEqual(DONE);
    expect(await dueIn(person)).toEqual([168, [168]]);
    const second = await linkTo(test, smtp, person.email);
    expect(second).not.toBe(first);
    expect([await useLink(test, first), await useLink(test, second)]).toStrictEqual([DEAD_LINK, DONE]);
  });
});
