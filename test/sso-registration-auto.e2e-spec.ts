import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newEvents } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import { createUser, oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { lettersTo } from './support/reactivation.js';
import { provider } from './support/sso.js';
import {
  accountOf,
  comeVouched,
  cookiesGiven,
  effectOf,
  FLOW_CLEARED,
  FLOW_KEPT,
  holdings,
  SECRET,
  sentToLogin,
  SESSION,
} from './support/vouched.js';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
let people = 0;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url, { auto_register: true })];
    config.accounts.reserved_usernames = ['operator_only'];
  });
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
  await createUser(test, 'alice');
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
afterEach(() => {
  Object.assign(test.config.registrations, { enabled: true, approval: false, email_required: true });
  Object.assign(test.config.sso.providers[0]!, { registrations: null });
  test.config.accounts.blocked_email_domains = [];
});

/** A new subject, with a verified address of their own. */
function newcomer(more: object = {}) {
  const sub = `sub-${++people}`;
  return { sub, email: `own_${people}@example.org`, email_verified: true, ...more };
}

const arrive = (claims: object) => comeVouched(test, evil, { ...asked, issuer: 'evil' }, { ...claims });

const TO_CONSENT = {
  status: 302,
  text: '',
  to: `${PUB}/oauth/consent`,
  cookies: [FLOW_CLEARED, SESSION],
};

describe('auto_register (contract.md §3.7)', () => {
  it('makes an account of the wanted name at once, and knows it the next time', async () => {
    const claims = newcomer({ preferred_username: 'Free_1', name: 'Free One' });
    for (let turn = 1; turn <= 2; turn++) {
      expect(effectOf(await arrive(claims))).toEqual({
        ...TO_CONSENT,
        sent: { application: 'Test client', ...asked, code: SECRET },
      });
    }
    const account = await accountOf(test, 'free_1');
    expect(account).toEqual({
      id: expect.any(String),
      email: claims.email,
      isVerified: true,
      hasPassword: false,
      displayName: 'Free One',
      role: 'user',
      awaitsApproval: false,
      awaitsConfirmation: false,
      reason: null,
      identities: [[evil.url, claims.sub]],
    });
    const id = String(account?.['id']);
    expect(await newEvents(test, id)).toEqual(['account.created', 'sso.linked', 'login.succeeded', 'login.succeeded']);
    expect(await lettersTo(test, id)).toEqual(['welcome']);
  });

  it('takes the local part of a verified address where no name is wanted', async () => {
    expect(effectOf(await arrive(newcomer({ email: 'Local_Part@example.org' })))).toMatchObject(TO_CONSENT);
    expect(await accountOf(test, 'local_part')).toMatchObject({ email: 'local_part@example.org', isVerified: true });
  });

  it('takes no name of an address that is not verified', async () => {
    test.config.registrations.email_required = false;
    const claims = newcomer({ email: 'unverified_name@example.org', email_verified: false });
    expect(redirectOf(await arrive(claims))).toMatchObject({
      to: `${PUB}/oauth/sso/register`,
      sent: { preferred_username: '', email: '' },
    });
    expect(await accountOf(test, 'unverified_name')).toBeNull();
  });

  it.each<[string, unknown, string]>([
    ['taken', 'alice', 'alice'],
    ['taken, in other letters', 'ALICE', 'ALICE'],
    ['reserved', 'admin', 'admin'],
    ['reserved by the operator', 'Operator_Only', 'Operator_Only'],
    ['too short', 'ab', 'ab'],
    ['too long', 'a'.repeat(31), 'a'.repeat(31)],
    ['an address', 'bob@example.org', 'bob@example.org'],
    ['of letters of two scripts', 'аlice', 'аlice'],
    ['of letters that only look plain', 'ｂob_wide', 'ｂob_wide'],
    ['with a capital that folds into a plain letter', '\u212Aelvin', '\u212Aelvin'],
    ['with a space', 'bob smith', 'bob smith'],
    ['with control characters', 'bob\u0000\r\nsmith', 'bob   smith'],
    ['a path', '../bob', '../bob'],
    ['markup', '<b>bob</b>&x=1', '<b>bob</b>&x=1'],
  ])('asks for another name where the wanted one is %s (R96)', async (_, preferred_username, shown) => {
    const before = await holdings(test);
    const claims = newcomer({ preferred_username });
    expect(effectOf(await arrive(claims))).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/sso/register`,
      sent: { registration_token: SECRET, issuer: 'evil', preferred_username: shown, email: claims.email, ...asked },
      cookies: [FLOW_KEPT],
    });
    expect(await holdings(test)).toEqual(before);
  });

  it.each<[string, unknown]>([
    ['of a thousand characters', 'a'.repeat(1000)],
    ['empty', ' '],
    ['a number', 12345],
    ['a list', ['listed_name']],
    ['an object', { name: 'object_name' }],
    ['with half a surrogate', 'bob\ud800'],
  ])('takes a name that is %s for none at all (R96)', async (_, preferred_username) => {
    const before = await holdings(test);
    const claims = newcomer({ preferred_username, email: undefined });
    const { to, sent } = redirectOf(await arrive(claims));
    expect({ to, name: sent['preferred_username'] }).toEqual({ to: `${PUB}/oauth/sso/register`, name: '' });
    expect(await holdings(test)).toEqual(before);
  });

  it('asks for an address where one is needed and none is verified', async () => {
    const name = `needs_mail_${++people}`;
    const claims = newcomer({ preferred_username: name, email_verified: undefined });
    expect(redirectOf(await arrive(claims))).toMatchObject({
      to: `${PUB}/oauth/sso/register`,
      sent: { preferred_username: name, email: '' },
    });
    expect(await accountOf(test, name)).toBeNull();
  });

  it('asks for another address where its domain is blocked', async () => {
    test.config.accounts.blocked_email_domains = ['blocked.example'];
    const name = `blocked_${++people}`;
    const claims = newcomer({ preferred_username: name, email: 'x@mail.blocked.example' });
    expect(redirectOf(await arrive(claims))).toMatchObject({ sent: { preferred_username: name, email: '' } });
    expect(await accountOf(test, name)).toBeNull();
  });

  it('leaves the decision with staff where registrations need approval', async () => {
    test.config.registrations.approval = true;
    const name = `waits_${++people}`;
    const answer = await arrive(newcomer({ preferred_username: name }));
    const sentence = 'Your login is currently pending approval';
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'access_denied', sentence, 'awaiting_approval'));
    expect(cookiesGiven(answer)).toEqual([]);
    const account = await accountOf(test, name);
    expect(account).toMatchObject({ awaitsApproval: true, reason: 'Vouched for by Evil' });
    expect(await lettersTo(test, String(account?.['id']))).toEqual(['registration_waiting']);
  });
});

describe('a provider that makes no accounts', () => {
  it.each<[string, { enabled: boolean; registrations: boolean | null }]>([
    ['its own setting says so', { enabled: true, registrations: false }],
    ['registrations are closed', { enabled: false, registrations: null }],
  ])('sends an unknown identity away because %s', async (_, { enabled, registrations }) => {
    test.config.registrations.enabled = enabled;
    Object.assign(test.config.sso.providers[0]!, { registrations });
    const before = await holdings(test);
    const name = `closed_${++people}`;
    const answer = await arrive(newcomer({ preferred_username: name }));
    expect([answer.status, answer.text, cookiesGiven(answer)]).toEqual([302, '', []]);
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'invalid_request', 'No user found with that account'));
    expect(await accountOf(test, name)).toBeNull();
    expect(await holdings(test)).toEqual(before);
  });

  it('makes them all the same where only its own setting allows it', async () => {
    test.config.registrations.enabled = false;
    Object.assign(test.config.sso.providers[0]!, { registrations: true });
    expect(effectOf(await arrive(newcomer({ preferred_username: 'own_setting' })))).toMatchObject(TO_CONSENT);
  });

  it('lets in whom it has vouched for before', async () => {
    const claims = newcomer({ preferred_username: `before_${++people}` });
    await arrive(claims);
    Object.assign(test.config.sso.providers[0]!, { registrations: false });
    expect(effectOf(await arrive(claims))).toMatchObject(TO_CONSENT);
  });
});
