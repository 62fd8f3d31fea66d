import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  oauthQuery,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { type HonestIssuer, startHonestIssuer } from './support/honest-issuer.js';
import { HonestBrowser } from './support/honest-login.js';
import { eventsOf } from './support/passkeys.js';
import { finishVisit, giveIdentity, provider, signInBy, startLink, tokensFor } from './support/sso.js';

// A published OpenID provider tells us itself that somebody has signed out there.

let test: TestApp;
let honest: HonestIssuer;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  test = await startApp();
  // The provider is told when it starts where we are, and we are told where it is.
  const origin = await test.listen();
  honest = await startHonestIssuer({
    redirectUris: [`${PUB}/oauth/sso/honest/callback`],
    accounts: [{ sub: 'u-1', claims: {} }],
    backchannelLogoutUri: `${origin}/oauth/sso/honest/backchannel-logout`,
  });
  test.config.sso.providers = [provider('honest', honest.url)];
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await honest.stop();
});
beforeEach(async () => {
  await test.dataSource.query('delete from linked_identity');
  person = await newPerson(test, client);
  await giveIdentity(test, person, honest.url, 'u-1');
});

/** Signs in by the provider, in a browser that is known there or not yet. */
async function signInThere(there: HonestBrowser) {
  const browser = await signInBy(test, client, 'honest', (url) => there.signIn(url, 'u-1'));
  return { browser, tokens: await tokensFor(test, client, browser) };
}

/** What is left of a sign-in. */
async function leftOf({ browser, tokens }: Awaited<ReturnType<typeof signInThere>>) {
  const goOn = await test.http.post('/api/auth/continue').query(oauthQuery(client)).set('Cookie', browser.cookie);
  const grant = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
  return {
    access: await statusOf(test, tokens.access_token),
    refresh: (await requestToken(test, client, grant)).status,
    browser: redirectOf(goOn).sent['error'] ?? 'live',
  };
}

const ENDED = { access: 401, refresh: 400, browser: 'login_required' };
const LIVE = { access: 200, refresh: 200, browser: 'live' };

it('ends the sign-ins of the browser that signs out at the provider, and of no other', async () => {
  const [here, elsewhere] = [new HonestBrowser(), new HonestBrowser()];
  const first = await signInThere(here);
  const second = await signInThere(here);
  const other = await signInThere(elsewhere);
  const browser = await signIn(test, client, person.name);
  const byPassword = { browser, tokens: await tokensFor(test, client, browser) };
  await here.signOut(honest.logoutUrl);
  for (const one of [first, second]) expect(await leftOf(one)).toEqual(ENDED);
  for (const one of [other, byPassword]) expect(await leftOf(one)).toEqual(LIVE);
  expect(await eventsOf(test, person.id, 'sso.')).toEqual(['sso.logout']);
  const again = await signInThere(here);
  expect(await leftOf(again)).toEqual(LIVE);
});

it('has nothing to end of who has only linked an identity there', async () => {
  await test.dataSource.query('delete from linked_identity');
  const here = new HonestBrowser();
  const visit = await startLink(test, person, 'honest');
  const linked = await finishVisit(test, visit, (url) => here.signIn(url, 'u-1'));
  expect(redirectOf(linked).sent).toEqual({ oidc_account_linked: 'true' });
  await here.signOut(honest.logoutUrl);
  expect(await statusOf(test, person.token)).toBe(200);
  expect(await eventsOf(test, person.id, 'sso.')).toEqual(['sso.linked']);
});
