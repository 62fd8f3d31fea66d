import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { cookiesOf, countRows, PASSWORD, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { PATHS } from './support/issuer-server.js';
import { newGuarded } from './support/mfa.js';
import {
  callLinks,
  deliver,
  finishVisit,
  flowCookieOf,
  giveIdentity,
  identitiesOf,
  LINK_OVER,
  LINKED,
  linkRefused,
  openTicket,
  provider,
  type Visit,
} from './support/sso.js';

/** By which the person signs in already. */
let home: EvilIssuer;
/** Whose identity is to be linked. */
let wanted: EvilIssuer;
let test: TestApp;
let client: TestClient;
let person: Person;
let ticket: string;
beforeAll(async () => {
  [home, wanted] = [await startEvilIssuer(), await startEvilIssuer()];
  test = await startApp();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await Promise.all([home.stop(), wanted.stop()]);
});
beforeEach(async () => {
  const auto_register = true;
  test.config.sso.providers = [
    provider('home', home.url, { auto_register }),
    provider('wanted', wanted.url, { auto_register }),
  ];
  person = await newPerson(test, client);
  await giveIdentity(test, person, home.url, person.name);
  await test.dataSource.query('update "user" set password_hash = null where id = $1', [person.id]);
  ticket = await openTicket(test, person, 'wanted');
  home.claims = { sub: person.name };
  wanted.claims = { sub: `new ${person.name}` };
  await newEvents(test, person.id);
});
afterEach(() => {
  home.faults = {};
});

const submit = (fields: Record<string, string>) =>
  test.http
    .post('/api/auth/sso/link')
    .type('form')
    .send({ ticket, ...fields });
type Answer = Awaited<ReturnType<typeof submit>>;

/** It leads to that provider, with a cookie of its own for this browser. */
function visitTo(issuer: EvilIssuer, answer: Answer): Visit {
  expect(answer.status, answer.text).toBe(302);
  expect(redirectOf(answer).to, String(answer.headers['location'])).toBe(`${issuer.url}${PATHS.authorize}`);
  const cookie = cookiesOf(answer).find((line) => line.includes('Max-Age=600')) ?? '';
  expect(cookie).toMatch(/^gh_flow_[\w-]{8}=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
  return { location: String(answer.headers['location']), cookie: cookie.split(';', 1)[0] ?? '' };
}

const prove = async (fields: Record<string, string> = {}) => visitTo(home, await submit({ via: 'home', ...fields }));
const ticketsLeft = async () =>
  (await test.dataSource.query('select from sso_link_ticket where user_id = $1', [person.id])).length as number;

/** Back to the page, which says why. */
const again = (sentence: string) => ({
  to: `${PUB}/oauth/sso/link`,
  sent: { ticket, error: 'invalid_request', error_description: sentence },
});

/** Where it ends, and what the account has then. */
const endOf = async (answer: Answer) => ({
  status: answer.status,
  ...redirectOf(answer),
  cookies: cookiesOf(answer),
  identities: await identitiesOf(test, person),
});
/** An end at the home page: nobody was signed in, and nothing was linked. */
const ended = (end: object) => ({
  status: 302,
  ...end,
  cookies: [],
  identities: [{ issuer: home.url, subject: person.name }],
});

describe('a link by who has no password (contract.md §3.8.2)', () => {
  it('is made after a visit to the provider that the account has', async () => {
    const before = await countRows(test);
    const first = await prove();
    expect(await ticketsLeft()).toBe(1);
    const [flow] = await test.dataSource.query('select kind, provider from sso_flow where user_id = $1', [person.id]);
    expect(flow).toEqual({ kind: 'prove', provider: 'home' });
    const proved = await finishVisit(test, first);
    const second = visitTo(wanted, proved);
    const [[was], [is]] = [first.cookie.split('='), second.cookie.split('=')];
    expect(is).not.toBe(was);
    const cookies = cookiesOf(proved).map((line) => line.split(';', 2).join(';'));
    expect(cookies).toStrictEqual([`${was}=; Max-Age=0`, `${second.cookie}; Max-Age=600`]);
    expect(await ticketsLeft()).toBe(0);
    expect(redirectOf(await finishVisit(test, second))).toStrictEqual(LINKED);
    expect((await identitiesOf(test, person)).map(({ subject }) => subject).toSorted()).toEqual(
      [person.name, `new ${person.name}`].toSorted(),
    );
    expect(await newEvents(test, person.id)).toEqual(['sso.linked']);
    const { user, browser_session, sso_session, authorization_code } = before;
    expect(await countRows(test)).toMatchObject({ user, browser_session, sso_session, authorization_code });
  });

  it('is not made by the identity of another person, nor by one of nobody', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, home.url, other.name);
    const before = await countRows(test);
    for (const sub of [other.name, 'a stranger']) {
      home.claims = { sub, preferred_username: sub.replace(' ', '') };
      const answer = await finishVisit(test, await prove());
      expect(await endOf(answer)).toStrictEqual(ended(linkRefused('This identity is not linked to your account')));
    }
    const { user, browser_session, linked_identity, sso_registration } = before;
    expect(await countRows(test)).toMatchObject({ user, browser_session, linked_identity, sso_registration });
    // The right one still may.
    home.claims = { sub: person.name };
    visitTo(wanted, await finishVisit(test, await prove()));
  });

  it.each(['wanted', 'nowhere', 'Home', '', '__proto__'])('cannot be proved by %j', async (via) => {
    expect(redirectOf(await submit({ via }))).toStrictEqual(again('Your account does not sign in by this provider.'));
    expect(await ticketsLeft()).toBe(1);
  });

  it('cannot be proved by a provider that only somebody else has', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, wanted.url, other.name);
    expect(redirectOf(await submit({ via: 'wanted' })).to).toBe(`${PUB}/oauth/sso/link`);
  });

  it('cannot be proved by whom the provider’s rules do not let in any more', async () => {
    test.config.sso.providers[0]!.allow = { groups: ['staff'] };
    const refused = linkRefused('The provider does not admit you to this instance');
    expect(await endOf(await finishVisit(test, await prove()))).toStrictEqual(ended(refused));
    home.claims = { sub: person.name, groups: ['staff'] };
    visitTo(wanted, await finishVisit(test, await prove()));
  });

  it('may be proved so also by who has a password', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, home.url, other.name);
    home.claims = { sub: other.name };
    ticket = await openTicket(test, other, 'wanted');
    const second = visitTo(wanted, await finishVisit(test, await prove({ password: 'wrong' })));
    expect(redirectOf(await finishVisit(test, second))).toStrictEqual(LINKED);
  });
});

describe('the second factor beside such a proof', () => {
  it('is asked for before the provider', async () => {
    const guarded = await newGuarded(test, client);
    await giveIdentity(test, guarded, home.url, guarded.name);
    ticket = await openTicket(test, guarded, 'wanted');
    home.forget();
    const missing = again('A code of your second factor is needed as well.');
    expect(redirectOf(await submit({ via: 'home' }))).toStrictEqual(missing);
    expect(redirectOf(await submit({ via: 'home', password: PASSWORD }))).toStrictEqual(missing);
    const wrong = await submit({ via: 'home', code: guarded.app.wrongCode });
    expect(redirectOf(wrong)).toStrictEqual(again('Invalid code.'));
    expect(home.total).toBe(0);
    home.claims = { sub: guarded.name };
    const visit = await prove({ code: guarded.app.code() });
    visitTo(wanted, await finishVisit(test, visit));
  });
});

describe('a proof that comes too late, or from elsewhere', () => {
  it.each<[string, () => PromiseLike<unknown>]>([
    ['the ticket’s time is over', () => test.dataSource.query(`update sso_link_ticket set expires_at = now()`)],
    ['the ticket was purged', () => test.dataSource.query('delete from sso_link_ticket')],
    ['everything was revoked', () => test.http.delete('/api/oauth_tokens').auth(person.token, { type: 'bearer' })],
    [
      'the provider to be linked is not configured any more',
      async () => (test.config.sso.providers = [test.config.sso.providers[0]!]),
    ],
  ])('ends nowhere: %s', async (_, change) => {
    const visit = await prove();
    await change();
    expect(await endOf(await finishVisit(test, visit))).toStrictEqual(ended(LINK_OVER));
  });

  it('ends nowhere when that identity was unlinked meanwhile', async () => {
    await giveIdentity(test, person, 'http://127.0.0.1:1', person.name);
    test.config.sso.providers = [...test.config.sso.providers, provider('third', 'http://127.0.0.1:1')];
    const visit = await prove();
    expect((await callLinks(test, person, 'delete', '/home')).status).toBe(204);
    expect(redirectOf(await finishVisit(test, visit))).toStrictEqual(LINK_OVER);
  });

  it('ends nowhere a second time', async () => {
    const [one, two] = [await prove(), await prove()];
    const callback = await evilCallback(one.location);
    visitTo(wanted, await deliver(test, callback, one.cookie));
    expect(await endOf(await deliver(test, callback, one.cookie))).toStrictEqual(ended(LINK_OVER));
    // The ticket was good for one.
    expect(await endOf(await finishVisit(test, two))).toStrictEqual(ended(LINK_OVER));
  });

  it('ends nowhere in another browser, and its own still ends it', async () => {
    const visit = await prove();
    const callback = await evilCallback(visit.location);
    expect(await endOf(await deliver(test, `${callback}&link=true`, null))).toStrictEqual(ended(LINK_OVER));
    visitTo(wanted, await deliver(test, callback, visit.cookie));
  });

  it('is refused by the provider', async () => {
    const visit = await prove();
    home.faults = { authorize: 'access_denied' };
    const refused = linkRefused('The provider refused the request');
    expect(await endOf(await finishVisit(test, visit))).toStrictEqual(ended(refused));
    home.faults = {};
    visitTo(wanted, await finishVisit(test, await prove()));
  });

  it.each(['home', 'wanted'])('waits while the provider `%s` is away', async (id) => {
    const away = await startEvilIssuer();
    await away.stop();
    const providers = test.config.sso.providers;
    const visit = id === 'wanted' ? await prove() : null;
    const ours = providers.filter((one) => one.id !== id);
    test.config.sso.providers = [...ours, provider(id, away.url)];
    if (id === 'home') await giveIdentity(test, person, away.url, 'u-1');
    const answer = visit ? await finishVisit(test, visit) : await submit({ via: 'home' });
    expect(redirectOf(answer)).toStrictEqual(linkRefused('The provider cannot be reached now'));
    expect(flowCookieOf(answer)).toBe('');
    expect(await ticketsLeft()).toBe(1);
    test.config.sso.providers = providers;
    visitTo(wanted, await finishVisit(test, await prove()));
  });
});
