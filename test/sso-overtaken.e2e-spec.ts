import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, changePassword, DONE, newEvents, newPerson, type Person, rowsOf } from './support/account.js';
import { type Adjust, PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import type { Claims } from './support/evil-tokens.js';
import { oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { enableTotp, showFactor } from './support/mfa.js';
import { endings } from './support/reactivation.js';
import { begin, Roadblock } from './support/roadblock.js';
import { callLinks, deliver, giveIdentity, provider } from './support/sso.js';
import { accountOf, cookieOf, cookiesGiven, sentToLogin, vouchFor } from './support/vouched.js';

let test: TestApp;
/** Another one on the same database: what waits in one does not hold it up. */
let replica: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
let person: Person;
beforeAll(async () => {
  evil = await startEvilIssuer();
  const adjust: Adjust = (config) => {
    const roles = { admin: { groups: ['staff'] }, moderator: {} };
    config.sso.providers = [provider('evil', evil.url, { registrations: false, roles })];
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
beforeEach(async () => {
  person = await newPerson(test, client);
  await giveIdentity(test, person, evil.url, person.name);
});

/** Begins to deliver the callback of somebody with these claims. */
async function arrive(claims: Claims = {}, at = test) {
  const { callback, cookie } = await vouchFor(
    test,
    evil,
    { ...asked, issuer: 'evil' },
    { sub: person.name, ...claims },
  );
  return () => begin(deliver(at, callback, cookie));
}

/** A sign-in that has found its person waits at the question whether they have a second factor. */
const holdAtFactor = () => Roadblock.put(test, 'lock table totp_credential in access exclusive mode');

const unlink = async (by = replica) => expect((await callLinks(by, person, 'delete', '/evil')).status).toBe(204);

const OVERTAKING: [string, () => Promise<unknown>][] = [
  ['its identity is unlinked', unlink],
  [
    'the password is changed',
    async () => expect(await act(replica, person, 'change_password', changePassword('a new horse'))).toEqual(DONE),
  ],
  ['staff disables the account', async () => endings(replica).disable(person.id, 'staff', null)],
  ['its owner disables it', async () => endings(replica).disable(person.id, 'owner', null)],
  ['its deletion is asked for', async () => endings(replica).scheduleDeletion(person.id, null)],
];

describe('a sign-in at a provider that is under way', () => {
  it.each(OVERTAKING)('opens no session when %s', async (_, change) => {
    await newEvents(test, person.id);
    const go = await arrive();
    const block = await holdAtFactor();
    const answer = go();
    await block.queue(1);
    await change();
    const before = await rowsOf(test, 'browser_session', person.id);
    await block.lift();
    const { status, text, headers } = await answer;
    expect([status, text, cookiesGiven({ headers })]).toEqual([302, '', []]);
    const { to, sent } = redirectOf({ headers });
    expect({ to, sent: { ...sent, error_description: null } }).toEqual({
      to: `${PUB}/oauth/authorize`,
      sent: { ...asked, error: 'invalid_grant', error_description: null },
    });
    expect(await rowsOf(test, 'browser_session', person.id)).toBe(before);
    expect(await newEvents(test, person.id)).not.toContain('login.succeeded');
  });

  it.each(OVERTAKING)('gets nowhere with a right code when %s before the code is asked for', async (_, change) => {
    const app = await enableTotp(test, person);
    const go = await arrive();
    const block = await holdAtFactor();
    const answer = go();
    await block.queue(1);
    await change();
    await block.lift();
    const { to, sent } = redirectOf(await answer);
    expect(to).toBe(`${PUB}/oauth/mfa`);
    const stopped = { token: sent['mfa_token'] ?? '', cookie: cookieOf(await answer, 'gh_mfa') };
    const shown = await showFactor(test, stopped, { code: app.code() });
    expect(redirectOf(shown)).toEqual(sentToLogin(asked, 'invalid_grant', 'Please sign in again'));
    expect(cookiesGiven(shown)).toEqual([]);
  });

  it('counts for nothing, also for the role, when its identity is unlinked before it has found its person', async () => {
    await newEvents(test, person.id);
    const go = await arrive({ groups: ['staff'] });
    const block = await Roadblock.put(test, 'select from "user" where id = $1 for update', [person.id]);
    const unlinked = begin(unlink());
    await block.queue(1);
    const answer = go();
    await block.queue(2);
    await block.lift();
    await unlinked;
    const { headers } = await answer;
    expect(redirectOf({ headers })).toEqual(sentToLogin(asked, 'invalid_request', 'No user found with that account'));
    expect(cookiesGiven({ headers })).toEqual([]);
    expect(await accountOf(test, person.name)).toMatchObject({ role: 'user', identities: [] });
    expect(await newEvents(test, person.id)).toEqual(['sso.unlinked']);
  });

  it('keeps no role that another sign-in of the same person has taken back meanwhile', async () => {
    const [first, second] = [await arrive({ groups: ['staff'] }), await arrive({}, replica)];
    const block = await holdAtFactor();
    const one = first();
    await block.queue(1);
    expect(await accountOf(test, person.name)).toMatchObject({ role: 'admin' });
    const two = second();
    await block.queue(2);
    expect(await accountOf(test, person.name)).toMatchObject({ role: 'user' });
    await block.lift();
    expect(redirectOf(await one)).toMatchObject({ to: `${PUB}/oauth/authorize`, sent: { error: 'invalid_grant' } });
    expect(cookiesGiven(await one)).toEqual([]);
    expect(redirectOf(await two).to).toBe(`${PUB}/oauth/consent`);
  });

  it('gives no role that the unlinking after it does not take back', async () => {
    const go = await arrive({ groups: ['staff'] });
    const block = await Roadblock.put(test, 'select from "user" where id = $1 for update', [person.id]);
    const answer = go();
    await block.queue(1);
    const unlinked = begin(unlink());
    await block.queue(2);
    await block.lift();
    await unlinked;
    // Which of the two comes first from here on is open; the role is gone either way.
    expect(['consent', 'authorize']).toContain(
      redirectOf(await answer)
        .to.split('/')
        .at(-1),
    );
    expect(await accountOf(test, person.name)).toMatchObject({ role: 'user', identities: [] });
  });
});
