import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import type { Claims } from './support/evil-tokens.js';
import { oauthQuery, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { type HonestIssuer, startHonestIssuer } from './support/honest-issuer.js';
import { walkHonestLogin } from './support/honest-login.js';
import { enableTotp } from './support/mfa.js';
import { endings } from './support/reactivation.js';
import { finishVisit, giveIdentity, provider, startVisit } from './support/sso.js';
import { tapLog } from './support/tap-log.js';
import {
  accountOf,
  comeVouched,
  cookiesGiven,
  effectOf,
  FLOW_CLEARED,
  holdings,
  SECRET,
  sentToLogin,
  SESSION,
} from './support/vouched.js';

const SENTENCE = 'The provider does not admit you to this instance';

/** Somebody who gets in. */
const MEMBER = { groups: ['others', 'members'], realm_access: { roles: ['offline', 'fediverse'] }, tier: 2 };

let test: TestApp;
let evil: EvilIssuer;
let dotted: EvilIssuer;
let honest: HonestIssuer;
let client: TestClient;
let asked: Record<string, string>;
let person: Person;
let subjects = 0;
beforeAll(async () => {
  [evil, dotted] = await Promise.all([startEvilIssuer(), startEvilIssuer()]);
  honest = await startHonestIssuer({ redirectUris: [`${PUB}/oauth/sso/honest/callback`], accounts: [] });
  test = await startApp((config) => {
    const allow = { groups: ['members', 'staff'], 'realm_access.roles': ['fediverse'], tier: ['2', 'true'] };
    config.sso.providers = [
      provider('evil', evil.url, { auto_register: true, allow }),
      provider('dotted', dotted.url, { allow: { 'https://example.org/roles': ['in'], 'a.b.c': ['in'] } }),
      provider('honest', honest.url, { allow: { groups: ['members'] } }),
    ];
    config.registrations.email_required = false;
  });
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), dotted.stop(), honest.stop()]);
});
beforeEach(async () => {
  person = await newPerson(test, client);
  for (const { url } of [evil, dotted, honest]) await giveIdentity(test, person, url, person.name);
});

const arrive = (claims: Claims, at = evil) =>
  comeVouched(test, at, { ...asked, issuer: at === evil ? 'evil' : 'dotted' }, { sub: person.name, ...claims });

/** The newest refusal in the journal. */
async function newestRefusal() {
  const [event] = await test.dataSource.query(
    `select user_id as "userId", application_id as "applicationId" from audit_event where type = 'sso.refused' order by id desc limit 1`,
  );
  return event;
}

const refusals = async () =>
  (await test.dataSource.query(`select count(*)::int as count from audit_event where type = 'sso.refused'`))[0].count;

describe('sso.providers[].allow', () => {
  it.each<[string, Claims]>([
    ['one of the values of each claim', MEMBER],
    ['another one of them', { ...MEMBER, groups: ['staff'] }],
    ['a text instead of a list', { groups: 'members', realm_access: { roles: 'fediverse' }, tier: '2' }],
    ['a boolean', { ...MEMBER, tier: true }],
    ['a claim whose name has a dot', { ...MEMBER, realm_access: {}, 'realm_access.roles': ['fediverse'] }],
  ])('lets whoever has %s in', async (_, claims) => {
    const before = await refusals();
    expect(effectOf(await arrive(claims))).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/consent`,
      sent: { application: 'Test client', ...asked, code: SECRET },
      cookies: [FLOW_CLEARED, SESSION],
    });
    expect(await refusals()).toBe(before);
  });

  it.each<[string, Claims]>([
    ['nothing', {}],
    ['all but one claim', { ...MEMBER, groups: undefined }],
    ['all but the one inside another', { ...MEMBER, realm_access: { groups: ['fediverse'] } }],
    ['all but a number', { ...MEMBER, tier: 3 }],
    ['an empty list', { ...MEMBER, groups: [] }],
    ['null', { ...MEMBER, groups: null }],
    ['other values', { ...MEMBER, groups: ['member', 'Members', 'members ', 'members,staff', '*'] }],
    ['the value deeper down', { ...MEMBER, groups: [['members']] }],
    ['the value as a name', { ...MEMBER, groups: { members: true } }],
    ['a text where an object is due', { ...MEMBER, realm_access: 'roles' }],
    ['a list where an object is due', { ...MEMBER, realm_access: [{ roles: ['fediverse'] }] }],
    ['a claim of that dotted name with another value', { ...MEMBER, 'realm_access.roles': ['none'] }],
  ])('keeps whoever has %s out, known or not', async (_, claims) => {
    for (const sub of [person.name, `${person.name}-unknown`]) {
      const before = [await holdings(test), await refusals()];
      const answer = await arrive({ ...claims, sub, preferred_username: `${person.name}_free` });
      expect([answer.status, answer.text, cookiesGiven(answer)]).toEqual([302, '', []]);
      expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'access_denied', SENTENCE));
      expect(await newestRefusal()).toEqual({
        userId: sub === person.name ? person.id : null,
        applicationId: Number(client.id),
      });
      expect([await holdings(test), (await refusals()) - 1]).toEqual(before);
    }
    expect(await accountOf(test, `${person.name}_free`)).toBeNull();
  });

  it('takes names with dots as they are where there is such a claim, and as paths where there is none', async () => {
    const namespaced = { 'https://example.org/roles': ['in'] };
    const people = [
      { ...namespaced, a: { b: { c: ['in'] } } },
      { ...namespaced, 'a.b.c': 'in' },
      { ...namespaced, a: { 'b.c': 'in' } },
      { ...namespaced, a: { b: { c: ['out'] } } },
      { 'https://example': { 'org/roles': ['in'] }, a: { b: { c: ['in'] } } },
    ];
    const pages: string[] = [];
    for (const claims of people) pages.push(redirectOf(await arrive(claims, dotted)).to);
    const [inside, outside] = [`${PUB}/oauth/consent`, `${PUB}/oauth/authorize`];
    expect(pages).toEqual([inside, inside, outside, outside, inside]);
  });

  it('reads userinfo as well, where the ID token says nothing of that claim', async () => {
    evil.userinfo = MEMBER;
    expect(redirectOf(await arrive({})).to).toBe(`${PUB}/oauth/consent`);
    expect(redirectOf(await arrive({ groups: ['others'] })).sent).toMatchObject({ error: 'access_denied' });
    evil.userinfo = { ...MEMBER, groups: ['others'] };
    expect(redirectOf(await arrive({ groups: ['members'] })).to).toBe(`${PUB}/oauth/consent`);
    evil.userinfo = {};
  });

  it.each([
    [['members'], 'consent'],
    [['others'], 'authorize'],
    [undefined, 'authorize'],
  ])('knows the groups %j of a published provider', async (groups, page) => {
    const sub = `honest-${++subjects}`;
    await test.dataSource.query('update linked_identity set subject = $2 where user_id = $1 and issuer = $3', [
      person.id,
      sub,
      honest.url,
    ]);
    honest.accounts.push({ sub, claims: { groups } });
    const visit = await startVisit(test, { ...asked, issuer: 'honest' });
    const answer = await finishVisit(test, visit, (url) => walkHonestLogin(url, sub));
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/${page}`);
  });

  it('tells whoever is kept out nothing of the account, its factor or its state', async () => {
    await enableTotp(test, person);
    await endings(test).disable(person.id, 'owner', null);
    expect(redirectOf(await arrive({}))).toEqual(sentToLogin(asked, 'access_denied', SENTENCE));
  });

  it('tells the operator which claims were missing, and nobody else', async () => {
    const lines = tapLog(test);
    const answer = await arrive({ ...MEMBER, groups: ['a-secret-group'], tier: 3 });
    const log = lines.join('\n');
    expect(log).toContain(`provider: 'evil', missing: [ 'groups', 'tier' ]`);
    expect(log).not.toContain('a-secret-group');
    expect(log).not.toContain(person.name);
    expect(answer.headers['location']).not.toMatch(/groups|tier/);
  });

  it('is asked at every sign-in: whoever leaves the group stays out from then on', async () => {
    expect(redirectOf(await arrive(MEMBER)).to).toBe(`${PUB}/oauth/consent`);
    expect(redirectOf(await arrive({ ...MEMBER, groups: ['others'] })).sent['error']).toBe('access_denied');
    expect(redirectOf(await arrive(MEMBER)).to).toBe(`${PUB}/oauth/consent`);
  });
});
