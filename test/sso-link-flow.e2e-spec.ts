import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, changePassword, DONE, newEvents, newPerson, type Person, waitPatiently } from './support/account.js';
import { deleteAccount, erasureOf, letGraceEnd } from './support/account-ending.js';
import { ACCOUNT_BLOCKS, changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { cookiesOf, countRows, redirectOf, registerClient, statusOf, type TestClient } from './support/flows.js';
import { type HonestIssuer, startHonestIssuer } from './support/honest-issuer.js';
import { walkHonestLogin } from './support/honest-login.js';
import { meaningOf, newGuarded, showFactor, stopAtFactor } from './support/mfa.js';
import { begin, Roadblock } from './support/roadblock.js';
import {
  callLinks,
  deliver,
  finishVisit,
  giveIdentity,
  identitiesOf,
  LINK_OVER,
  LINKED,
  linkRefused,
  provider,
  signInBy,
  startLink,
  tokensFor,
  type Walk,
} from './support/sso.js';

const TAKEN = linkRefused(
  'This account has already been linked to this OpenID Connect provider.',
  'Account already linked',
);

let test: TestApp;
let evil: EvilIssuer;
let honest: HonestIssuer;
let client: TestClient;
let person: Person;
let other: Person;
beforeAll(async () => {
  evil = await startEvilIssuer();
  honest = await startHonestIssuer({
    redirectUris: [`${PUB}/oauth/sso/honest/callback`],
    accounts: [{ sub: 'u-1', claims: { preferred_username: 'somebody' } }],
  });
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url), provider('honest', honest.url)];
    config.accounts.delete_grace = 0;
  });
  waitPatiently(test);
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), honest.stop()]);
});
beforeEach(async () => {
  [person, other] = [await newPerson(test, client), await newPerson(test, client)];
  evil.claims = { sub: person.name };
  await newEvents(test, person.id);
});
afterEach(() => {
  test.config.sso.providers[0]!.allow = {};
});

const linkedLetters = ({ id }: Person) =>
  test.dataSource.query(
    `select recipient, facts from mail_outbox where user_id = $1 and template = 'identity_linked'`,
    [id],
  );

/** Nothing was linked to whom, and nobody was told that it was. */
async function expectNoLink(who = person): Promise<void> {
  expect(await identitiesOf(test, who)).toEqual([]);
  expect(await newEvents(test, who.id)).not.toContain('sso.linked');
  expect(await linkedLetters(who)).toEqual([]);
}

describe('linking an identity (contract.md §3.7, *Link flow*)', () => {
  const WAYS: [string, Walk, string | null][] = [
    ['evil', evilCallback, null],
    ['honest', (url) => walkHonestLogin(url, 'u-1'), 'u-1'],
  ];
  it.each(WAYS)('at the %s issuer, after which it signs in', async (id, walk, sub) => {
    const issuer = id === 'evil' ? evil.url : honest.url;
    const visit = await startLink(test, person, id);
    const before = await countRows(test);
    const answer = await finishVisit(test, visit, walk);
    expect({ status: answer.status, text: answer.text }).toStrictEqual({ status: 302, text: '' });
    expect(redirectOf(answer)).toStrictEqual(LINKED);
    // No `jwt`, no code; the visit's cookie goes.
    const [name] = visit.cookie.split('=');
    expect(cookiesOf(answer)).toStrictEqual([
      `${name}=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax`,
    ]);
    const { browser_session, authorization_code, session, sso_session, user } = before;
    expect(await countRows(test)).toMatchObject({ browser_session, authorization_code, session, sso_session, user });
    expect(await identitiesOf(test, person)).toEqual([{ issuer, subject: sub ?? person.name }]);
    expect(await newEvents(test, person.id)).toEqual(['sso.linked']);
    expect(await linkedLetters(person)).toStrictEqual([
      {
        recipient: person.email,
        facts: expect.objectContaining({ username: person.name, provider: expect.stringMatching(new RegExp(id, 'i')) }),
      },
    ]);
    expect((await callLinks(test, person, 'get')).body).toMatchObject([{ id }]);
    const tokens = await tokensFor(test, client, await signInBy(test, client, id, walk));
    expect(tokens.me).toBe(person.tokens.me);
  });

  it('can be repeated with another provider', async () => {
    expect(redirectOf(await finishVisit(test, await startLink(test, other, 'evil')))).toStrictEqual(LINKED);
    await test.dataSource.query(`delete from linked_identity where issuer = $1`, [honest.url]);
    const walk: Walk = (url) => walkHonestLogin(url, 'u-1');
    expect(redirectOf(await finishVisit(test, await startLink(test, other, 'honest'), walk))).toStrictEqual(LINKED);
    expect(await identitiesOf(test, other)).toHaveLength(2);
  });
});

it('ends sign-ins of the person that wait for a second factor (contract.md §4.5), and no session', async () => {
  const guarded = await newGuarded(test, client);
  const stopped = await stopAtFactor(test, client, guarded.name);
  const visit = await startLink(test, guarded, 'evil');
  expect(redirectOf(await finishVisit(test, visit))).toStrictEqual(LINKED);
  expect(meaningOf(await showFactor(test, stopped, { code: guarded.app.code() }))).toBe('Please sign in again');
  expect(await statusOf(test, guarded.token)).toBe(200);
});

describe('an identity that cannot be linked', () => {
  it.each([
    ['of somebody else', () => giveIdentity(test, other, evil.url, person.name)],
    ['this very one again', () => giveIdentity(test, person, evil.url, person.name)],
    ['another one there', () => giveIdentity(test, person, evil.url, `older ${person.name}`)],
  ])('%s', async (_, prepare) => {
    const visit = await startLink(test, person, 'evil');
    await prepare();
    const before = await Promise.all([person, other].map((who) => identitiesOf(test, who)));
    const answer = await finishVisit(test, visit);
    expect(redirectOf(answer)).toStrictEqual(TAKEN);
    expect(cookiesOf(answer).filter((line) => line.startsWith('jwt='))).toEqual([]);
    expect(await Promise.all([person, other].map((who) => identitiesOf(test, who)))).toEqual(before);
    expect(await newEvents(test, person.id)).not.toContain('sso.linked');
    expect(await linkedLetters(person)).toEqual([]);
  });

  it('whom the provider’s rules do not let in', async () => {
    test.config.sso.providers[0]!.allow = { groups: ['staff'] };
    evil.claims = { sub: person.name, groups: ['guests'] };
    const refused = linkRefused('The provider does not admit you to this instance');
    expect(redirectOf(await finishVisit(test, await startLink(test, person, 'evil')))).toStrictEqual(refused);
    await expectNoLink();
    evil.claims = { sub: person.name, groups: ['guests', 'staff'] };
    expect(redirectOf(await finishVisit(test, await startLink(test, person, 'evil')))).toStrictEqual(LINKED);
  });
});

describe('an account that changed meanwhile', () => {
  const bearer = { type: 'bearer' } as const;
  it.each<[string, () => PromiseLike<unknown>]>([
    ...ACCOUNT_BLOCKS.map((block): [string, () => Promise<void>] => [block, () => changeUser(test, person.id, block)]),
    [
      'its password was changed',
      async () => expect(await act(test, person, 'change_password', changePassword('a new horse'))).toEqual(DONE),
    ],
    ['everything was revoked', () => test.http.delete('/api/oauth_tokens').auth(person.token, bearer)],
    [
      'it was disabled, and is active again',
      async () => {
        expect(await act(test, person, 'disable_account', { password: 'correct horse battery staple' })).toEqual(DONE);
        await changeUser(test, person.id, 'disabled_at = null');
      },
    ],
    [
      'another identity of it was unlinked',
      async () => {
        await giveIdentity(test, person, honest.url, 'u-9');
        expect((await callLinks(test, person, 'delete', '/honest')).status).toBe(204);
      },
    ],
  ])('%s', async (_, change) => {
    const visit = await startLink(test, person, 'evil');
    await change();
    expect(redirectOf(await finishVisit(test, visit))).toStrictEqual(LINK_OVER);
    await expectNoLink();
  });

  it('was erased: nothing is known of the visit', async () => {
    const visit = await startLink(test, person, 'evil');
    const callback = await evilCallback(visit.location);
    await deleteAccount(test, person);
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    expect(await test.dataSource.query('select from sso_flow where user_id = $1', [person.id])).toEqual([]);
    const answer = await deliver(test, `${callback}&link=true`, visit.cookie);
    expect(redirectOf(answer)).toStrictEqual(LINK_OVER);
    expect(await test.dataSource.query('select from linked_identity where subject = $1', [person.name])).toEqual([]);
  });

  it('is signed out everywhere while the link is written', async () => {
    const visit = await startLink(test, person, 'evil');
    const block = await Roadblock.put(test, 'update "user" set credential_epoch = credential_epoch + 1 where id = $1', [
      person.id,
    ]);
    const arrival = begin(finishVisit(test, visit));
    await block.queue(1);
    await block.settle();
    expect(redirectOf(await arrival)).toStrictEqual(LINK_OVER);
    await expectNoLink();
  });
});

describe('two at once', () => {
  it('link one identity to one of two people', async () => {
    const visits = [await startLink(test, person, 'evil'), await startLink(test, other, 'evil')];
    const block = await Roadblock.put(test, 'lock table linked_identity in share mode');
    const both = visits.map((visit) => begin(finishVisit(test, visit)));
    await block.queue(2);
    await block.lift();
    const ends = (await Promise.all(both)).map((answer) => redirectOf(answer));
    expect(ends).toContainEqual(LINKED);
    expect(ends).toContainEqual(TAKEN);
    const winner = ends.findIndex(({ sent }) => 'oidc_account_linked' in sent);
    const [won, lost] = winner === 0 ? [person, other] : [other, person];
    expect(await identitiesOf(test, won)).toEqual([{ issuer: evil.url, subject: person.name }]);
    await expectNoLink(lost);
  });

  it('link one of two identities at one provider to a person', async () => {
    const visits = [await startLink(test, person, 'evil'), await startLink(test, person, 'evil')];
    const block = await Roadblock.put(test, 'select from "user" where id = $1 for update', [person.id]);
    const both = visits.map((visit, n) => {
      const walk: Walk = (url) => {
        evil.claims = { sub: `${person.name} ${n}` };
        return evilCallback(url);
      };
      return begin(finishVisit(test, visit, walk));
    });
    await block.queue(2);
    await block.lift();
    const ends = (await Promise.all(both)).map((answer) => redirectOf(answer));
    expect(ends).toContainEqual(LINKED);
    expect(ends).toContainEqual(TAKEN);
    expect(await identitiesOf(test, person)).toHaveLength(1);
    expect(await newEvents(test, person.id)).toEqual(['sso.linked']);
  });
});
