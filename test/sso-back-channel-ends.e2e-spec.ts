import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person, rowsOf, waitPatiently } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import type { Claims } from './support/evil-tokens.js';
import {
  approve,
  cookiesOf,
  oauthQuery,
  outcomeOf,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  type SignedIn,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { meaningOf, newGuarded, showFactor } from './support/mfa.js';
import { eventsOf } from './support/passkeys.js';
import { begin, Roadblock } from './support/roadblock.js';
import { finishVisit, giveIdentity, provider, signInBy, startVisit, tokensFor } from './support/sso.js';

let test: TestApp;
let evil: EvilIssuer;
let second: EvilIssuer;
let client: TestClient;
let otherClient: TestClient;
let person: Person;
beforeAll(async () => {
  [evil, second] = [await startEvilIssuer(), await startEvilIssuer()];
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url), provider('second', second.url)];
  });
  waitPatiently(test);
  await test.listen();
  client = await registerClient(test);
  otherClient = await registerClient(test, { client_name: 'Another client' });
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), second.stop()]);
});
beforeEach(async () => {
  person = await newPerson(test, client);
  for (const { url } of [evil, second]) await giveIdentity(test, person, url, person.name);
});

const now = () => Math.floor(Date.now() / 1000);

/** Everything that comes from one sign-in. */
interface Held {
  tokens: Tokens;
  /** Of another client, for which the browser went on. */
  goneOn: Tokens;
  /** Approved, and not redeemed. */
  code: string;
  /** Of the browser, and a code that waits for consent. */
  browser: SignedIn;
}

/** Goes on for a client without a sign-in. */
async function goOn(browser: SignedIn, to: TestClient): Promise<SignedIn> {
  const answer = await test.http.post('/api/auth/continue').query(oauthQuery(to)).set('Cookie', browser.cookie);
  const consent = new URL(String(answer.headers['location'])).searchParams;
  return { cookie: cookieOf(answer, 'jwt'), consent, code: consent.get('code') ?? '' };
}

async function hold(browser: SignedIn): Promise<Held> {
  const tokens = await tokensFor(test, client, browser);
  const goneOn = await tokensFor(test, otherClient, await goOn(browser, otherClient));
  const code = await approve(test, client, await goOn(browser, client));
  return { tokens, goneOn, code, browser: await goOn(browser, client) };
}

/** A sign-in by that provider, with these claims. */
async function holdBy(issuer: EvilIssuer, claims: Claims = {}): Promise<Held> {
  issuer.claims = { sub: person.name, ...claims };
  return hold(await signInBy(test, client, issuer === evil ? 'evil' : 'second'));
}

const cookieOf = (answer: Parameters<typeof cookiesOf>[0], name: string) =>
  cookiesOf(answer)
    .find((line) => line.startsWith(`${name}=`))
    ?.split(';', 1)[0] ?? '';

/** Somebody with a second factor, who has signed in by the provider and stopped there. */
async function stopByEvil() {
  const guarded = await newGuarded(test, client);
  await giveIdentity(test, guarded, evil.url, guarded.name);
  evil.claims = { sub: guarded.name };
  const answer = await finishVisit(test, await startVisit(test, { ...oauthQuery(client), issuer: 'evil' }));
  const stopped = { token: redirectOf(answer).sent['mfa_token'] ?? '', cookie: cookieOf(answer, 'gh_mfa') };
  return { guarded, stopped };
}

/** What is left of it; uses it up. */
async function leftOf({ tokens, goneOn, code, browser }: Held) {
  const grant = async (who: TestClient, fields: Record<string, string>) => {
    const { status, body } = await requestToken(test, who, fields);
    return status === 200 ? 'live' : `${body.error}`;
  };
  const refresh = (who: TestClient, { refresh_token }: Tokens) =>
    grant(who, { grant_type: 'refresh_token', refresh_token });
  const { client_id, redirect_uri } = client;
  const consent = await test.http
    .post('/api/auth/redirect')
    .set('Cookie', browser.cookie)
    .type('form')
    .send({ client_id, redirect_uri, code: browser.code });
  const further = await test.http.post('/api/auth/continue').query(oauthQuery(client)).set('Cookie', browser.cookie);
  return {
    access: await Promise.all([tokens, goneOn].map(({ access_token }) => statusOf(test, access_token))),
    refresh: [await refresh(client, tokens), await refresh(otherClient, goneOn)],
    code: await grant(client, redemption(client, code)),
    consent: redirectOf(consent).sent['error_description'] ?? 'live',
    browser: redirectOf(further).sent['error'] ?? 'live',
  };
}

const ENDED = {
  access: [401, 401],
  refresh: ['invalid_grant', 'invalid_grant'],
  code: 'invalid_grant',
  consent: 'Please sign in again',
  browser: 'login_required',
};
const LIVE = { access: [200, 200], refresh: ['live', 'live'], code: 'live', consent: 'live', browser: 'live' };

const logout = async (who: Claims, issuer = evil) =>
  outcomeOf(
    test.http
      .post(`/oauth/sso/${issuer === evil ? 'evil' : 'second'}/backchannel-logout`)
      .type('form')
      .send({ logout_token: await issuer.logoutToken(who) }),
  );
const DONE = { status: 200, body: {} };
const journal = () => eventsOf(test, person.id, 'sso.');

describe('a back-channel logout of a subject (Back-Channel Logout 1.0 §2.7)', () => {
  it('ends all sign-ins by that identity, and what came from them', async () => {
    const held = [await holdBy(evil), await holdBy(evil, { sid: 'one' }), await holdBy(evil, { sid: 'two' })];
    const letters = await rowsOf(test, 'mail_outbox', person.id);
    expect(await logout({ sub: person.name })).toStrictEqual(DONE);
    expect(await rowsOf(test, 'mail_outbox', person.id)).toBe(letters);
    for (const one of held) expect(await leftOf(one)).toEqual(ENDED);
    expect(await journal()).toEqual(['sso.logout']);
  });

  it('leaves sign-ins by password, by another provider and of other people', async () => {
    const other = await newPerson(test, client);
    await giveIdentity(test, other, evil.url, other.name);
    evil.claims = { sub: other.name };
    const theirs = await hold(await signInBy(test, client, 'evil'));
    const [byPassword, bySecond] = [await hold(await signIn(test, client, person.name)), await holdBy(second)];
    const byEvil = await holdBy(evil);
    expect(await logout({ sub: person.name })).toStrictEqual(DONE);
    expect(await leftOf(byEvil)).toEqual(ENDED);
    for (const one of [byPassword, bySecond, theirs]) expect(await leftOf(one)).toEqual(LIVE);
    expect(await eventsOf(test, other.id, 'sso.')).toEqual([]);
  });
});

describe('a back-channel logout of a session there', () => {
  it.each<[string, () => Claims]>([
    ['by its id alone', () => ({ sid: `one of ${person.name}` })],
    ['and its subject', () => ({ sid: `one of ${person.name}`, sub: person.name })],
  ])('ends the sign-in of that session, and no other: %s', async (_, who) => {
    const one = await holdBy(evil, { sid: `one of ${person.name}` });
    const two = await holdBy(evil, { sid: `two of ${person.name}` });
    const elsewhere = await holdBy(second, { sid: `one of ${person.name}` });
    const byPassword = await hold(await signIn(test, client, person.name));
    expect(await logout(who())).toStrictEqual(DONE);
    expect(await leftOf(one)).toEqual(ENDED);
    for (const other of [two, elsewhere, byPassword]) expect(await leftOf(other)).toEqual(LIVE);
    expect(await journal()).toEqual(['sso.logout']);
  });

  it('ends a sign-in of that subject whose session there is not known, and not by the session’s id alone', async () => {
    const nameless = await holdBy(evil);
    expect(await logout({ sid: 'a session' })).toStrictEqual(DONE);
    expect(await journal()).toEqual([]);
    expect(await logout({ sub: person.name, sid: 'a session' })).toStrictEqual(DONE);
    expect(await leftOf(nameless)).toEqual(ENDED);
  });
});

describe('a back-channel logout, and time', () => {
  it('does not mean sign-ins of after its token was made, also when it is repeated', async () => {
    const before = await holdBy(evil, { iat: now() - 60 });
    const logout_token = await evil.logoutToken({ sub: person.name });
    const after = await holdBy(evil, { iat: now() + 60 });
    const send = () => outcomeOf(test.http.post('/oauth/sso/evil/backchannel-logout').send({ logout_token }));
    expect([await send(), await send()]).toStrictEqual([DONE, DONE]);
    expect(await leftOf(before)).toEqual(ENDED);
    expect(await leftOf(after)).toEqual(LIVE);
    expect(await journal()).toEqual(['sso.logout']);
  });

  it('ends sign-ins that wait for a second factor', async () => {
    const { guarded, stopped } = await stopByEvil();
    expect(await rowsOf(test, 'pending_sign_in', guarded.id)).toBe(1);
    expect(await logout({ sub: guarded.name })).toStrictEqual(DONE);
    expect(await rowsOf(test, 'pending_sign_in', guarded.id)).toBe(0);
    const answer = await showFactor(test, stopped, { code: guarded.app.code() });
    expect(meaningOf(answer)).toBe('Please sign in again');
    expect(await eventsOf(test, guarded.id, 'sso.')).toEqual(['sso.logout']);
  });

  it('ends a sign-in that waited for a second factor, and got it', async () => {
    const { guarded, stopped } = await stopByEvil();
    const passed = await showFactor(test, stopped, { code: guarded.app.code() });
    const consent = new URL(String(passed.headers['location'])).searchParams;
    const held = await hold({ cookie: cookieOf(passed, 'jwt'), consent, code: consent.get('code') ?? '' });
    expect(await logout({ sub: guarded.name })).toStrictEqual(DONE);
    expect(await leftOf(held)).toEqual(ENDED);
  });

  it('gives no session to a sign-in that is under way', async () => {
    evil.claims = { sub: person.name };
    const browsers = await rowsOf(test, 'browser_session', person.id);
    const visit = await startVisit(test, { ...oauthQuery(client), issuer: 'evil' });
    // Here the sign-in is noted already, and the browser is not signed in yet.
    const block = await Roadblock.put(test, 'lock table totp_credential in access exclusive mode');
    const arrival = begin(finishVisit(test, visit));
    await block.queue(1);
    expect(await logout({ sub: person.name })).toStrictEqual(DONE);
    await block.lift();
    const answer = await arrival;
    expect(redirectOf(answer).sent).toMatchObject({ error: 'invalid_grant' });
    expect(cookiesOf(answer).filter((line) => line.startsWith('jwt='))).toEqual([]);
    expect(await rowsOf(test, 'browser_session', person.id)).toBe(browsers);
  });

  it('ends the session for a code that is redeemed at that moment', async () => {
    const { code } = await holdBy(evil);
    // The redemption has spent the code, and waits to be written.
    const block = await Roadblock.put(test, 'select from seen_network where user_id = $1 for update', [person.id]);
    const redeemed = begin(requestToken(test, client, redemption(client, code)));
    await block.queue(1);
    const ended = begin(logout({ sub: person.name }));
    await block.queue(2);
    await block.lift();
    const { status, body } = await redeemed;
    expect([status, await ended]).toStrictEqual([200, DONE]);
    expect(await statusOf(test, body.access_token)).toBe(401);
  });
});
