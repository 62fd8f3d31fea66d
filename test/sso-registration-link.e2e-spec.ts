import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { mailsOf, titles } from './support/account-mails.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { oauthQuery, PASSWORD, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { enableTotp, factorLetterKinds, makeCodes } from './support/mfa.js';
import { addPasskey } from './support/passkeys.js';
import { lettersTo } from './support/reactivation.js';
import { begin, Roadblock } from './support/roadblock.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';
import { giveIdentity, identitiesOf, provider } from './support/sso.js';
import {
  comeVouched,
  cookieOf,
  cookiesGiven,
  effectOf,
  FLOW_CLEARED,
  holdings,
  postNaming,
  reachNaming,
  SECRET,
  sentToLogin,
  SESSION,
  type Unnamed,
} from './support/vouched.js';

const WRONG = 'Invalid identifier or password';
const FACTOR_TOO = 'This account asks for a second factor as well.';
const EXPIRED = 'This sign-in has expired or was started elsewhere';

let test: TestApp;
let smtp: SmtpListener;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
let owner: Person;
let claims: { sub: string; email: string; email_verified: boolean };
let unnamed: Unnamed;
beforeAll(async () => {
  [smtp, evil] = await Promise.all([startSmtp(), startEvilIssuer()]);
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.sso.providers = [provider('evil', evil.url)];
  });
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
});
afterAll(async () => {
  await test.close();
  await Promise.all([smtp.close(), evil.stop()]);
});
beforeEach(async () => {
  owner = await newPerson(test, client);
  // With the owner's own address, which counts for nothing.
  claims = { sub: `sub-${owner.name}`, email: owner.email, email_verified: true };
  unnamed = await reachNaming(test, evil, { ...asked, issuer: 'evil' }, claims);
  await newEvents(test, owner.id);
});

/** "This is my account": with its name and password unless something else is said. */
const prove = (fields: Record<string, string | undefined> = {}, by = unnamed) =>
  postNaming(test, by, { decision: 'link', identifier: owner.name, password: PASSWORD, ...fields });

const IN = { status: 302, text: '', to: `${PUB}/oauth/consent`, cookies: [FLOW_CLEARED, SESSION] };

/** What a proof that fails leads to; it changes nothing. */
async function failure(fields: Record<string, string | undefined>) {
  const before = await holdings(test);
  const effect = effectOf(await prove(fields));
  expect(await holdings(test)).toEqual(before);
  expect(await identitiesOf(test, owner)).toEqual([]);
  return effect;
}

/** The page again, with this sentence and without anything that was typed. */
const again = (sentence: string) => ({
  status: 302,
  text: '',
  to: `${PUB}/oauth/sso/register`,
  sent: { ...unnamed.sent, error: 'invalid_request', error_description: sentence },
  cookies: [],
});

describe('POST /api/auth/sso/register with decision=link', () => {
  it('gives the identity to whoever proves an account, tells them, and signs in', async () => {
    expect(unnamed.sent).toMatchObject({ email: '' });
    let answer: Awaited<ReturnType<typeof prove>> | undefined;
    const mails = await mailsOf(test, smtp, async () => (answer = await prove()));
    expect(effectOf(answer!)).toEqual({ ...IN, sent: { application: 'Test client', ...asked, code: SECRET } });
    expect(decodeJwt(cookieOf(answer!, 'jwt').slice('jwt='.length))).toMatchObject({ sub: owner.id });
    expect(titles(mails)).toEqual([[owner.email, 'identity_linked']]);
    expect(mails[0]?.subject).toBe('Evil can sign you in at Gatehouse');
    expect(await newEvents(test, owner.id)).toEqual(['sso.linked', 'login.succeeded']);
    const listed = await test.http.get('/api/v1/security_events').auth(owner.token, { type: 'bearer' });
    expect(listed.body.map(({ type }: { type: string }) => type).slice(0, 2)).toEqual([
      'login.succeeded',
      'sso.linked',
    ]);
    expect(await identitiesOf(test, owner)).toEqual([{ issuer: evil.url, subject: claims.sub }]);
    const next = await comeVouched(test, evil, { ...asked, issuer: 'evil' }, claims);
    expect(effectOf(next)).toMatchObject(IN);
  });

  it('takes the address for the name, in any letters', async () => {
    expect(effectOf(await prove({ identifier: ` ${owner.email.toUpperCase()}` }))).toMatchObject(IN);
  });

  it('is done once', async () => {
    await prove();
    expect(redirectOf(await prove())).toEqual(sentToLogin({}, 'invalid_request', EXPIRED));
  });

  it.each<[string, Record<string, string | undefined>]>([
    ['a wrong password', { password: 'wrong' }],
    ['no password', { password: undefined }],
    ['nobody’s name', { identifier: 'nobody' }],
    ['no name', { identifier: undefined }],
  ])('shows the page again after %s, as often as wanted', async (_, fields) => {
    expect(await failure(fields)).toEqual(again(WRONG));
    expect(await failure(fields)).toEqual(again(WRONG));
    expect(effectOf(await prove())).toMatchObject(IN);
  });

  it('takes no password of an account that has none', async () => {
    await changeUser(test, owner.id, 'password_hash = null');
    expect(await failure({})).toEqual(again(WRONG));
    expect(await newEvents(test, owner.id)).toEqual(['login.failed']);
  });

  it.each([
    ['disabled_at = now(), disabled_by_staff = true', 'Your login is currently disabled'],
    ['disabled_at = now()', 'Your login is currently disabled'],
    [`deletion_due_at = now() + interval '1 day'`, 'Your login is currently disabled'],
    ['confirmation_pending = true', 'Your login is missing a confirmed e-mail address'],
    ['approval_pending = true', 'Your login is currently pending approval'],
    ['password_reset_required = true', 'Password reset is required'],
  ])('links nothing to an account after %s, and says why only to whoever knows the password', async (change, why) => {
    await changeUser(test, owner.id, change);
    expect(await failure({ password: 'wrong' })).toEqual(again(WRONG));
    expect(await failure({})).toEqual(again(why));
  });

  it('does not replace the identity that the account has at that provider', async () => {
    await giveIdentity(test, owner, evil.url, 'another-subject');
    const known = await lettersTo(test, owner.id);
    const answer = await prove();
    const sentence = 'This account is linked to another identity at Evil already';
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'invalid_request', sentence));
    expect(cookiesGiven(answer)).toEqual([]);
    expect(await identitiesOf(test, owner)).toEqual([{ issuer: evil.url, subject: 'another-subject' }]);
    expect(await lettersTo(test, owner.id)).toEqual(known);
    expect(await newEvents(test, owner.id)).toEqual([]);
  });

  it('lets nobody in as the one to whom somebody linked the identity meanwhile', async () => {
    const other = await newPerson(test, client);
    const app = await enableTotp(test, other);
    await giveIdentity(test, other, evil.url, claims.sub);
    const before = await holdings(test);
    for (const fields of [{}, { identifier: other.name, code: app.code() }]) {
      const answer = await prove(fields);
      expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'invalid_request', EXPIRED));
      expect(cookiesGiven(answer)).toEqual([]);
    }
    expect(await identitiesOf(test, owner)).toEqual([]);
    expect(await holdings(test)).toEqual(before);
  });

  it('counts a password for nothing that was changed while it was looked at', async () => {
    const raise = 'update "user" set credential_epoch = credential_epoch + 1 where id = $1';
    const block = await Roadblock.put(test, raise, [owner.id]);
    const answer = begin(prove());
    await block.queue(1);
    await block.settle();
    expect(redirectOf(await answer)).toMatchObject({
      to: `${PUB}/oauth/sso/register`,
      sent: { error: 'invalid_request', error_description: 'Invalid password.' },
    });
    expect(await identitiesOf(test, owner)).toEqual([]);
    // It was not used up by that.
    expect(effectOf(await prove())).toMatchObject(IN);
  });
});

describe('decision=link to an account with a second factor', () => {
  it('asks for a code of it beside the password, and for none afterwards', async () => {
    const app = await enableTotp(test, owner);
    expect(await failure({ password: 'wrong', code: app.code() })).toEqual(again(WRONG));
    expect(await failure({})).toEqual(again(FACTOR_TOO));
    expect(await failure({ code: '' })).toEqual(again(FACTOR_TOO));
    expect(await failure({ code: app.wrongCode })).toEqual(again('Invalid code.'));
    await newEvents(test, owner.id);
    expect(effectOf(await prove({ code: app.code() }))).toEqual({
      ...IN,
      sent: { application: 'Test client', ...asked, code: SECRET },
    });
    expect(await newEvents(test, owner.id)).toEqual(['mfa.passed', 'sso.linked', 'login.succeeded']);
  });

  it('takes a backup code, and the account’s passkeys are no way around it', async () => {
    await addPasskey(test, owner);
    const [code = ''] = await makeCodes(test, owner);
    expect(await failure({})).toEqual(again(FACTOR_TOO));
    expect(await failure({ code: '123456' })).toEqual(again('Invalid code.'));
    expect(effectOf(await prove({ code }))).toMatchObject(IN);
    expect(await factorLetterKinds(test, owner)).toContain('backup_code_used');
    const next = await comeVouched(test, evil, { ...asked, issuer: 'evil' }, claims);
    expect(redirectOf(next)).toMatchObject({ to: `${PUB}/oauth/mfa`, sent: { challenge_types: 'webauthn,recovery' } });
  });

  it('says nothing of the account’s state before the code', async () => {
    const app = await enableTotp(test, owner);
    await changeUser(test, owner.id, 'approval_pending = true');
    expect(await failure({})).toEqual(again(FACTOR_TOO));
    expect(await failure({ code: app.wrongCode })).toEqual(again('Invalid code.'));
    expect(await failure({ code: app.code() })).toEqual(again('Your login is currently pending approval'));
  });
});
