import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person, rowOf } from './support/account.js';
import { deleteAccount, erasureOf, letGraceEnd } from './support/account-ending.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import type { Claims } from './support/evil-tokens.js';
import { oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { giveIdentity, identitiesOf, provider } from './support/sso.js';
import { accountOf, comeVouched, cookieOf, cookiesGiven, holdings, sentToLogin } from './support/vouched.js';

const CONSENT = `${PUB}/oauth/consent`;
const PAGE = `${PUB}/oauth/sso/register`;

let test: TestApp;
let evil: EvilIssuer;
let other: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
let name: string;
let people = 0;
beforeAll(async () => {
  [evil, other] = await Promise.all([startEvilIssuer(), startEvilIssuer()]);
  test = await startApp((config) => {
    config.sso.providers = [evil, other].map(({ url }, n) =>
      provider(n ? 'other' : 'evil', url, { auto_register: true }),
    );
    config.registrations.email_required = false;
  });
  await test.listen();
  client = await registerClient(test);
  asked = oauthQuery(client);
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), other.stop()]);
});
beforeEach(() => {
  name = `new_${++people}`;
});
afterEach(() => {
  evil.userinfo = {};
  test.config.registrations.email_required = false;
  for (const configured of test.config.sso.providers) configured.registrations = null;
});

const arrive = (claims: Claims = {}, at = evil) =>
  comeVouched(
    test,
    at,
    { ...asked, issuer: at === evil ? 'evil' : 'other' },
    {
      sub: name,
      preferred_username: name,
      ...claims,
    },
  );

/** Whom a callback has signed in. */
const subjectOf = (answer: Parameters<typeof cookieOf>[0]) => decodeJwt(cookieOf(answer, 'jwt').slice(4)).sub;

describe('an address that a provider tells (contract.md §3.7, R94)', () => {
  const email = () => `${name}@example.org`;

  it.each<[string, () => [idToken: Claims, userinfo: Claims]]>([
    ['in the ID token', () => [{ email: email(), email_verified: true }, {}]],
    ['in userinfo', () => [{}, { email: email(), email_verified: true }]],
    ['in other letters', () => [{ email: ` ${email().toUpperCase()} `, email_verified: true }, {}]],
    [
      'in the ID token, with another one in userinfo',
      () => [
        { email: email(), email_verified: true },
        { email: 'x@example.net', email_verified: true },
      ],
    ],
  ])('is the account’s when it is verified %s', async (_, documents) => {
    const [claims, userinfo] = documents();
    evil.userinfo = userinfo;
    expect(redirectOf(await arrive(claims)).to).toBe(CONSENT);
    expect(await accountOf(test, name)).toMatchObject({ email: email(), isVerified: true, awaitsConfirmation: false });
  });

  it.each<[string, () => [idToken: Claims, userinfo: Claims]]>([
    ['verified is false', () => [{ email: email(), email_verified: false }, {}]],
    ['verified is the text "true"', () => [{ email: email(), email_verified: 'true' }, {}]],
    ['verified is 1', () => [{ email: email(), email_verified: 1 }, {}]],
    ['verified is a list', () => [{ email: email(), email_verified: [true] }, {}]],
    ['nothing is said of it', () => [{ email: email() }, {}]],
    ['userinfo verifies what the ID token has', () => [{ email: email() }, { email_verified: true }]],
    ['userinfo verifies another one', () => [{ email: email() }, { email: 'y@example.net', email_verified: true }]],
    ['the ID token verifies what userinfo has', () => [{ email_verified: true }, { email: email() }]],
    ['it is none', () => [{ email: 'nobody', email_verified: true }, {}]],
    ['it is a list', () => [{ email: [email()], email_verified: true }, {}]],
    ['it is too long', () => [{ email: `${'a'.repeat(250)}@example.org`, email_verified: true }, {}]],
    ['it is two', () => [{ email: `${email()}, x@example.org`, email_verified: true }, {}]],
  ])('is nobody’s when %s', async (_, documents) => {
    const [claims, userinfo] = documents();
    evil.userinfo = userinfo;
    expect(redirectOf(await arrive(claims)).to).toBe(CONSENT);
    expect(await accountOf(test, name)).toMatchObject({ email: null, isVerified: false });
  });

  it.each([true, false])('lets nobody into the account that has it, verified: %s', async (isVerified) => {
    const victim = await newPerson(test, client);
    const before = await rowOf(test, victim.id);
    const answer = await arrive({ email: victim.email, email_verified: isVerified });
    expect(redirectOf(answer).to).toBe(CONSENT);
    const account = await accountOf(test, name);
    expect(account).toMatchObject({ email: null, isVerified: false, identities: [[evil.url, name]] });
    expect(subjectOf(answer)).toBe(account?.['id']);
    expect(await rowOf(test, victim.id)).toEqual(before);
    expect(await identitiesOf(test, victim)).toEqual([]);
  });

  it('is not shown on the page when somebody has it, nor when it is not verified', async () => {
    test.config.registrations.email_required = true;
    const victim = await newPerson(test, client);
    for (const claims of [
      { email: victim.email, email_verified: true },
      { email: victim.email, email_verified: false },
      { email: email(), email_verified: 'true' },
    ]) {
      const answer = await arrive(claims);
      expect(redirectOf(answer)).toMatchObject({ to: PAGE, sent: { email: '', preferred_username: name } });
    }
    expect(await accountOf(test, name)).toBeNull();
  });

  it('is not somebody’s whom the provider vouched for under it before: the subject is who they are', async () => {
    await arrive({ email: email(), email_verified: true });
    const first = await accountOf(test, name);
    const answer = await arrive({
      sub: `${name}-other`,
      preferred_username: `${name}_other`,
      email: email(),
      email_verified: true,
    });
    expect(subjectOf(answer)).not.toBe(first?.['id']);
    expect(await accountOf(test, `${name}_other`)).toMatchObject({
      email: null,
      identities: [[evil.url, `${name}-other`]],
    });
    expect(await accountOf(test, name)).toEqual(first);
  });
});

describe('one subject at two providers', () => {
  it('is two people, of whom neither gets the other’s account', async () => {
    const here = await arrive();
    const there = await arrive({ preferred_username: `${name}_there` }, other);
    expect(subjectOf(there)).not.toBe(subjectOf(here));
    expect(await accountOf(test, name)).toMatchObject({ identities: [[evil.url, name]] });
    expect(await accountOf(test, `${name}_there`)).toMatchObject({ identities: [[other.url, name]] });
  });

  it.each<[string, (subject: string) => string]>([
    ['in capitals', (subject) => subject.toUpperCase()],
    ['with spaces around it', (subject) => ` ${subject} `],
    ['with one character more', (subject) => `${subject}.`],
  ])('is somebody else %s', async (_, spell) => {
    await arrive();
    const answer = await arrive({ sub: spell(name) });
    expect(redirectOf(answer)).toMatchObject({ to: PAGE, sent: { preferred_username: name } });
    expect(cookiesGiven(answer)).toEqual([expect.stringMatching(/^gh_flow_/)]);
  });
});

describe('an identity of an account that is deleted', () => {
  let person: Person;
  beforeEach(async () => {
    person = await newPerson(test, client);
    await giveIdentity(test, person, evil.url, name);
    await deleteAccount(test, person);
  });

  it('leads back to the account before the erasure, and makes no new one', async () => {
    const { user, linked_identity } = await holdings(test);
    const answer = await arrive();
    expect(redirectOf(answer)).toMatchObject({
      to: `${PUB}/oauth/reactivate`,
      sent: { reason: 'deletion_pending' },
    });
    expect(await holdings(test)).toMatchObject({ user, linked_identity });
    expect(await accountOf(test, name)).toBeNull();
  });

  it('is free after it, and the name of the account is not', async () => {
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    expect(await identitiesOf(test, person)).toEqual([]);
    const wish = await arrive({ preferred_username: person.name });
    expect(redirectOf(wish)).toMatchObject({ to: PAGE, sent: { preferred_username: person.name } });
    const answer = await arrive();
    expect(redirectOf(answer).to).toBe(CONSENT);
    const account = await accountOf(test, name);
    expect(account).toMatchObject({ identities: [[evil.url, name]] });
    expect(subjectOf(answer)).toBe(account?.['id']);
    expect(subjectOf(answer)).not.toBe(person.id);
  });

  it('is nobody’s after it where the provider makes no accounts', async () => {
    await letGraceEnd(test, person);
    await erasureOf(test, person);
    for (const configured of test.config.sso.providers) configured.registrations = false;
    const answer = await arrive();
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'invalid_request', 'No user found with that account'));
    expect(cookiesGiven(answer)).toEqual([]);
  });
});
