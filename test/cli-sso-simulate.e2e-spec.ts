import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readClaimsInput } from '../src/cli/claims-input.js';
import { describeSimulation, outcomeOf } from '../src/cli/describe-simulation.js';
import { Mistake } from '../src/cli/mistake.js';
import { type Simulation, simulateSignIn } from '../src/cli/sign-in-simulation.js';
import { RegistrationsConfig } from '../src/config/config.js';
import { SsoProviderConfig } from '../src/config/sso-config.js';
import { newPerson, type Person } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import type { Claims } from './support/evil-tokens.js';
import { countRows, oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { CLIENT_ID } from './support/issuer-server.js';
import { newGuarded } from './support/mfa.js';
import { giveIdentity, provider } from './support/sso.js';
import { comeVouched } from './support/vouched.js';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let evilProvider: SsoProviderConfig;
let settings: SsoProviderConfig;
let people = 0;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => (config.sso.providers = [provider('evil', evil.url)]));
  [evilProvider] = test.config.sso.providers as [SsoProviderConfig];
  settings = structuredClone({ ...evilProvider });
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
afterEach(() => {
  Object.assign(evilProvider, structuredClone(settings));
  test.config.registrations = new RegistrationsConfig();
});

async function simulate(claims: object): Promise<Simulation> {
  return simulateSignIn(test.app, evilProvider, readClaimsInput(JSON.stringify(claims), evilProvider));
}

/** What a simulation says, and where a sign-in with the same claims then leads; the simulation leaves nothing behind. */
async function both(claims: Claims & { sub: string }) {
  const before = { ...(await countRows(test)), job: expect.any(Number), mail_outbox: expect.any(Number) };
  const simulation = await simulate(claims);
  expect(await countRows(test)).toEqual(before);
  const { to, sent } = redirectOf(await comeVouched(test, evil, { ...oauthQuery(client), issuer: 'evil' }, claims));
  const { code, sentence } = outcomeOf(simulation);
  const really = `${to.replace(PUB, '')}${sent['error'] === undefined ? '' : ` ${sent['identifier'] ?? sent['error']}`}`;
  return { code, sentence, really, simulation };
}

const newSubject = () => `sub-${++people}`;

/** A person here and their subject at the provider. */
async function newKnown(person?: Person): Promise<Person & { sub: string }> {
  const known = person ?? (await newPerson(test, client));
  const sub = newSubject();
  await giveIdentity(test, known, evil.url, sub);
  return { ...known, sub };
}

describe('a simulated sign-in of somebody known', () => {
  it('ends as the real one', async () => {
    const { sub, name } = await newKnown();
    expect(await both({ sub, preferred_username: 'another_name' })).toMatchObject({
      code: 'signed_in',
      sentence: `${name} would be signed in`,
      really: '/oauth/consent',
      simulation: { account: { username: name, challenges: [], asked_for_second_factor: false }, newcomer: null },
    });
  });

  it('asks for a second factor unless the provider has seen one that counts', async () => {
    const { sub, name } = await newKnown(await newGuarded(test, client));
    Object.assign(evilProvider, { mfa_acr: ['gold'], mfa_amr: ['otp'] });
    const asked = await both({ sub, acr: 'silver', amr: ['pwd'] });
    expect(asked).toMatchObject({
      code: 'second_factor',
      sentence: `${name} would be asked for a second factor, then signed in`,
      really: '/oauth/mfa',
    });
    expect(describeSimulation(asked.simulation, evilProvider)).toEqual(
      expect.arrayContaining([
        "Second factor:  the provider's does not count here: acr silver, amr pwd; mfa_acr has gold, mfa_amr otp",
        '                second factor set up here (totp, recovery): would be asked for',
      ]),
    );
    for (const proof of [{ acr: 'gold' }, { amr: ['pwd', 'otp'] }]) {
      expect(await both({ sub, ...proof })).toMatchObject({ code: 'signed_in', really: '/oauth/consent' });
    }
    // What userinfo says of it proves nothing.
    const said = await simulate({ id_token: { sub }, userinfo: { acr: 'gold' } });
    expect(said.second_factor.counts).toBe(false);
  });

  it.each([
    ['disabled_at = now()', 'asked whether they use the account again', '/oauth/reactivate'],
    [
      'disabled_at = now(), disabled_by_staff = true',
      'refused, because staff has disabled the account',
      '/oauth/authorize account_is_disabled',
    ],
    [`deletion_due_at = now() + interval '7 days'`, 'asked whether they take the deletion back', '/oauth/reactivate'],
    ['approval_pending = true', 'told that they await approval', '/oauth/authorize awaiting_approval'],
    [
      'confirmation_pending = true',
      'told to open the link that confirms their address',
      '/oauth/authorize missing_confirmed_email',
    ],
    ['password_reset_required = true', 'led to choose a new password', '/oauth/reset'],
  ])('stops where %s', async (change, end, really) => {
    const { id, sub, name } = await newKnown();
    await changeUser(test, id, change);
    expect(await both({ sub })).toMatchObject({ code: 'stopped', sentence: `${name} would be ${end}`, really });
  });

  it('tells the role that the claims give and take', async () => {
    Object.assign(evilProvider, { roles: { admin: { groups: ['admins'] }, moderator: { groups: ['mods'] } } });
    const { sub, id, name } = await newKnown();
    const roleNow = async () => (await test.dataSource.query('select role from "user" where id = $1', [id]))[0].role;
    for (const [groups, role] of [
      [['mods'], 'moderator'],
      [['admins', 'mods'], 'admin'],
      [[], 'user'],
    ] as const) {
      const before = await roleNow();
      const { simulation } = await both({ sub, groups });
      expect(simulation.account).toMatchObject({ role: before, role_afterwards: role });
      expect(describeSimulation(simulation, evilProvider)).toContain(
        `Account:        ${name}, active, ${before}, who would become ${role}`,
      );
      expect(await roleNow()).toBe(role);
    }
  });
});

describe('a simulated sign-in of somebody unknown', () => {
  const claimsOf = (name: string, more: Claims = {}) => ({
    sub: newSubject(),
    preferred_username: name,
    email: `${name}@example.net`,
    email_verified: true,
    ...more,
  });
  const linesOf = ({ simulation }: { simulation: Simulation }) => describeSimulation(simulation, evilProvider).slice(4);

  it('has them choose a name where nothing is done at once', async () => {
    const found = await both(claimsOf('Newcomer1'));
    expect(found).toMatchObject({ code: 'choose_name', really: '/oauth/sso/register' });
    expect(linesOf(found)).toEqual([
      'Account:        this identity is nobody’s here',
      'Registration:   open; they choose a name (auto_register is off)',
      'Name:           newcomer1 is free and allowed',
      'Address:        newcomer1@example.net is verified and free',
      'Outcome:        They would be asked to choose a name: auto_register is off',
    ]);
  });

  it('makes an account at once where that is on and nothing stands against it', async () => {
    evilProvider.auto_register = true;
    const found = await both(claimsOf('newcomer2'));
    expect(found).toMatchObject({ code: 'account_made', really: '/oauth/consent' });
    expect(linesOf(found).at(-1)).toBe(
      'Outcome:        They would get the account newcomer2 at once, and be signed in',
    );
  });

  it('lets one who is made at once await approval', async () => {
    evilProvider.auto_register = true;
    test.config.registrations.approval = true;
    expect(await both(claimsOf('newcomer3'))).toMatchObject({
      code: 'account_made',
      sentence: 'They would get the account newcomer3 at once, and be told that they await approval',
      really: '/oauth/authorize awaiting_approval',
    });
  });

  it('says why nothing is done at once', async () => {
    evilProvider.auto_register = true;
    const { name, email } = await newPerson(test, client);
    const why = async (claims: Claims & { sub: string }) => {
      const { code, sentence, really } = await both(claims);
      expect({ code, really }).toEqual({ code: 'choose_name', really: '/oauth/sso/register' });
      return sentence.replace('They would be asked to choose a name: ', '');
    };
    expect(await why(claimsOf(name, { email: 'free@example.net' }))).toBe(`${name} has already been taken`);
    expect(await why(claimsOf('admin'))).toBe('admin is reserved');
    expect(await why(claimsOf('al'))).toBe('al is too short (minimum is 3 characters)');
    expect(await why(claimsOf('free_name', { email }))).toBe("email can't be blank");
    expect(await why({ sub: newSubject() })).toBe("nothing gives a name, email can't be blank");
  });

  it('says what becomes of the address', async () => {
    const { email } = await newPerson(test, client);
    const address = async (more: Claims) => linesOf(await both(claimsOf('free_name', more)))[3]?.slice(16);
    const unverified = 'is left aside: the provider does not say that it is verified (email_verified: true)';
    expect(await address({ email_verified: 'true' })).toBe(`free_name@example.net ${unverified}`);
    expect(await address({ email_verified: undefined })).toBe(`free_name@example.net ${unverified}`);
    expect(await address({ email })).toBe(`${email} is verified, but left aside: it has already been taken`);
    test.config.accounts.blocked_email_domains = ['example.net'];
    expect(await address({})).toBe('free_name@example.net is verified, but left aside: it is not allowed');
    test.config.accounts.blocked_email_domains = [];
    expect(await address({ email: undefined })).toBe('none');
  });

  it('refuses them where strangers may not register', async () => {
    evilProvider.registrations = false;
    const found = await both(claimsOf('newcomer4'));
    expect(found).toMatchObject({
      code: 'refused',
      sentence: 'They would be refused: they have no account here, and nobody new may register by this provider',
      really: '/oauth/authorize invalid_request',
    });
    expect(linesOf(found)[1]).toBe('Registration:   closed to who has no account (registrations)');
  });
});

describe('a simulated sign-in', () => {
  it('says which claims are missing', async () => {
    evilProvider.allow = { groups: ['members', 'staff'], 'realm_access.roles': ['user'] };
    const { sub } = await newKnown();
    const found = await both({ sub, groups: ['visitors'], realm_access: { roles: ['user'] } });
    expect(found).toMatchObject({
      code: 'refused',
      sentence: 'They would be refused: the provider does not admit them to this instance',
      really: '/oauth/authorize access_denied',
    });
    expect(describeSimulation(found.simulation, evilProvider)[1]).toBe(
      'Admission:      not let in: groups has visitors and would need one of members, staff; realm_access.roles has user',
    );
    const { allow } = await simulate({ id_token: { sub }, userinfo: { sub, groups: 'staff' } });
    expect(allow).toEqual([
      { claim: 'groups', values: ['members', 'staff'], found: ['staff'], fulfilled: true },
      { claim: 'realm_access.roles', values: ['user'], found: [], fulfilled: false },
    ]);
  });

  it.each<[string, Claims, string]>([
    ['a token for others, too', { aud: [CLIENT_ID, 'else'] }, 'the ID token is for somebody else as well'],
    ['a token from the future', { iat: 4_102_444_800, exp: 4_102_445_100 }, 'the ID token is from the future'],
    [
      'a token of another issuer',
      { iss: 'https://else.example' },
      'the ID token is of another issuer, https://else.example',
    ],
    ['a subject that names nobody', { sub: 'null' }, 'the ID token names no subject'],
    ['a subject with a NUL', { sub: 'a\u0000b' }, 'the ID token names no subject'],
  ])('distrusts %s', async (_what, claims, reason) => {
    expect(await both({ sub: newSubject(), ...claims })).toMatchObject({
      code: 'refused',
      sentence: `They would be refused: the answer of the provider could not be trusted, because ${reason}`,
      really: '/oauth/authorize server_error',
      simulation: { account: null, newcomer: null },
    });
  });

  it('distrusts userinfo of somebody else', async () => {
    const { distrust } = await simulate({ id_token: { sub: '1' }, userinfo: { sub: '2' } });
    expect(distrust).toBe('userinfo has another sub than the ID token');
  });

  it.each([
    ['{"sub": 5}', 'sub must be a text'],
    ['{"sub": "1", "iss": 5}', 'iss must be a text'],
    ['{"sub": "1", "aud": {}}', 'aud must be a text or a list of texts'],
    ['{"sub": "1", "iat": "now"}', 'iat must be a number of seconds'],
    ['{"id_token": "eyJ"}', 'id_token must be an object with the claims of an ID token, not the token itself'],
    ['{"userinfo": {"sub": "1"}}', 'id_token must be an object with the claims of an ID token, not the token itself'],
    ['{"id_token": {"sub": "1"}, "userinfo": []}', 'userinfo must be an object with claims'],
    ['null', 'Standard input must be a JSON object with claims'],
  ])('cannot be made of %s', (input, sentence) => {
    expect(() => readClaimsInput(input, evilProvider)).toThrow(new Mistake(sentence));
  });
});
