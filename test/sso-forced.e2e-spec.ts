import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  clientToken,
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  outcomeOf,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  requestToken,
  type TestClient,
} from './support/flows.js';
import { giveIdentity, provider } from './support/sso.js';
import { accountOf, comeVouched, effectOf, FLOW_CLEARED, SECRET, sentToLogin, SESSION } from './support/vouched.js';

const ICON = 'https://sso.example.org/icon.png';

let test: TestApp;
/** The same with passwords, on the same database. */
let open: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
beforeAll(async () => {
  evil = await startEvilIssuer();
  const start = (forced: boolean, database?: TestApp['database']) =>
    startApp((config) => {
      config.sso.providers = [
        provider('evil', evil.url, { auto_register: true, icon: ICON }),
        provider('other', 'https://other.example'),
      ];
      config.sso.forced = forced;
      config.limits.enabled = true;
      config.oauth.password_grant = true;
      config.registrations.email_required = false;
    }, database);
  test = await start(true);
  open = await start(false, test.database);
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
  const id = await createUser(test, 'alice');
  await giveIdentity(test, { id }, evil.url, 'alice');
});
afterAll(async () => {
  await open.close();
  await test.close();
  await evil.stop();
});

/** How many rows count attempts on passwords, and how many events tell of them. */
async function tracks() {
  const { attempt_budget, audit_event, browser_session } = await countRows(test);
  return { attempt_budget, audit_event, browser_session };
}

describe('POST /api/auth/login where sso.forced is on (contract.md §3.3.1 row 7)', () => {
  it.each([
    ['the right password', 'alice', PASSWORD],
    ['a wrong password', 'alice', 'wrong'],
    ['nobody’s name', 'nobody', PASSWORD],
    ['a password that is longer than any', 'alice', 'x'.repeat(2000)],
  ])('refuses %s before it is looked at', async (_, identifier, password) => {
    const before = await tracks();
    const answer = await postLogin(test, asked, { identifier, password });
    expect([answer.status, answer.text, cookiesOf(answer)]).toEqual([302, '', []]);
    const sentence = 'Logging in with a password is disabled on this instance';
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'invalid_request', sentence));
    expect(await tracks()).toEqual(before);
  });

  it('names a missing field first', async () => {
    for (const fields of [{}, { identifier: 'alice' }, { password: PASSWORD }]) {
      const [forced, usual] = [await postLogin(test, asked, fields), await postLogin(open, asked, fields)];
      expect(forced.status).toBe(422);
      expect({ status: forced.status, body: forced.body }).toEqual({ status: usual.status, body: usual.body });
    }
    const { body } = await postLogin(test, asked, { password: PASSWORD });
    expect(body.error).toBe('Missing field: identifier.');
  });

  it.each<[string, Record<string, string | undefined>, number]>([
    ['no client', { client_id: undefined }, 400],
    ['an unknown client', { client_id: 'nobody' }, 400],
    ['another redirect URI', { redirect_uri: 'https://evil.example/' }, 400],
    ['another response type', { response_type: 'token' }, 302],
    ['an unknown scope', { scope: 'read nonsense' }, 302],
  ])('names %s before that, as elsewhere', async (_, more, status) => {
    const query = oauthQuery(client, more);
    const [forced, usual] = [await postLogin(test, query), await postLogin(open, query)];
    expect(forced.status).toBe(status);
    const told = ({ body, headers }: typeof forced) => ({ body, location: headers['location'] });
    expect(told(forced)).toEqual(told(usual));
  });

  it('refuses the cross-site request before that', async () => {
    const answer = await postLogin(test, asked).set('Origin', 'https://evil.example');
    expect(answer.status).toBe(403);
  });
});

describe('what else takes passwords where sso.forced is on', () => {
  it('makes no accounts by POST /api/v1/accounts', async () => {
    const fields = { username: 'bob', email: 'bob@example.org', password: PASSWORD, agreement: true };
    const token = await clientToken(test, await registerClient(test, { scopes: 'read write' }), 'write');
    const post = (app: TestApp) => app.http.post('/api/v1/accounts').auth(token, { type: 'bearer' }).send(fields);
    expect(await outcomeOf(post(test))).toEqual({ status: 403, body: { error: 'This action is not allowed' } });
    expect(await accountOf(test, 'bob')).toBeNull();
    expect((await post(open)).status).toBe(200);
  });

  it('gives no tokens for a password, and does not offer to', async () => {
    const grant = { grant_type: 'password', username: 'alice', password: PASSWORD };
    expect(await outcomeOf(requestToken(test, client, grant))).toEqual({
      status: 400,
      body: { error: 'unsupported_grant_type', error_description: 'The grant type is not supported' },
    });
    expect((await requestToken(open, client, grant)).status).toBe(200);
    const grants = async (app: TestApp): Promise<string[]> =>
      (await app.http.get('/.well-known/oauth-authorization-server')).body.grant_types_supported;
    expect(await grants(test)).not.toContain('password');
    expect((await grants(open)).toSorted()).toEqual([...(await grants(test)), 'password'].toSorted());
  });

  it('tells frontends so', async () => {
    const sso = {
      forced: true,
      providers: [
        { id: 'evil', name: 'Evil', icon: ICON },
        { id: 'other', name: 'Other', icon: `${PUB}/assets/provider.svg` },
      ],
    };
    const v1 = (await test.http.get('/api/v1/instance')).body;
    expect([v1.sso, v1.registrations]).toEqual([sso, false]);
    const v2 = (await test.http.get('/api/v2/instance')).body;
    expect([v2.sso, v2.registrations.enabled]).toEqual([sso, false]);
    const usual = (await open.http.get('/api/v2/instance')).body;
    expect([usual.sso, usual.registrations.enabled]).toEqual([{ ...sso, forced: false }, true]);
    // Nothing of a provider but this is anybody's business.
    expect(JSON.stringify([v1, v2])).not.toContain(evil.url);
  });
});

describe('a sign-in at a provider where sso.forced is on', () => {
  it.each([
    ['lets a known identity in', { sub: 'alice' }, 'alice'],
    ['makes an account for an unknown one', { sub: 'sub-2', preferred_username: 'carol' }, 'carol'],
  ])('%s', async (_, claims, name) => {
    expect(effectOf(await comeVouched(test, evil, { ...asked, issuer: 'evil' }, claims))).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/consent`,
      sent: { application: 'Test client', ...asked, code: SECRET },
      cookies: [FLOW_CLEARED, SESSION],
    });
    expect(await accountOf(test, name)).toMatchObject({ identities: [[evil.url, claims.sub]] });
  });
});
