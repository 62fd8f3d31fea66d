import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson } from './support/account.js';
import { type Adjust, PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { oauthQuery, PASSWORD, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { begin, Roadblock } from './support/roadblock.js';
import { deliver, provider } from './support/sso.js';
import {
  accountOf,
  cookieOf,
  cookiesGiven,
  holdings,
  postNaming,
  reachNaming,
  sentToLogin,
  vouchFor,
} from './support/vouched.js';

const CONSENT = `${PUB}/oauth/consent`;
const PAGE = `${PUB}/oauth/sso/register`;
const EXPIRED = 'This sign-in has expired or was started elsewhere';

let test: TestApp;
/** Another one on the same database. */
let replica: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
/** A name that nobody has. */
let name: string;
let people = 0;
beforeAll(async () => {
  evil = await startEvilIssuer();
  const adjust: Adjust = (config) => {
    config.sso.providers = [provider('evil', evil.url, { auto_register: true })];
    config.registrations.email_required = false;
  };
  test = await startApp(adjust);
  replica = await startApp(adjust, test.database);
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await evil.stop();
});
beforeEach(() => {
  name = `new_${++people}`;
});

const query = () => ({ ...asked, issuer: 'evil' });

/** Somebody at the page that asks for a name, because theirs cannot be had. */
const arrive = (sub = name) => reachNaming(test, evil, query(), { sub, preferred_username: 'admin' });

/** What is under way waits before it writes accounts; what only looks at them goes on. */
const holdAccounts = () => Roadblock.put(test, 'lock table "user" in share mode');

/** What is under way waits before it looks whether anybody has an identity. */
const holdIdentity = (sub: string) =>
  Roadblock.put(test, 'select pg_advisory_xact_lock(hashtextextended($1, 0))', [`identity ${evil.url} ${sub}`]);

const subjectOf = (answer: Parameters<typeof cookieOf>[0]) => decodeJwt(cookieOf(answer, 'jwt').slice(4)).sub;

describe('two callbacks at once', () => {
  it('of one new identity make one account, and both are signed in, also by two replicas', async () => {
    const claims = { sub: name, preferred_username: name };
    const ready = [await vouchFor(test, evil, query(), claims), await vouchFor(replica, evil, query(), claims)];
    const before = await holdings(test);
    const block = await holdIdentity(name);
    const answers = [test, replica].map((app, n) => begin(deliver(app, ready[n]!.callback, ready[n]!.cookie)));
    await block.queue(2);
    await block.lift();
    const [one, other] = await Promise.all(answers);
    expect([redirectOf(one!).to, redirectOf(other!).to]).toEqual([CONSENT, CONSENT]);
    const account = await accountOf(test, name);
    expect(account).toMatchObject({ identities: [[evil.url, name]] });
    expect([subjectOf(one!), subjectOf(other!)]).toEqual([account?.['id'], account?.['id']]);
    expect(await holdings(test)).toMatchObject({
      user: before['user']! + 1,
      linked_identity: before['linked_identity']! + 1,
      sso_session: before['sso_session']! + 2,
      browser_session: before['browser_session']! + 2,
    });
  });

  it('of one visit sign in once', async () => {
    const { callback, cookie } = await vouchFor(test, evil, query(), { sub: name, preferred_username: name });
    const answers = await Promise.all([test, replica].map((app) => deliver(app, callback, cookie)));
    expect(answers.map((answer) => redirectOf(answer).to).toSorted()).toEqual([`${PUB}/oauth/authorize`, CONSENT]);
    const lost = answers.find((answer) => redirectOf(answer).to !== CONSENT);
    expect(redirectOf(lost!)).toEqual(sentToLogin(asked, 'invalid_request', EXPIRED));
    expect(cookiesGiven(lost!)).toEqual([]);
    expect(evil.tokenRequests.filter(({ code }) => code === new URL(callback).searchParams.get('code'))).toHaveLength(
      1,
    );
  });

  it('of two identities that want one name give it to one, and ask the other for another', async () => {
    const claims = [`${name}-a`, `${name}-b`].map((sub) => ({ sub, preferred_username: name }));
    const ready = [await vouchFor(test, evil, query(), claims[0]!), await vouchFor(test, evil, query(), claims[1]!)];
    const block = await holdAccounts();
    const answers = ready.map(({ callback, cookie }, n) => begin(deliver(n ? replica : test, callback, cookie)));
    await block.queue(2);
    await block.lift();
    const ends = (await Promise.all(answers)).map((answer) => redirectOf(answer));
    expect(ends.map(({ to }) => to).toSorted()).toEqual([CONSENT, PAGE]);
    const winner = claims[ends.findIndex(({ to }) => to === CONSENT)];
    expect(await accountOf(test, name)).toMatchObject({ identities: [[evil.url, winner?.sub]] });
    expect(ends.find(({ to }) => to === PAGE)?.sent).toMatchObject({ preferred_username: name });
  });
});

describe('two at once at POST /api/auth/sso/register', () => {
  it('get one name once; the other goes back to the page and takes another', async () => {
    const waiting = [await arrive(`${name}-a`), await arrive(`${name}-b`)];
    const fields = { username: name, agreement: 'true' };
    const block = await holdAccounts();
    const answers = waiting.map((unnamed) => begin(postNaming(test, unnamed, fields)));
    await block.queue(2);
    await block.lift();
    const ends = (await Promise.all(answers)).map((answer) => redirectOf(answer));
    expect(ends.map(({ to }) => to).toSorted()).toEqual([CONSENT, PAGE]);
    const second = ends.findIndex(({ to }) => to === PAGE);
    expect(ends[second]?.sent).toEqual({
      ...waiting[second]?.sent,
      preferred_username: name,
      error: 'invalid_request',
      error_description: 'Validation failed: Username has already been taken',
    });
    const again = await postNaming(test, waiting[second]!, { ...fields, username: `${name}_too` });
    expect(redirectOf(again).to).toBe(CONSENT);
  });

  it('with one token make one account', async () => {
    const unnamed = await arrive();
    const before = await holdings(test);
    const block = await holdIdentity(name);
    const names = [name, `${name}_too`];
    const answers = names.map((username, n) =>
      begin(postNaming(n ? replica : test, unnamed, { username, agreement: 'true' })),
    );
    await block.queue(2);
    await block.lift();
    const ends = (await Promise.all(answers)).map((answer) => ({ ...redirectOf(answer), given: cookiesGiven(answer) }));
    expect(ends.map(({ to }) => to).toSorted()).toEqual([`${PUB}/oauth/authorize`, CONSENT]);
    const lost = ends.find(({ to }) => to !== CONSENT);
    expect(lost).toEqual({ ...sentToLogin(asked, 'invalid_request', EXPIRED), given: [] });
    expect(await holdings(test)).toMatchObject({
      user: before['user']! + 1,
      linked_identity: before['linked_identity']! + 1,
      browser_session: before['browser_session']! + 1,
    });
  });

  it('of two tabs are one person: the second has nothing left to decide', async () => {
    const [one, other] = [await arrive(), await arrive()];
    expect(redirectOf(await postNaming(test, one, { username: name, agreement: 'true' })).to).toBe(CONSENT);
    const person = await newPerson(test, client);
    const before = await holdings(test);
    const proof = { decision: 'link', identifier: person.name, password: PASSWORD };
    for (const fields of [{ username: `${name}_too`, agreement: 'true' }, proof]) {
      const answer = await postNaming(test, other, fields);
      expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'invalid_request', EXPIRED));
      expect(cookiesGiven(answer)).toEqual([]);
    }
    expect(await holdings(test)).toEqual(before);
  });

  it('prove two accounts with one identity, and one of them gets it', async () => {
    const waiting = [await arrive(), await arrive()];
    const owners = [await newPerson(test, client), await newPerson(test, client)];
    const block = await holdIdentity(name);
    const answers = waiting.map((unnamed, n) => {
      const proof = { decision: 'link', identifier: owners[n]!.name, password: PASSWORD };
      return begin(postNaming(n ? replica : test, unnamed, proof));
    });
    await block.queue(2);
    await block.lift();
    const done = await Promise.all(answers);
    expect(done.map((answer) => redirectOf(answer).to).toSorted()).toEqual([`${PUB}/oauth/authorize`, CONSENT]);
    const winner = done.findIndex((answer) => redirectOf(answer).to === CONSENT);
    expect(subjectOf(done[winner]!)).toBe(owners[winner]?.id);
    expect(await accountOf(test, owners[winner]!.name)).toMatchObject({ identities: [[evil.url, name]] });
    expect(await accountOf(test, owners[1 - winner]!.name)).toMatchObject({ identities: [] });
    expect(cookiesGiven(done[1 - winner]!)).toEqual([]);
  });
});
