import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person, rowOf } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  approve,
  countRows,
  oauthQuery,
  outcomeOf,
  pkcePair,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  signIn,
  type TestClient,
} from './support/flows.js';
import { type HonestIssuer, startHonestIssuer } from './support/honest-issuer.js';
import { walkHonestLogin } from './support/honest-login.js';
import { deliver, finishVisit, giveIdentity, provider, startVisit } from './support/sso.js';
import { comeVouched, cookieOf, effectOf, FLOW_CLEARED, SECRET, SESSION, vouchFor } from './support/vouched.js';

let test: TestApp;
let evil: EvilIssuer;
let honest: HonestIssuer;
let client: TestClient;
let person: Person;
/** The subject of the person at both providers. */
let sub: string;
let asked: Record<string, string>;
let people = 0;
const { verifier, challenge } = pkcePair();
beforeAll(async () => {
  evil = await startEvilIssuer();
  honest = await startHonestIssuer({ redirectUris: [`${PUB}/oauth/sso/honest/callback`], accounts: [] });
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url), provider('honest', honest.url)];
  });
  client = await registerClient(test, { website: 'https://app.example/' });
  asked = oauthQuery(client, { state: 'ä&=#%\r\n😀 ', code_challenge: challenge, code_challenge_method: 'S256' });
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), honest.stop()]);
});
beforeEach(async () => {
  person = await newPerson(test, client);
  sub = `sub-${++people}`;
  honest.accounts.push({
    sub,
    claims: { preferred_username: 'somebody', email: 'else@example.net', email_verified: true },
  });
  for (const issuer of [evil.url, honest.url]) await giveIdentity(test, person, issuer, sub);
  await newEvents(test, person.id);
});

/** The same way back from either. */
async function arrive(issuer: string) {
  const query = { ...asked, issuer };
  if (issuer === 'evil') return comeVouched(test, evil, query, { sub });
  return finishVisit(test, await startVisit(test, query), (url) => walkHonestLogin(url, sub));
}

describe('a sign-in at a provider by a known identity (contract.md §3.7)', () => {
  it.each(['honest', 'evil'])('goes on to consent, and from there to tokens, at the %s issuer', async (issuer) => {
    const answer = await arrive(issuer);
    expect(effectOf(answer)).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/consent`,
      sent: { application: 'Test client', website: 'https://app.example/', ...asked, code: SECRET },
      cookies: [FLOW_CLEARED, SESSION],
    });
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(await newEvents(test, person.id)).toEqual(['login.succeeded']);

    const cookie = cookieOf(answer, 'jwt');
    expect(decodeJwt(cookie.slice('jwt='.length))).toMatchObject({ iss: PUB, sub: person.id, aud: client.client_id });
    const { sent } = redirectOf(answer);
    const browser = { cookie, code: sent['code'] ?? '', consent: new URLSearchParams(sent) };
    const grant = { ...redemption(client, await approve(test, client, browser)), code_verifier: verifier };
    const tokens = await requestToken(test, client, grant);
    expect(tokens.body).toMatchObject({ scope: 'read write', me: `${PUB}/users/${person.name}` });
    const me = test.http.get('/api/v1/accounts/verify_credentials').auth(tokens.body.access_token, { type: 'bearer' });
    expect((await me).body).toMatchObject({ id: person.id, username: person.name });
  });

  it('notes the client program in the journal, and when the identity was used', async () => {
    await arrive('evil');
    const [event] = await test.dataSource.query(
      `select type, application_id as "applicationId" from audit_event where user_id = $1 order by id desc limit 1`,
      [person.id],
    );
    expect(event).toEqual({ type: 'login.succeeded', applicationId: Number(client.id) });
    const used = await test.dataSource.query(
      'select issuer, last_used_at is not null as "isUsed" from linked_identity where user_id = $1',
      [person.id],
    );
    expect(used).toHaveLength(2);
    expect(used).toEqual(
      expect.arrayContaining([
        { issuer: evil.url, isUsed: true },
        { issuer: honest.url, isUsed: false },
      ]),
    );
  });

  it('leaves the account as it is, whatever the provider says of name and address by now (R94)', async () => {
    const before = await rowOf(test, person.id);
    const other = await newPerson(test, client);
    const claims = { sub, preferred_username: other.name, name: 'Another', email: other.email, email_verified: true };
    const answer = await comeVouched(test, evil, { ...asked, issuer: 'evil' }, claims);
    expect(decodeJwt(cookieOf(answer, 'jwt').slice('jwt='.length))).toMatchObject({ sub: person.id });
    expect(await rowOf(test, person.id)).toEqual(before);
  });

  it('takes one subject of two issuers for two people (R94)', async () => {
    const [one, other] = [await newPerson(test, client), await newPerson(test, client)];
    const known = 'shared-subject';
    await giveIdentity(test, one, evil.url, known);
    await giveIdentity(test, other, honest.url, known);
    honest.accounts.push({ sub: known, claims: {} });
    const subjects: unknown[] = [];
    const visit = await startVisit(test, { ...asked, issuer: 'honest' });
    for (const answer of [
      await comeVouched(test, evil, { ...asked, issuer: 'evil' }, { sub: known }),
      await finishVisit(test, visit, (url) => walkHonestLogin(url, known)),
    ])
      subjects.push(decodeJwt(cookieOf(answer, 'jwt').slice('jwt='.length)).sub);
    expect(subjects).toEqual([one.id, other.id]);
  });

  it('adopts no session that the browser had, and ends none', async () => {
    const other = await newPerson(test, client);
    const browser = await signIn(test, client, other.name);
    const { callback, cookie } = await vouchFor(test, evil, { ...asked, issuer: 'evil' }, { sub });
    const answer = await deliver(test, callback, `${browser.cookie}; ${cookie}`);
    const [before, after] = [browser.cookie, cookieOf(answer, 'jwt')].map((jwt) => decodeJwt(jwt.slice('jwt='.length)));
    expect(after).toMatchObject({ sub: person.id });
    expect(after?.['sid']).not.toBe(before?.['sid']);
    const goingOn = await test.http.post('/api/auth/continue').query(oauthQuery(client)).set('Cookie', browser.cookie);
    expect(redirectOf(goingOn).to).toBe(`${PUB}/oauth/consent`);
  });

  it('goes nowhere when the client is gone by then, and leaves no session', async () => {
    const gone = await registerClient(test);
    const query = { ...oauthQuery(gone), issuer: 'evil' };
    const { callback, cookie } = await vouchFor(test, evil, query, { sub });
    await test.dataSource.query('delete from application where id = $1', [gone.id]);
    const before = await countRows(test);
    expect(await outcomeOf(deliver(test, callback, cookie))).toEqual({
      status: 400,
      body: { error: 'invalid_client', error_description: 'Unknown client_id' },
    });
    const after = await countRows(test);
    expect([after['browser_session'], after['sso_session']]).toEqual([
      before['browser_session'],
      before['sso_session'],
    ]);
  });
});
