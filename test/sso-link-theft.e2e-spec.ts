import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import {
  approve,
  cookiesOf,
  obtainTokens,
  oauthQuery,
  redirectOf,
  registerClient,
  signIn,
  type SignedIn,
  type TestClient,
} from './support/flows.js';
import { deliver, identitiesOf, LINK_OVER, LINKED, provider, startLink, startVisit } from './support/sso.js';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let victim: Person;
let thief: Person;
/** The victim's browser, signed in here. */
let browser: SignedIn;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url, { registrations: false })];
  });
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  [victim, thief] = [await newPerson(test, client), await newPerson(test, client)];
  browser = await signIn(test, client, victim.name);
  await newEvents(test, victim.id);
  evil.forget();
});

const loginOver = (more: Record<string, string> = {}) => ({
  to: `${PUB}/oauth/authorize`,
  sent: {
    ...more,
    error: 'invalid_request',
    error_description: 'This sign-in has expired or was started elsewhere',
  },
});

async function expectUntouched(): Promise<void> {
  for (const who of [victim, thief]) expect(await identitiesOf(test, who)).toEqual([]);
  expect(await newEvents(test, victim.id)).toEqual([]);
}

describe('what the callback’s query says of a link (security.md R93)', () => {
  it.each([
    ['link', () => ({ link: 'true' })],
    ['link and user_id', () => ({ link: 'true', user_id: victim.id })],
    ['user_id', () => ({ user_id: victim.id })],
    ['link=1', () => ({ link: '1', user_id: victim.id })],
    ['link=on', () => ({ link: 'on' })],
  ])('makes no link of a sign-in: %s', async (_, more) => {
    evil.claims = { sub: thief.name };
    const query = oauthQuery(client, { state: 'a state' });
    const visit = await startVisit(test, { ...query, issuer: 'evil' });
    const callback = `${await evilCallback(visit.location)}&${new URLSearchParams(more()).toString()}`;
    const answer = await deliver(test, callback, `${visit.cookie}; ${browser.cookie}`);
    expect(redirectOf(answer)).toStrictEqual(loginOver(query));
    expect(cookiesOf(answer).filter((line) => line.startsWith('jwt='))).toEqual([]);
    expect(evil.count('token')).toBe(0);
    await expectUntouched();
  });

  it('picks the page that tells of a visit that nobody knows, and nothing else', async () => {
    evil.claims = { sub: thief.name };
    const visit = await startVisit(test, { ...oauthQuery(client), issuer: 'evil' });
    const callback = await evilCallback(visit.location);
    const more = `&link=true&user_id=${victim.id}`;
    expect(redirectOf(await deliver(test, callback + more, null))).toStrictEqual(LINK_OVER);
    expect(redirectOf(await deliver(test, callback, null))).toStrictEqual(loginOver());
    expect(evil.count('token')).toBe(0);
    await expectUntouched();
  });

  it.each([
    ['of somebody else', () => ({ user_id: victim.id })],
    ['that says that it is none', () => ({ link: 'false' })],
    ['of a client', () => ({ client_id: client.client_id })],
    ['of another visit', () => ({ flow_id: 'x'.repeat(43) })],
    ['of another visit, by the older name', () => ({ flow: 'x'.repeat(43) })],
  ])('makes no link of a link %s', async (_, more) => {
    evil.claims = { sub: thief.name };
    const visit = await startLink(test, thief, 'evil');
    const callback = `${await evilCallback(visit.location)}&${new URLSearchParams(more()).toString()}`;
    expect(redirectOf(await deliver(test, callback, visit.cookie))).toStrictEqual(LINK_OVER);
    expect(evil.count('token')).toBe(0);
    await expectUntouched();
  });

  it('may repeat what is so', async () => {
    evil.claims = { sub: thief.name };
    const visit = await startLink(test, thief, 'evil');
    const [{ id }] = await test.dataSource.query('select id from sso_flow where user_id = $1', [thief.id]);
    const more = new URLSearchParams({ link: 'true', user_id: thief.id, flow_id: id, flow: id });
    const callback = `${await evilCallback(visit.location)}&${more.toString()}`;
    expect(redirectOf(await deliver(test, callback, visit.cookie))).toStrictEqual(LINKED);
    expect(await identitiesOf(test, thief)).toEqual([{ issuer: evil.url, subject: thief.name }]);
    expect(await identitiesOf(test, victim)).toEqual([]);
  });
});

describe('a link URL in another browser (security.md R93)', () => {
  it('ends nowhere when the thief’s URL is opened by the victim, who is signed in here and there', async () => {
    evil.claims = { sub: victim.name };
    const visit = await startLink(test, thief, 'evil');
    const callback = await evilCallback(visit.location);
    expect(redirectOf(await deliver(test, callback, browser.cookie))).toStrictEqual(loginOver());
    expect(redirectOf(await deliver(test, `${callback}&link=true`, browser.cookie))).toStrictEqual(LINK_OVER);
    expect(evil.count('token')).toBe(0);
    await expectUntouched();
  });

  it('does not spend the visit: its own browser still ends it', async () => {
    evil.claims = { sub: thief.name };
    const visit = await startLink(test, thief, 'evil');
    const callback = await evilCallback(visit.location);
    await deliver(test, callback, browser.cookie);
    expect(redirectOf(await deliver(test, callback, visit.cookie))).toStrictEqual(LINKED);
  });

  it('ends nowhere with the cookie of another visit, even under its name', async () => {
    const [theirs, own] = [await startLink(test, thief, 'evil'), await startLink(test, victim, 'evil')];
    const callback = await evilCallback(theirs.location);
    const [name] = theirs.cookie.split('=');
    const [, value] = own.cookie.split('=');
    for (const cookie of [own.cookie, `${name}=${value}`, `${name}=`, `${name}=${'x'.repeat(43)}`])
      expect(redirectOf(await deliver(test, callback, cookie))).toStrictEqual(loginOver());
    expect(evil.count('token')).toBe(0);
    await expectUntouched();
  });

  it('links to whose token asked, whoever is signed in in that browser', async () => {
    evil.claims = { sub: thief.name };
    const visit = await startLink(test, thief, 'evil');
    const callback = await evilCallback(visit.location);
    const answer = await deliver(test, callback, `${browser.cookie}; ${visit.cookie}`);
    expect(redirectOf(answer)).toStrictEqual(LINKED);
    expect(await identitiesOf(test, victim)).toEqual([]);
    expect(await newEvents(test, victim.id)).toEqual([]);
    // And the browser is still the victim's.
    expect(await approve(test, client, browser)).toMatch(/^[\w-]{43}$/);
  });
});

describe('a link that a thief began with a stolen token (security.md A4)', () => {
  it('is over when the owner ends that session, and goes on when they end another', async () => {
    evil.claims = { sub: thief.name };
    const stolen = victim;
    const visit = await startLink(test, stolen, 'evil');
    const callback = await evilCallback(visit.location);
    const owner = await obtainTokens(test, client, victim.name);
    await test.http.delete(`/api/oauth_tokens/${stolen.tokens.id}`).auth(owner.access_token, { type: 'bearer' });
    expect(redirectOf(await deliver(test, callback, visit.cookie))).toStrictEqual(LINK_OVER);
    expect(await identitiesOf(test, victim)).toEqual([]);

    evil.claims = { sub: victim.name };
    const own = await startLink(test, { token: owner.access_token }, 'evil');
    const other = await obtainTokens(test, client, victim.name);
    await test.http.delete(`/api/oauth_tokens/${other.id}`).auth(owner.access_token, { type: 'bearer' });
    expect(redirectOf(await deliver(test, await evilCallback(own.location), own.cookie))).toStrictEqual(LINKED);
  });
});
