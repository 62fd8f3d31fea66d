import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person, rowsOf, waitPatiently } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  oauthQuery,
  outcomeOf,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { askGrant, newGuarded, showFactor, stopAtFactor } from './support/mfa.js';
import { addPasskey, ageSession } from './support/passkeys.js';
import { begin, Roadblock } from './support/roadblock.js';
import { callLinks, finishVisit, giveIdentity, identitiesOf, provider, startLink, startVisit } from './support/sso.js';

const GONE = { status: 204, body: '' };
const ONLY_WAY = { status: 422, body: { error: 'This is your only way to sign in. Set a password first.' } };
const NOT_LINKED = { status: 404, body: { error: 'Account not found or is not linked to this issuer' } };
const OTHER = 'http://127.0.0.1:2';

let test: TestApp;
let replica: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  evil = await startEvilIssuer();
  const providers = [provider('evil', evil.url), provider('other', OTHER)];
  const adjust: Parameters<typeof startApp>[0] = (config) => {
    config.sso.providers = providers;
    config.oauth.password_grant = true;
  };
  test = await startApp(adjust);
  replica = await startApp(adjust, test.database);
  waitPatiently(test);
  waitPatiently(replica);
  await Promise.all([test.listen(), replica.listen()]);
  client = await registerClient(test);
});
afterAll(async () => {
  await replica.close();
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  person = await newPerson(test, client);
  await giveIdentity(test, person, evil.url, person.name);
  evil.claims = { sub: person.name };
  await newEvents(test, person.id);
});
afterEach(() => {
  test.config.sso.forced = false;
});

const unlink = (issuer = 'evil', who: { token: string } = person, at = test) =>
  outcomeOf(callLinks(at, who, 'delete', `/${issuer}`));
const loseThePassword = () =>
  test.dataSource.query('update "user" set password_hash = null where id = $1', [person.id]);
const issuersOf = async (who = person) => (await identitiesOf(test, who)).map(({ issuer }) => issuer);
const lettersTo = ({ id }: Person) =>
  test.dataSource.query(
    `select template, recipient, facts from mail_outbox where user_id = $1 and template ~ '^identity_'`,
    [id],
  );
const signInByEvil = async () =>
  redirectOf(await finishVisit(test, await startVisit(test, { ...oauthQuery(client), issuer: 'evil' })));

describe('DELETE /api/v1/sso/:issuer (contract.md §3.8.5)', () => {
  it('unlinks, tells the owner and the journal, and that identity signs in no more', async () => {
    const answer = await callLinks(test, person, 'delete', '/evil');
    expect({ status: answer.status, text: answer.text }).toStrictEqual({ status: 204, text: '' });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(await issuersOf()).toEqual([]);
    expect(await newEvents(test, person.id)).toEqual(['sso.unlinked']);
    expect(await lettersTo(person)).toStrictEqual([
      {
        template: 'identity_unlinked',
        recipient: person.email,
        facts: expect.objectContaining({ username: person.name, provider: 'Evil' }),
      },
    ]);
    expect(await outcomeOf(callLinks(test, person, 'get'))).toStrictEqual({ status: 200, body: [] });
    expect((await signInByEvil()).to).toMatch(/\/oauth\/sso\/register$/);
    expect(await unlink()).toStrictEqual(NOT_LINKED);
    expect(await newEvents(test, person.id)).toEqual([]);
  });

  it('demands no sign-in of just now', async () => {
    await ageSession(test, person.tokens.id, 86_400);
    expect(await unlink()).toStrictEqual(GONE);
  });

  it('leaves the identities of other people, and other identities of the same person', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, OTHER, other.name);
    await giveIdentity(test, other, evil.url, other.name);
    await giveIdentity(test, person, OTHER, person.name);
    expect(await unlink()).toStrictEqual(GONE);
    expect(await issuersOf()).toEqual([OTHER]);
    expect((await issuersOf(other)).toSorted()).toEqual([evil.url, OTHER].toSorted());
    expect(await lettersTo(other)).toEqual([]);
    expect(await newEvents(test, other.id)).not.toContain('sso.unlinked');
  });

  it('does not know what is linked to somebody else only', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, OTHER, other.name);
    expect(await unlink('other')).toStrictEqual(NOT_LINKED);
    expect(await issuersOf(other)).toEqual([OTHER]);
  });

  it('frees the identity for another person', async () => {
    expect(await unlink()).toStrictEqual(GONE);
    const other = await newPerson(test, client);
    const answer = await finishVisit(test, await startLink(test, other, 'evil'));
    expect(redirectOf(answer).sent).toStrictEqual({ oidc_account_linked: 'true' });
    expect(await identitiesOf(test, other)).toEqual([{ issuer: evil.url, subject: person.name }]);
  });
});

describe('the only way in', () => {
  /** What became of a request for it, and whether it signs in. */
  const attempt = async () => ({
    answer: await unlink(),
    events: await newEvents(test, person.id),
    letters: await lettersTo(person),
    signsIn: (await signInByEvil()).to,
  });
  const STAYS = { answer: ONLY_WAY, events: [], letters: [], signsIn: `${PUB}/oauth/consent` };

  it('stays without a password', async () => {
    await loseThePassword();
    expect(await attempt()).toStrictEqual(STAYS);
  });

  it('stays where a password is no way in (`sso.forced`)', async () => {
    test.config.sso.forced = true;
    expect(await attempt()).toStrictEqual(STAYS);
  });

  it('stays beside an identity at a provider that is not configured any more', async () => {
    await loseThePassword();
    await giveIdentity(test, person, 'https://gone.example', person.name);
    expect(await attempt()).toStrictEqual(STAYS);
  });

  it('stays beside the passkey and the other identity of somebody else', async () => {
    const other = await newPerson(test, client);
    await addPasskey(test, other);
    await giveIdentity(test, other, OTHER, other.name);
    await loseThePassword();
    expect(await attempt()).toStrictEqual(STAYS);
  });

  it.each([false, true])('is not the only one beside another identity; `sso.forced` %s', async (forced) => {
    test.config.sso.forced = forced;
    await loseThePassword();
    await giveIdentity(test, person, OTHER, person.name);
    expect(await unlink()).toStrictEqual(GONE);
    expect(await issuersOf()).toEqual([OTHER]);
    expect(await unlink('other')).toStrictEqual(ONLY_WAY);
  });

  it.each([false, true])('is not the only one beside a passkey; `sso.forced` %s', async (forced) => {
    test.config.sso.forced = forced;
    await addPasskey(test, person);
    await loseThePassword();
    expect(await unlink()).toStrictEqual(GONE);
    expect(await issuersOf()).toEqual([]);
  });

  it('is left by two requests at once, at two replicas, for two identities', async () => {
    await loseThePassword();
    await giveIdentity(test, person, OTHER, person.name);
    const block = await Roadblock.put(test, 'select from "user" where id = $1 for update', [person.id]);
    const both = [begin(unlink('evil')), begin(unlink('other', person, replica))];
    await block.queue(2);
    await block.lift();
    const outcomes = await Promise.all(both);
    expect(outcomes.toSorted((a, b) => a.status - b.status)).toStrictEqual([GONE, ONLY_WAY]);
    expect(await issuersOf()).toHaveLength(1);
  });

  it('is unlinked once by two requests at once', async () => {
    const block = await Roadblock.put(test, 'select from "user" where id = $1 for update', [person.id]);
    const both = [begin(unlink('evil')), begin(unlink('evil', person, replica))];
    await block.queue(2);
    await block.lift();
    const outcomes = await Promise.all(both);
    expect(outcomes.toSorted((a, b) => a.status - b.status)).toStrictEqual([GONE, NOT_LINKED]);
    expect(await newEvents(test, person.id)).toEqual(['sso.unlinked']);
    expect(await lettersTo(person)).toHaveLength(1);
  });
});

describe('what unlinking ends (contract.md §4.5)', () => {
  it('leaves sessions and browsers', async () => {
    const browser = await signIn(test, client, person.name);
    expect(await unlink()).toStrictEqual(GONE);
    expect(await statusOf(test, person.token)).toBe(200);
    const goOn = test.http.post('/api/auth/continue').query(oauthQuery(client)).set('Cookie', browser.cookie);
    expect(redirectOf(await goOn).to).toMatch(/\/oauth\/consent$/);
    const grant = { grant_type: 'refresh_token', refresh_token: person.tokens.refresh_token };
    expect((await requestToken(test, client, grant)).status).toBe(200);
  });

  it('ends sign-ins that wait for another step, and those of nobody else', async () => {
    const [own, other] = [await newGuarded(test, client), await newGuarded(test, client)];
    await giveIdentity(test, own, evil.url, own.name);
    const stopped = await stopAtFactor(test, client, own.name);
    const theirs = await stopAtFactor(test, client, other.name);
    for (const { name } of [own, other]) expect((await askGrant(test, client, name)).status).toBe(403);
    expect(await unlink('evil', own)).toStrictEqual(GONE);
    const left = async ({ id }: Person) => [
      await rowsOf(test, 'pending_sign_in', id),
      await rowsOf(test, 'mfa_challenge', id),
    ];
    expect([await left(own), await left(other)]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    const answer = await showFactor(test, stopped, { code: own.app.code() });
    expect(redirectOf(answer).sent).toMatchObject({
      error: 'invalid_grant',
      error_description: 'Please sign in again',
    });
    expect(redirectOf(await showFactor(test, theirs, { code: other.app.code() })).to).toMatch(/\/oauth\/consent$/);
  });

  it('ends a sign-in by that identity that is under way', async () => {
    const before = await rowsOf(test, 'browser_session', person.id);
    // Here the identity is known already, and the browser is not signed in yet.
    const block = await Roadblock.put(test, 'lock table totp_credential in access exclusive mode');
    const arrival = begin(signInByEvil());
    await block.queue(1);
    expect(await unlink('evil', person, replica)).toStrictEqual(GONE);
    await block.lift();
    expect((await arrival).sent).toMatchObject({ error: 'invalid_grant' });
    expect(await rowsOf(test, 'browser_session', person.id)).toBe(before);
  });
});
