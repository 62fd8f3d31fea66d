import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  approve,
  BODY_FORMS,
  cookiesOf,
  oauthQuery,
  outcomeOf,
  PASSWORD,
  redemption,
  redirectOf,
  registerClient,
  requestToken,
  sendAs,
  signIn,
  type TestClient,
} from './support/flows.js';
import { PATHS } from './support/issuer-server.js';
import { ageSession } from './support/passkeys.js';
import { callLinks, flowCookieOf, provider } from './support/sso.js';

const TICKET = /^http:\/\/localhost:3000\/oauth\/sso\/link\?ticket=([\w-]{43})$/;
const SECRET = expect.stringMatching(/^[\w-]{43}$/);

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let person: Person;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url)];
    config.security.step_up_window = 60;
  });
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  person = await newPerson(test, client);
  evil.forget();
});

type Answer = Awaited<ReturnType<typeof begin>>;
const begin = (fields: object = { issuer: 'evil' }, who: { token: string } = person) =>
  callLinks(test, who, 'post').send(fields);
const rowsOf = (table: 'sso_flow' | 'sso_link_ticket', id = person.id) =>
  test.dataSource.query(
    `select *, extract(epoch from expires_at - now())::int as "left" from ${table} where user_id = $1`,
    [id],
  );

/** Where an answer leads, how many cookies it sets, and how many visits the person is on. */
async function goal({ status, body, headers }: Answer) {
  const { link = '', ...more } = body;
  const isPage = TICKET.test(link);
  const leads = link.startsWith(`${evil.url}${PATHS.authorize}?`) ? 'to the provider' : isPage ? 'to our page' : link;
  return { status, leads, ...more, cookies: cookiesOf({ headers }).length, visits: (await rowsOf('sso_flow')).length };
}

/** The browser that asked opens it. */
const PROVIDER = { status: 200, leads: 'to the provider', cookies: 1, visits: 1 };
/** Any browser does. */
const PAGE = { status: 200, leads: 'to our page', cookies: 0, visits: 0 };

describe('POST /api/v1/sso, just after a sign-in (contract.md §3.8.1)', () => {
  it.each(BODY_FORMS)('leads to the provider, and binds the visit to this browser; %s', async (form) => {
    const answer = await sendAs(callLinks(test, person, 'post'), form, { issuer: 'evil' });
    expect(await goal(answer)).toStrictEqual(PROVIDER);
    const [row] = await rowsOf('sso_flow');
    const url = new URL(answer.body.link);
    expect(Object.fromEntries(url.searchParams)).toStrictEqual({
      client_id: 'gatehouse',
      redirect_uri: `${PUB}/oauth/sso/evil/callback`,
      response_type: 'code',
      scope: 'openid profile email',
      state: SECRET,
      nonce: SECRET,
      code_challenge: SECRET,
      code_challenge_method: 'S256',
    });
    expect(cookiesOf(answer)).toStrictEqual([`${flowCookieOf(answer)}; Max-Age=600; Path=/; HttpOnly; SameSite=Lax`]);
    expect(flowCookieOf(answer)).toMatch(`gh_flow_${row.id.slice(0, 8)}=`);
    expect(row).toMatchObject({ kind: 'link', provider: 'evil', user_id: person.id, parameters: null, used_at: null });
    expect([599, 600]).toContain(row.left);
    expect(await rowsOf('sso_link_ticket')).toEqual([]);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
    });
  });

  it('keeps state and cookie as hashes only', async () => {
    const answer = await begin();
    const state = new URL(answer.body.link).searchParams.get('state') ?? '';
    const [, cookie = ''] = flowCookieOf(answer).split('=');
    const [row] = await rowsOf('sso_flow');
    const kept = Object.values(row).map((value) => (Buffer.isBuffer(value) ? value.toString() : String(value)));
    expect(kept.filter((value) => value.includes(state) || value.includes(cookie))).toEqual([]);
    expect(test.logs.filter((line) => line.includes(state) || line.includes(cookie))).toEqual([]);
  });

  it.each(['true', '1', 'on', true, 1])('leads to our page for another browser when asked for: %j', async (page) => {
    expect(await goal(await begin({ issuer: 'evil', page }))).toStrictEqual(PAGE);
    const [row] = await rowsOf('sso_link_ticket');
    expect(row).toMatchObject({ user_id: person.id, provider: 'evil' });
    expect([599, 600]).toContain(row.left);
  });

  it.each(['false', '0', 'off', false])('and not when it is said not to: %j', async (page) => {
    expect(await goal(await begin({ issuer: 'evil', page }))).toStrictEqual(PROVIDER);
  });

  it('leads there for another browser also with the password', async () => {
    expect(await goal(await begin({ issuer: 'evil', page: true, password: PASSWORD }))).toStrictEqual(PAGE);
  });

  it('sees a wrong password all the same', async () => {
    const wrong = { status: 422, body: { error: 'Invalid password.' } };
    for (const more of [{}, { page: true }])
      expect(await outcomeOf(begin({ issuer: 'evil', password: 'wrong', ...more }))).toStrictEqual(wrong);
    expect([await rowsOf('sso_flow'), await rowsOf('sso_link_ticket')]).toEqual([[], []]);
  });
});

describe('POST /api/v1/sso, with an old token', () => {
  beforeEach(() => ageSession(test, person.tokens.id, 61));

  it.each(BODY_FORMS)('leads to our page; %s', async (form) => {
    expect(await goal(await sendAs(callLinks(test, person, 'post'), form, { issuer: 'evil' }))).toStrictEqual(PAGE);
    expect(evil.total).toBe(0);
  });

  it.each(BODY_FORMS)('leads to the provider with the right password; %s', async (form) => {
    expect(
      await goal(await sendAs(callLinks(test, person, 'post'), form, { issuer: 'evil', password: PASSWORD })),
    ).toStrictEqual(PROVIDER);
  });

  it('refuses a wrong password, and writes it down', async () => {
    for (const password of ['wrong', '', 'x'.repeat(2000)]) {
      const answer = await begin({ issuer: 'evil', password });
      expect({ status: answer.status, body: answer.body }).toStrictEqual({
        status: 422,
        body: { error: 'Invalid password.' },
      });
      expect(cookiesOf(answer)).toEqual([]);
    }
    expect([await rowsOf('sso_flow'), await rowsOf('sso_link_ticket')]).toEqual([[], []]);
    const events = await test.dataSource.query(
      `select type from audit_event where user_id = $1 and type = 'password.refused'`,
      [person.id],
    );
    expect(events).toHaveLength(3);
  });

  it('takes no password from the query', async () => {
    expect(await goal(await begin().query({ password: PASSWORD }))).toStrictEqual(PAGE);
  });

  it('does not take a refresh for a sign-in', async () => {
    const grant = { grant_type: 'refresh_token', refresh_token: person.tokens.refresh_token };
    const { body } = await requestToken(test, client, grant);
    expect(await goal(await begin({ issuer: 'evil' }, { token: body.access_token }))).toStrictEqual(PAGE);
  });

  it('does not take a browser that goes on for another app for one', async () => {
    const browser = await signIn(test, client, person.name);
    await test.dataSource.query(
      `update browser_session set created_at = now() - interval '61 seconds' where user_id = $1`,
      [person.id],
    );
    const go = test.http.post('/api/auth/continue').query(oauthQuery(client)).set('Cookie', browser.cookie);
    const code = redirectOf(await go).sent['code'] ?? '';
    const live = await approve(test, client, { ...browser, code });
    const { body } = await requestToken(test, client, redemption(client, live));
    expect(await goal(await begin({ issuer: 'evil' }, { token: body.access_token }))).toStrictEqual(PAGE);
  });

  it('leads to the provider while it is not too old', async () => {
    await ageSession(test, person.tokens.id, -11);
    expect(await goal(await begin())).toStrictEqual(PROVIDER);
  });
});

describe('POST /api/v1/sso, of an account without a password', () => {
  it('knows no password that would be right, and leads to our page', async () => {
    await ageSession(test, person.tokens.id, 61);
    await test.dataSource.query('update "user" set password_hash = null where id = $1', [person.id]);
    expect(await outcomeOf(begin({ issuer: 'evil', password: PASSWORD }))).toStrictEqual({
      status: 422,
      body: { error: 'Invalid password.' },
    });
    expect(await goal(await begin())).toStrictEqual(PAGE);
  });
});
