import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, changePassword, DONE, newEvents, newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import type { Claims } from './support/evil-tokens.js';
import { oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { type HonestIssuer, startHonestIssuer } from './support/honest-issuer.js';
import { walkHonestLogin } from './support/honest-login.js';
import {
  type Authenticator,
  enableTotp,
  makeCodes,
  meaningOf,
  showFactor,
  type StoppedAtFactor,
} from './support/mfa.js';
import { addPasskey, asFactor, factorOptions } from './support/passkeys.js';
import { endings, reactivate } from './support/reactivation.js';
import { callLinks, finishVisit, giveIdentity, provider, startVisit } from './support/sso.js';
import {
  comeVouched,
  cookieOf,
  cookiesGiven,
  effectOf,
  FLOW_CLEARED,
  holdings,
  SECRET,
  sentToLogin,
  SESSION,
  STEP,
  STEP_CLEARED,
} from './support/vouched.js';

const TWO_FACTORS = 'urn:example:two-factors';

let test: TestApp;
let evil: EvilIssuer;
let trusted: EvilIssuer;
let honest: HonestIssuer;
let client: TestClient;
let asked: Record<string, string>;
let person: Person;
beforeAll(async () => {
  [evil, trusted] = await Promise.all([startEvilIssuer(), startEvilIssuer()]);
  honest = await startHonestIssuer({ redirectUris: [`${PUB}/oauth/sso/honest/callback`], accounts: [] });
  test = await startApp((config) => {
    config.sso.providers = [
      provider('evil', evil.url),
      provider('trusted', trusted.url, { mfa_acr: [TWO_FACTORS, '2'], mfa_amr: ['otp', 'hwk'] }),
      provider('honest', honest.url, { mfa_acr: [TWO_FACTORS] }),
    ];
  });
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), trusted.stop(), honest.stop()]);
});
beforeEach(async () => {
  person = await newPerson(test, client);
  for (const issuer of [evil, trusted, honest]) await giveIdentity(test, person, issuer.url, person.name);
  honest.accounts.push({ sub: person.name, claims: {} });
});

/** Comes back from the provider that is trusted with nothing. */
const arrive = () => comeVouched(test, evil, { ...asked, issuer: 'evil' }, { sub: person.name, amr: ['otp'] });

/** Stops at the question for the factor. */
async function stop(): Promise<StoppedAtFactor> {
  const answer = await arrive();
  return { token: redirectOf(answer).sent['mfa_token'] ?? '', cookie: cookieOf(answer, 'gh_mfa') };
}

describe('a sign-in at a provider to an account with a second factor (contract.md §3.7)', () => {
  let app: Authenticator;
  beforeEach(async () => {
    app = await enableTotp(test, person);
  });

  it('asks for it first, and opens nothing before (R96)', async () => {
    const before = await holdings(test);
    await newEvents(test, person.id);
    const answer = await arrive();
    expect(effectOf(answer)).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/mfa`,
      sent: { mfa_token: SECRET, challenge_types: 'totp,recovery', ...asked },
      cookies: [FLOW_CLEARED, STEP],
    });
    expect(await holdings(test)).toEqual({
      ...before,
      pending_sign_in: (before['pending_sign_in'] ?? 0) + 1,
      sso_session: (before['sso_session'] ?? 0) + 1,
    });
    expect(await newEvents(test, person.id)).toEqual(['login.mfa_required']);
  });

  it('goes on to consent after POST /api/auth/mfa, as the sign-in that the provider vouched for', async () => {
    const stopped = await stop();
    await newEvents(test, person.id);
    const wrong = await showFactor(test, stopped, { code: app.wrongCode });
    expect(redirectOf(wrong)).toEqual({
      to: `${PUB}/oauth/mfa`,
      sent: { mfa_token: stopped.token, ...asked, error: 'invalid_grant', error_description: 'Invalid code' },
    });
    expect(cookiesGiven(wrong)).toEqual([]);
    const answer = await showFactor(test, stopped, { code: app.code() });
    expect(effectOf(answer)).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/consent`,
      sent: { application: 'Test client', ...asked, code: SECRET },
      cookies: [STEP_CLEARED, SESSION],
    });
    expect(await newEvents(test, person.id)).toEqual(['mfa.failed', 'mfa.passed', 'login.succeeded']);
    const [session] = await test.dataSource.query(
      `select i.issuer from browser_session b join sso_session o on o.id = b.sso_session_id
       join linked_identity i on i.id = o.identity_id where b.user_id = $1 order by b.created_at desc limit 1`,
      [person.id],
    );
    expect(session).toEqual({ issuer: evil.url });
  });

  it('takes a backup code, once', async () => {
    const [code = ''] = await makeCodes(test, person);
    const fields = { code, challenge_type: 'recovery' };
    expect(meaningOf(await showFactor(test, await stop(), fields))).toBe('signed in');
    expect(meaningOf(await showFactor(test, await stop(), fields))).toBe('Invalid code');
  });

  it.each<[string, Claims]>([
    ['acr', { acr: TWO_FACTORS }],
    ['acr, the second of the list', { acr: '2', amr: ['pwd'] }],
    ['amr', { amr: ['pwd', 'otp'] }],
  ])('asks for none where the operator trusts the ID token’s %s', async (_, claims) => {
    const answer = await comeVouched(test, trusted, { ...asked, issuer: 'trusted' }, { sub: person.name, ...claims });
    expect(effectOf(answer)).toMatchObject({ to: `${PUB}/oauth/consent`, cookies: [FLOW_CLEARED, SESSION] });
  });

  it.each<[string, Claims, Claims]>([
    ['none of the values', { acr: 'urn:example:password', amr: ['pwd'] }, {}],
    ['part of a value', { acr: `${TWO_FACTORS}-not`, amr: ['otp2', 'OTP', 'pwd otp'] }, {}],
    ['a value of the other list', { acr: 'otp', amr: [TWO_FACTORS, '2'] }, {}],
    ['a list of acr, which is one text', { acr: [TWO_FACTORS] }, {}],
    ['a number', { acr: 2, amr: [2] }, {}],
    ['the values in userinfo only', {}, { acr: TWO_FACTORS, amr: ['otp'] }],
    ['nothing at all', {}, {}],
  ])('asks for it where the trusted provider’s ID token has %s', async (_, claims, userinfo) => {
    trusted.userinfo = userinfo;
    const answer = await comeVouched(test, trusted, { ...asked, issuer: 'trusted' }, { sub: person.name, ...claims });
    trusted.userinfo = {};
    expect(effectOf(answer)).toMatchObject({ to: `${PUB}/oauth/mfa`, cookies: [FLOW_CLEARED, STEP] });
  });

  it.each([
    [TWO_FACTORS, 'consent'],
    ['urn:example:password', 'mfa'],
  ])('believes a published provider about %s', async (acr, page) => {
    honest.proof = { acr };
    const visit = await startVisit(test, { ...asked, issuer: 'honest' });
    const answer = await finishVisit(test, visit, (url) => walkHonestLogin(url, person.name));
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/${page}`);
  });

  it('says nothing of the account’s state before, and everything afterwards', async () => {
    await endings(test).disable(person.id, 'owner', null);
    const stopped = await stop();
    const answer = await showFactor(test, stopped, { code: app.code() });
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/reactivate`,
      sent: { reactivation_token: SECRET, reason: 'disabled', ...asked },
    });
    const token = redirectOf(answer).sent['reactivation_token'] ?? '';
    const back = await reactivate(test, { token, cookie: cookieOf(answer, 'gh_mfa') });
    expect(effectOf(back)).toMatchObject({ to: `${PUB}/oauth/consent`, cookies: [STEP_CLEARED, SESSION] });
  });

  it.each<[string, () => Promise<unknown>]>([
    [
      'the password is changed',
      async () => expect(await act(test, person, 'change_password', changePassword('a new horse'))).toEqual(DONE),
    ],
    [
      'the identity is unlinked',
      async () => expect((await callLinks(test, person, 'delete', '/evil')).status).toBe(204),
    ],
    ['another identity is unlinked', async () => callLinks(test, person, 'delete', '/trusted')],
    ['staff disables the account', async () => endings(test).disable(person.id, 'staff', null)],
    ['its owner disables it', async () => endings(test).disable(person.id, 'owner', null)],
    ['its deletion is asked for', async () => endings(test).scheduleDeletion(person.id, null)],
    ['everything is revoked', async () => test.http.delete('/api/oauth_tokens').auth(person.token, { type: 'bearer' })],
  ])('is over when %s before the code is shown', async (_, change) => {
    const stopped = await stop();
    await change();
    const answer = await showFactor(test, stopped, { code: app.code() });
    expect(redirectOf(answer)).toEqual(sentToLogin({}, 'invalid_grant', 'Please sign in again'));
    expect(cookiesGiven(answer)).toEqual([]);
  });
});

describe('a sign-in at a provider to an account with nothing but a passkey beside it', () => {
  it('asks for the passkey, and takes it (R96)', async () => {
    const { device } = await addPasskey(test, person);
    await test.dataSource.query('update "user" set password_hash = null where id = $1', [person.id]);
    const answer = await arrive();
    expect(redirectOf(answer)).toEqual({
      to: `${PUB}/oauth/mfa`,
      sent: { mfa_token: SECRET, challenge_types: 'webauthn,recovery', ...asked },
    });
    expect(cookiesGiven(answer)).toEqual(['gh_mfa']);
    const stopped = { token: redirectOf(answer).sent['mfa_token'] ?? '', cookie: cookieOf(answer, 'gh_mfa') };
    expect(meaningOf(await showFactor(test, stopped, { code: '123456' }))).toBe('Invalid code');
    const signature = device.get(await factorOptions(test, stopped));
    expect(meaningOf(await showFactor(test, stopped, asFactor(signature)))).toBe('signed in');
  });
});
