import { PinoLogger } from 'nestjs-pino';
import { symbols } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type AuthorizeFault, EVIL_DESCRIPTION } from './support/evil-answers.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import {
  ask,
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { ACCEPT_HTML, expectPage } from './support/pages.js';
import { deliver, forgetProviders, giveIdentity, provider, startVisit } from './support/sso.js';

const UNTRUSTED = 'The answer of the provider could not be trusted';
const DENIED = 'The provider refused the request';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let oauth: Record<string, string>;
let callback: URL;
let cookie: string;

beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url), provider('other', 'http://127.0.0.1:9')];
  });
  // One process runs many test files, and the log of its first app is that of all.
  Object.assign(PinoLogger.root, { [symbols.streamSym]: { write: (line: string) => test.logs.push(line) } });
  await test.listen();
  client = await registerClient(test);
  await giveIdentity(test, { id: await createUser(test, 'alice') }, evil.url, 'alice');
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  oauth = oauthQuery(client, { state: 'a state', scope: 'read' });
  await arrive();
});
afterEach(() => {
  evil.faults = {};
  evil.metadata = {};
  forgetProviders(test);
});

/** A visit that is over at the provider, and may have ended badly. */
async function arrive(authorize?: AuthorizeFault): Promise<void> {
  const visit = await startVisit(test, { ...oauth, issuer: 'evil' });
  evil.faults = { ...(authorize && { authorize }) };
  callback = new URL(await evilCallback(visit.location));
  ({ cookie } = visit);
  evil.tokenRequests.length = 0;
  test.logs.length = 0;
}

/** How many rows there are, but for what works in the background. */
async function rows(): Promise<Record<string, number>> {
  const { job: _, ...others } = await countRows(test);
  return others;
}

/** Brings the callback, with these parameters added or in place of what the provider said. */
async function bring(changes: Record<string, string> = {}) {
  for (const [name, value] of Object.entries(changes)) callback.searchParams.set(name, value);
  const { status, text, headers } = await deliver(test, callback.href, cookie);
  return { status, text, ...redirectOf({ headers }), cookies: cookiesOf({ headers }), headers };
}

/** The same, and sees to it that no code goes to the provider and nothing is made. */
async function bringInVain(changes: Record<string, string> = {}) {
  const before = await rows();
  const outcome = await bring(changes);
  expect(await rows()).toEqual(before);
  expect(evil.tokenRequests).toEqual([]);
  return outcome;
}

const refused = (error: string, description: string) => ({
  status: 302,
  text: '',
  to: `${PUB}/oauth/authorize`,
  sent: { ...oauth, error, error_description: description },
  cookies: [],
  headers: expect.anything(),
});

describe('what a provider says in its callback (contract.md §3.7)', () => {
  it('goes back to the login page: the person said no', async () => {
    await arrive('access_denied');
    expect(await bringInVain()).toEqual(refused('access_denied', DENIED));
    // The visit is over all the same.
    expect(await bringInVain()).toEqual(
      refused('invalid_request', 'This sign-in has expired or was started elsewhere'),
    );
  });

  it.each(['login_required', 'temporarily_unavailable', 'server_error', 'x', '<script>', 'a"b\\', 'access_denied '])(
    'goes back to the login page in our words: the error %j',
    async (error) => {
      expect(await bringInVain({ error })).toEqual(refused('server_error', UNTRUSTED));
    },
  );

  it('is never repeated: a description with a script and a header of its own', async () => {
    await arrive('server_error');
    expect(callback.searchParams.get('error_description')).toBe(EVIL_DESCRIPTION);
    const outcome = await bringInVain({ error_uri: 'https://evil.example/why' });
    expect(outcome).toEqual(refused('server_error', UNTRUSTED));
    expect(JSON.stringify(outcome.headers)).not.toMatch(/alert|evil|set-cookie/i);
    const log = test.logs.join('\n');
    expect(log).toContain('A provider did not vouch');
    expect(log).not.toMatch(/alert|jwt=evil|evil.example/);
  });

  it('counts as an error, though a code came with it', async () => {
    expect(callback.searchParams.has('code')).toBe(true);
    expect(await bringInVain({ error: 'access_denied' })).toEqual(refused('access_denied', DENIED));
  });

  it.each<[string, AuthorizeFault | null, () => Record<string, string>]>([
    ['another issuer', 'wrong iss', () => ({})],
    ['another configured issuer', null, () => ({ iss: 'http://127.0.0.1:9' })],
    ['the issuer in another spelling', null, () => ({ iss: `${evil.url}/` })],
    ['no issuer, though its metadata promise one', 'no iss', () => ({})],
    ['an empty issuer', null, () => ({ iss: '' })],
    ['no code', 'no code', () => ({})],
  ])('goes back to the login page, and no code goes out: %s (security.md R92)', async (_, fault, changes) => {
    if (fault !== null) await arrive(fault);
    expect(await bringInVain(changes())).toEqual(refused('server_error', UNTRUSTED));
  });

  it('goes back to the login page: another issuer, where none was promised', async () => {
    evil.metadata = { authorization_response_iss_parameter_supported: undefined };
    forgetProviders(test);
    await arrive('wrong iss');
    expect(await bringInVain()).toEqual(refused('server_error', UNTRUSTED));
  });

  it('needs no issuer where none was promised', async () => {
    evil.metadata = { authorization_response_iss_parameter_supported: undefined };
    forgetProviders(test);
    await arrive('no iss');
    expect((await bring()).to).toBe(`${PUB}/oauth/consent`);
  });

  it.each(['', ' ', 'a code\r\nof nobody', '<script>', 'x'.repeat(7000)])(
    'goes back to the login page: the code %j',
    async (code) => {
      const before = await rows();
      expect(await bring({ code })).toEqual(refused('server_error', UNTRUSTED));
      expect(await rows()).toEqual(before);
      for (const request of evil.tokenRequests) expect(request.code).toBe(code);
    },
  );
});

describe('GET /oauth/sso/:issuer/callback (contract.md §3.7)', () => {
  it.each(['nobody', 'Evil', '__proto__', 'constructor', 'evil%20', 'http%3A%2F%2F127.0.0.1%3A9'])(
    'is found for no other provider: %s',
    async (id) => {
      const path = `/oauth/sso/${id}/callback${callback.search}`;
      const before = await rows();
      const { status, headers, text } = await ask(test, 'GET', path, { cookie });
      expect({ status, body: JSON.parse(text), cookies: cookiesOf({ headers }) }).toEqual({
        status: 404,
        body: { error: 'invalid_request', error_description: 'Not found' },
        cookies: [],
      });
      expectPage(await test.http.get(path).set({ cookie, accept: ACCEPT_HTML }), 404);
      expect(await rows()).toEqual(before);
      expect((await bring()).to).toBe(`${PUB}/oauth/consent`);
    },
  );

  it('is not for HEAD, which spends nothing', async () => {
    const head = await test.http.head(callback.pathname + callback.search).set('cookie', cookie);
    expect({ status: head.status, allow: head.headers['allow'], cookies: cookiesOf(head) }).toEqual({
      status: 405,
      allow: 'GET',
      cookies: [],
    });
    expect(evil.tokenRequests).toEqual([]);
    expect((await bring()).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is not for POST, as providers send with response_mode=form_post', async () => {
    const answer = await test.http.post(callback.pathname).type('form').send(callback.search.slice(1));
    expect(answer.status).toBe(405);
    expect(evil.tokenRequests).toEqual([]);
  });

  it.each([
    ['a parameter twice', '&state=x'],
    ['a code twice', '&code=x'],
    ['a list for a text', '&flow[]=x'],
    ['a character that no parameter may have', '&error_description=%00'],
    ['broken escapes', '&error=%zz'],
  ])('is refused, and spends nothing: %s', async (_, more) => {
    const answer = await ask(test, 'GET', `${callback.pathname}${callback.search}${more}`, { cookie });
    expect([answer.status, answer.headers['location']]).toEqual([400, undefined]);
    expect(evil.tokenRequests).toEqual([]);
    expect((await bring()).to).toBe(`${PUB}/oauth/consent`);
  });

  it('tells no other site anything, and is not kept', async () => {
    const { headers } = await bring();
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
    expect(headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('makes nobody signed in for a client that is gone meanwhile', async () => {
    oauth = oauthQuery(await registerClient(test), { state: 'a state' });
    await arrive();
    await test.dataSource.query('delete from application where client_id = $1', [oauth['client_id']]);
    const before = await rows();
    const answer = await deliver(test, callback.href, cookie);
    expect({ status: answer.status, body: answer.body, cookies: cookiesOf(answer) }).toEqual({
      status: 400,
      body: { error: 'invalid_client', error_description: 'Unknown client_id' },
      cookies: [],
    });
    expect(answer.headers).not.toHaveProperty('location');
    expect(await rows()).toEqual(before);
  });
});
