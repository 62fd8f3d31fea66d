import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  clientToken,
  cookiesOf,
  createUser,
  oauthQuery,
  outcomeOf,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { postRegistration } from './support/newcomers.js';
import { ACCEPT_HTML } from './support/pages.js';
import { provider } from './support/sso.js';
import {
  accountOf,
  cookiesGiven,
  effectOf,
  holdings,
  postNaming,
  reachNaming,
  sentToLogin,
  type Unnamed,
} from './support/vouched.js';

const EXPIRED = 'This sign-in has expired or was started elsewhere';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let asked: Record<string, string>;
let unnamed: Unnamed;
/** A name that nobody has. */
let name: string;
let people = 0;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url)];
    config.accounts.blocked_email_domains = ['blocked.example'];
  });
  client = await registerClient(test);
  asked = oauthQuery(client, { state: 'a&state' });
  await createUser(test, 'alice');
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  unnamed = await arrive();
});

async function arrive(app = test): Promise<Unnamed> {
  name = `new_${++people}`;
  const claims = { sub: name, email: `${name}@example.org`, email_verified: true, preferred_username: 'admin' };
  return reachNaming(app, evil, { ...asked, issuer: 'evil' }, claims);
}

/** What is wrong with nothing. */
const right = () => ({ username: name, agreement: 'true' });

/** What a post leads to, and the cookies that it gives. */
async function endOf(post: ReturnType<typeof postNaming>) {
  const answer = await post;
  return { status: answer.status, text: answer.text, given: cookiesGiven(answer), ...redirectOf(answer) };
}

/** The end of what is over; the parameters are told to the browser that began. */
const over = (oauth: Record<string, string> = {}) => ({
  status: 302,
  text: '',
  given: [],
  ...sentToLogin(oauth, 'invalid_request', EXPIRED),
});

describe('POST /api/auth/sso/register that is over (contract.md §3.7.1)', () => {
  it('cancels, and knows nothing of it afterwards', async () => {
    const before = await holdings(test);
    const answer = await postNaming(test, unnamed, { decision: 'cancel', username: '?', agreement: 'true' });
    expect([answer.status, answer.text, cookiesGiven(answer)]).toEqual([302, '', []]);
    expect(redirectOf(answer)).toEqual(sentToLogin(asked, 'access_denied', 'The registration was cancelled'));
    expect(await endOf(postNaming(test, unnamed, right()))).toEqual(over());
    expect(await holdings(test)).toEqual(before);
  });

  it('is refused after ten minutes, by the clock of the database', async () => {
    const before = await holdings(test);
    await test.dataSource.query('update sso_registration set expires_at = now()');
    for (const more of [{}, { decision: 'cancel' }, { decision: 'link', identifier: 'alice', password: 'wrong' }])
      expect(await endOf(postNaming(test, unnamed, { ...right(), ...more }))).toEqual(over(asked));
    expect(await holdings(test)).toEqual(before);
  });

  it('is refused in another browser, which does not use it up', async () => {
    const before = await holdings(test);
    const [cookieName] = unnamed.cookie.split('=');
    const others = [null, `${cookieName}=${'a'.repeat(43)}`, `${cookieName}=`, (await arrive()).cookie];
    for (const cookie of others) expect(await endOf(postNaming(test, { ...unnamed, cookie }, right()))).toEqual(over());
    expect(await endOf(postNaming(test, { ...unnamed, cookie: null }, { decision: 'cancel' }))).toEqual(over());
    expect(await holdings(test)).toEqual(before);
    expect(redirectOf(await postNaming(test, unnamed, right())).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is refused with the token of another one, or none', async () => {
    const before = await holdings(test);
    const other = await arrive();
    for (const token of [other.token, 'a'.repeat(43), '', 'x', other.cookie.split('=')[1] ?? ''])
      expect(await endOf(postNaming(test, { ...unnamed, token }, right()))).toEqual(over());
    expect(await holdings(test)).toEqual(before);
  });

  it('succeeds once', async () => {
    expect(redirectOf(await postNaming(test, unnamed, right())).to).toBe(`${PUB}/oauth/consent`);
    const before = await holdings(test);
    for (const username of [name, `${name}_too`])
      expect(await endOf(postNaming(test, unnamed, { ...right(), username }))).toEqual(over());
    expect(await holdings(test)).toEqual(before);
  });

  it('is refused when its provider is not configured any more', async () => {
    const before = await holdings(test);
    const { providers } = test.config.sso;
    test.config.sso.providers = [];
    const end = await endOf(postNaming(test, unnamed, right()));
    test.config.sso.providers = providers;
    expect(end).toEqual(over(asked));
    expect(await holdings(test)).toEqual(before);
  });

  it('goes nowhere when the client is gone by then', async () => {
    const gone = await registerClient(test);
    const query = { ...oauthQuery(gone), issuer: 'evil' };
    const waiting = await reachNaming(test, evil, query, { sub: name, preferred_username: name });
    await test.dataSource.query('delete from application where id = $1', [gone.id]);
    const fields = { ...right(), email: 'x@example.net' };
    expect(await outcomeOf(postNaming(test, waiting, fields))).toEqual({
      status: 400,
      body: { error: 'invalid_client', error_description: 'Unknown client_id' },
    });
    expect(await accountOf(test, name)).toBeNull();
  });
});

describe('POST /api/auth/sso/register with a bad value', () => {
  it.each<[string, Record<string, string | undefined>, string]>([
    ['no name', { username: undefined }, "Username can't be blank"],
    ['a taken name', { username: 'Alice' }, 'Username has already been taken'],
    ['a reserved name', { username: 'admin' }, 'Username is reserved'],
    ['a short name', { username: 'ab' }, 'Username is too short (minimum is 3 characters)'],
    ['a long name', { username: 'a'.repeat(31) }, 'Username is too long (maximum is 30 characters)'],
    ['a Cyrillic letter', { username: 'аlice' }, 'Username must contain only letters, numbers and underscores'],
    ['a bad address', { email: 'nobody' }, 'Email is invalid'],
    ['a taken address', { email: 'ALICE@example.org' }, 'Email has already been taken'],
    ['a blocked address', { email: 'x@blocked.example' }, 'Email is not allowed'],
    ['no agreement', { agreement: undefined }, 'Agreement must be accepted'],
    ['an agreement that is none', { agreement: 'false' }, 'Agreement must be accepted'],
    ['a long reason', { reason: 'a'.repeat(501) }, 'Reason is too long (maximum is 500 characters)'],
    [
      'everything wrong',
      { username: 'a', email: 'x', agreement: '0' },
      'Username is too short (minimum is 3 characters), Email is invalid, Agreement must be accepted',
    ],
  ])('goes back to the page with %s, and takes a better one', async (_, fields, problem) => {
    const before = await holdings(test);
    const sent = { ...right(), ...fields };
    expect(effectOf(await postNaming(test, unnamed, sent))).toEqual({
      status: 302,
      text: '',
      to: `${PUB}/oauth/sso/register`,
      sent: {
        ...unnamed.sent,
        preferred_username: sent.username?.toLowerCase() ?? 'admin',
        email: fields['email']?.toLowerCase() ?? unnamed.sent['email'],
        error: 'invalid_request',
        error_description: `Validation failed: ${problem}`,
      },
      cookies: [],
    });
    expect(await holdings(test)).toEqual(before);
    expect(redirectOf(await postNaming(test, unnamed, right())).to).toBe(`${PUB}/oauth/consent`);
  });

  it('shows no more of what was typed than an identifier has', async () => {
    const { sent } = redirectOf(await postNaming(test, unnamed, { ...right(), username: 'a'.repeat(5000) }));
    expect(sent['preferred_username']).toBe('a'.repeat(254));
  });

  it.each<[string, object]>([
    ['an unknown decision', { decision: 'steal' }],
    ['no boolean', { agreement: 'maybe' }],
    ['a list', { username: ['alice'] }],
    ['a number', { username: 12345 }],
    ['nothing where a text is due', { email: null }],
    ['control characters in the name', { username: 'bob\u0007by' }],
    ['control characters in the address', { email: 'bob\r\n@example.org' }],
  ])('refuses %s by form', async (_, fields) => {
    const before = await holdings(test);
    const post = test.http.post('/api/auth/sso/register').set('Cookie', unnamed.cookie);
    const answer = await post.send({ registration_token: unnamed.token, username: name, agreement: true, ...fields });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'invalid_request', error_description: expect.any(String) });
    expect(cookiesOf(answer)).toEqual([]);
    expect(await holdings(test)).toEqual(before);
  });
});

describe('POST /api/auth/sso/register from elsewhere', () => {
  it.each<[string, Record<string, string>]>([
    ['Sec-Fetch-Site: cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['another Origin', { Origin: 'https://evil.example' }],
    ['Origin: null', { Origin: 'null' }],
  ])('is refused with %s, and uses nothing up', async (_, headers) => {
    const before = await holdings(test);
    for (const fields of [right(), { decision: 'cancel' }]) {
      const answer = await postNaming(test, unnamed, fields).set(headers);
      expect({ status: answer.status, body: answer.body, cookies: cookiesOf(answer) }).toEqual({
        status: 403,
        body: { error: 'invalid_request', error_description: 'Cross-site request refused' },
        cookies: [],
      });
    }
    expect((await postNaming(test, unnamed, right()).set({ ...headers, Accept: ACCEPT_HTML })).status).toBe(403);
    expect(await holdings(test)).toEqual(before);
    expect(redirectOf(await postNaming(test, unnamed, right()).set('Origin', PUB)).to).toBe(`${PUB}/oauth/consent`);
  });

  it('is counted: five in half an hour, together with those of POST /api/v1/accounts', async () => {
    const strict = await startApp((config) => {
      config.sso.providers = [provider('evil', evil.url)];
      config.limits.enabled = true;
    }, test.database);
    const waiting = await arrive(strict);
    const app = await clientToken(strict, await registerClient(strict, { scopes: 'read write' }), 'write');
    expect((await postRegistration(strict, app, `${name}_first`)).status).toBe(200);
    for (const username of ['a', 'b', 'c', 'd'])
      expect((await postNaming(strict, waiting, { ...right(), username })).status).toBe(302);
    const answer = await postNaming(strict, waiting, right());
    expect([answer.status, answer.body]).toEqual([429, { error: 'Throttled' }]);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(1700);
    expect(await accountOf(test, name)).toBeNull();
    expect((await postRegistration(strict, app, `${name}_second`)).status).toBe(429);
    await strict.close();
  });
});
