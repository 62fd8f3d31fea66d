import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newEvents, newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  approve,
  oauthQuery,
  obtainTokens,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  type SignedIn,
  statusOf,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { callLinks, giveIdentity, provider, tokensFor } from './support/sso.js';
import { accountOf, comeVouched, cookieOf, postNaming, reachNaming } from './support/vouched.js';

const ADMINS = { groups: ['everybody', 'admins'] };
const MODERATORS = { groups: ['mods'] };

let test: TestApp;
let evil: EvilIssuer;
let other: EvilIssuer;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  [evil, other] = await Promise.all([startEvilIssuer(), startEvilIssuer()]);
  test = await startApp((config) => {
    const roles = { admin: { groups: ['admins', 'owners'] }, moderator: { groups: ['mods'] } };
    config.sso.providers = [
      provider('evil', evil.url, { roles }),
      provider('other', other.url, { roles, auto_register: true }),
    ];
    config.registrations.email_required = false;
  });
  client = await registerClient(test, { scopes: 'read write admin admin:read' });
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), other.stop()]);
});
beforeEach(async () => {
  person = await newPerson(test, client);
  for (const issuer of [evil, other]) await giveIdentity(test, person, issuer.url, person.name);
  await newEvents(test, person.id);
});

const query = (issuer: string, scope: string) => ({ ...oauthQuery(client, { scope }), issuer });

/** Signs the person in with these claims, up to the consent page. */
async function arrive(claims: object = {}, at = evil, scope = 'read admin'): Promise<SignedIn> {
  const answer = await comeVouched(test, at, query(at === evil ? 'evil' : 'other', scope), {
    sub: person.name,
    ...claims,
  });
  const { to, sent } = redirectOf(answer);
  if (to !== `${PUB}/oauth/consent`) throw new Error(`The callback led to ${answer.headers['location']}`);
  return { cookie: cookieOf(answer, 'jwt'), code: sent['code'] ?? '', consent: new URLSearchParams(sent) };
}

/** The same, up to tokens. */
const enter = async (claims: object = {}, at = evil, scope = 'read admin'): Promise<Tokens> =>
  tokensFor(test, client, await arrive(claims, at, scope));

const role = async (name = person.name) => (await accountOf(test, name))?.['role'];

/** What an operator does by `users create --role`. */
const promote = (wanted: string) =>
  test.dataSource.query('update "user" set role = $2 where id = $1', [person.id, wanted]);

describe('sso.providers[].roles', () => {
  it.each([
    ['admin', ADMINS],
    ['admin', { groups: 'owners' }],
    ['admin', { groups: ['mods', 'admins'] }],
    ['moderator', MODERATORS],
  ])('make an %s of whoever has the claims, with what only staff is granted', async (wanted, claims) => {
    const browser = await arrive(claims);
    expect(browser.consent.get('scope')).toBe('read admin');
    expect(await role()).toBe(wanted);
    expect(await newEvents(test, person.id)).toEqual(['account.role_changed', 'login.succeeded']);
    expect(await tokensFor(test, client, browser)).toMatchObject({ scope: 'read admin' });
    // By a password, too: it is their role.
    expect(await obtainTokens(test, client, person.name, 'read admin')).toMatchObject({ scope: 'read admin' });
  });

  it.each([
    ['no claims', {}],
    ['other values', { groups: ['administrators', 'ADMINS', 'admins ', 'mod'] }],
    ['the value of another claim', { roles: ['admins'], admin: true }],
    ['the values in one text', { groups: 'admins,mods' }],
    ['the value deeper down', { groups: [['admins']], nested: { groups: ['admins'] } }],
  ])('make nobody staff with %s', async (_, claims) => {
    expect((await arrive(claims)).consent.get('scope')).toBe('read');
    expect(await role()).toBe('user');
    expect(await newEvents(test, person.id)).toEqual(['login.succeeded']);
  });

  it('make staff of newcomers, at once or after they chose a name', async () => {
    const sub = `${person.name}-new`;
    const auto = { sub, preferred_username: `${person.name}_auto`, ...ADMINS };
    const answer = await comeVouched(test, other, query('other', 'read admin'), auto);
    expect(redirectOf(answer).sent['scope']).toBe('read admin');
    expect(await role(`${person.name}_auto`)).toBe('admin');

    const unnamed = await reachNaming(test, evil, query('evil', 'read admin'), { sub, ...MODERATORS });
    const chosen = await postNaming(test, unnamed, { username: `${person.name}_own`, agreement: 'true' });
    expect(redirectOf(chosen).sent['scope']).toBe('read admin');
    expect(await role(`${person.name}_own`)).toBe('moderator');
    const { id } = (await accountOf(test, `${person.name}_own`)) as { id: string };
    expect(await newEvents(test, id)).toEqual([
      'account.created',
      'sso.linked',
      'account.role_changed',
      'login.succeeded',
    ]);
  });

  it('change nothing while the claims stay', async () => {
    for (let turn = 1; turn <= 3; turn++) await arrive(ADMINS);
    expect(await newEvents(test, person.id)).toEqual(['account.role_changed', ...Array(3).fill('login.succeeded')]);
  });
});

describe('a role whose claims are gone', () => {
  it('is taken back at the next sign-in, and sessions with admin scopes end', async () => {
    const [whole, part] = [await enter(ADMINS), await enter(ADMINS, evil, 'admin:read')];
    const plain = await enter(ADMINS, evil, 'read write');
    await newEvents(test, person.id);
    const next = await enter({});
    expect(next.scope).toBe('read');
    expect(await role()).toBe('user');
    expect(await newEvents(test, person.id)).toEqual([
      'account.role_changed',
      'login.succeeded',
      'consent.approved',
      'token.issued',
    ]);
    const lives = [whole, part, plain, next, person.tokens].map(({ access_token: token }) => statusOf(test, token));
    expect(await Promise.all(lives)).toEqual([401, 401, 200, 200, 200]);
    const refresh = await requestToken(test, client, {
      grant_type: 'refresh_token',
      refresh_token: whole.refresh_token,
    });
    expect(refresh.body).toMatchObject({ error: 'invalid_grant' });
  });

  it('is taken back also when the provider does not let them in any more', async () => {
    const staff = await enter(ADMINS);
    const [{ allow }] = [test.config.sso.providers[0]!];
    Object.assign(test.config.sso.providers[0]!, { allow: { groups: ['members'] } });
    const answer = await comeVouched(test, evil, query('evil', 'read admin'), { sub: person.name, ...ADMINS });
    Object.assign(test.config.sso.providers[0]!, { allow });
    expect(redirectOf(answer).sent).toMatchObject({ error: 'access_denied' });
    expect(await role()).toBe('user');
    expect(await statusOf(test, staff.access_token)).toBe(401);
  });

  it('leaves no code with admin scopes behind, approved or not', async () => {
    const pending = await arrive(ADMINS);
    const approved = await approve(test, client, await arrive(ADMINS));
    await arrive({});
    expect(await role()).toBe('user');
    const redeemed = await requestToken(test, client, redemption(client, approved));
    expect(redeemed.body).toMatchObject({ error: 'invalid_grant' });
    const { client_id, redirect_uri } = client;
    const consent = test.http.post('/api/auth/redirect').set('Cookie', pending.cookie).type('form');
    const answer = await consent.send({ client_id, redirect_uri, code: pending.code });
    const location = answer.headers['location'] ?? '';
    const code = new URLSearchParams(location.split('?')[1] ?? '').get('code');
    const tokens = code === null ? null : (await requestToken(test, client, redemption(client, code))).body;
    expect(tokens?.scope ?? 'none').not.toContain('admin');
  });

  it('becomes the lesser one that they still give, and sessions stay', async () => {
    const { access_token: token } = await enter(ADMINS);
    await arrive(MODERATORS);
    expect(await role()).toBe('moderator');
    expect(await statusOf(test, token)).toBe(200);
    await arrive(ADMINS);
    expect(await role()).toBe('admin');
  });

  it('is taken back when the identity is unlinked, with the sessions that needed it', async () => {
    const { access_token: token } = await enter(ADMINS);
    await newEvents(test, person.id);
    expect((await callLinks(test, person, 'delete', '/evil')).status).toBe(204);
    expect(await role()).toBe('user');
    expect(await statusOf(test, token)).toBe(401);
    expect(await newEvents(test, person.id)).toEqual(['account.role_changed', 'sso.unlinked']);
  });

  it('stays as far as another identity gives it', async () => {
    await arrive(ADMINS);
    await arrive(MODERATORS, other);
    expect(await role()).toBe('admin');
    await arrive({});
    expect(await role()).toBe('moderator');
    await arrive(ADMINS);
    await arrive(ADMINS, other);
    await arrive({});
    expect(await role()).toBe('admin');
    expect((await callLinks(test, person, 'delete', '/other')).status).toBe(204);
    expect(await role()).toBe('user');
  });
});

describe('a role that an operator gave', () => {
  it.each([
    ['admin', {}, 'admin'],
    ['admin', MODERATORS, 'admin'],
    ['admin', ADMINS, 'admin'],
    ['moderator', {}, 'moderator'],
    ['moderator', MODERATORS, 'moderator'],
    ['moderator', ADMINS, 'admin'],
  ])('is at least %s with the claims %j, and again without them', async (own, claims, best) => {
    await promote(own);
    const { access_token: token } = await enter({});
    for (let turn = 1; turn <= 2; turn++) {
      await arrive(claims);
      expect(await role()).toBe(best);
      await arrive(claims, other);
      expect(await role()).toBe(best);
      await arrive({});
      expect(await role()).toBe(best);
      await arrive({}, other);
      expect(await role()).toBe(own);
    }
    await arrive(claims);
    expect((await callLinks(test, person, 'delete', '/evil')).status).toBe(204);
    expect(await role()).toBe(own);
    expect(await statusOf(test, token)).toBe(200);
  });
});
