import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, countRows, createUser, oauthQuery, registerClient, type TestClient } from './support/flows.js';
import { mailsAreOut } from './support/mail-flows.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, queryOf, textOf } from './support/pages.js';
import { endings, reactivate, stateOf, stopAtReactivation } from './support/reactivation.js';

const STATE = 'a&b=c#d\n"<b>\u{1f4a1}';
const TOKEN = 'a'.repeat(43);

let test: TestApp;
let client: TestClient;
let query: Record<string, string>;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  query = oauthQuery(client, { state: STATE });
});
afterAll(() => test.close());

const open = (of: Record<string, string>) => test.http.get('/oauth/reactivate').query(of).set('Accept', ACCEPT_HTML);

describe('GET /oauth/reactivate', () => {
  it.each([
    ['disabled', 'You disabled this account. Do you want it back?', 'Yes, I am back'],
    [
      'deletion_pending',
      'You deleted this account, and it will be erased soon. Do you want to keep it?',
      'Keep my account',
    ],
    ['something <else>', 'You disabled this account. Do you want it back?', 'Yes, I am back'],
  ])('asks for the reason %s, in one form, and knows the way back to the sign-in', async (reason, words, button) => {
    const html = expectPage(await open({ reactivation_token: TOKEN, reason, ...query, evil: 'x' }));
    expect(textOf(html)).toContain(`Welcome back ${words}`);
    expect(formsOf(html)).toEqual([
      { method: 'post', action: '/api/auth/reactivate', fields: { reactivation_token: TOKEN }, buttons: [button] },
    ]);
    const back = linksOf(html)['Not now'] ?? '';
    expect(back.split('?')[0]).toBe('/oauth/authorize');
    expect(queryOf(back)).toEqual(query);
    expectPage(await test.http.get(back));
    expect(html).not.toMatch(/evil|<else>|<b>/);
  });

  it('leads home when it belongs to no sign-in', async () => {
    const html = expectPage(await open({ reactivation_token: TOKEN, redirect_uri: 'https://evil.example/' }));
    expect(linksOf(html)['Not now']).toBe('/');
    expect(html).not.toContain('evil');
  });

  it.each<[string, Record<string, string>]>([
    ['no token', {}],
    ['an empty one', { reactivation_token: '' }],
    ['a malformed one', { reactivation_token: '"><script>' }],
  ])('is an error page for %s', async (_, of) => {
    const html = expectPage(await open({ ...query, ...of }), 400);
    expect(html).toContain('role="alert"');
    expect(html).not.toContain('<script');
    expect(formsOf(html)).toEqual([]);
  });

  it('is a page that changes nothing, by GET or HEAD: the account comes back by its form alone', async () => {
    const id = await createUser(test, 'alice');
    await endings(test).disable(id, 'owner', null);
    const stopped = await stopAtReactivation(test, client, 'alice', { state: STATE });
    await mailsAreOut(test);
    const before = await countRows(test);
    const of = { reactivation_token: stopped.token, reason: 'disabled', ...query };
    const page = await open(of).set('Cookie', stopped.cookie);
    const head = await test.http.head('/oauth/reactivate').query(of).set('Cookie', stopped.cookie);
    expect([head.status, head.text ?? '']).toEqual([200, '']);
    expect(head.headers['content-length']).toBe(page.headers['content-length']);
    expect([page, head].flatMap(cookiesOf)).toEqual([]);
    expect(await countRows(test)).toEqual(before);
    expect(await stateOf(test, id)).toEqual({ disabled: true, byStaff: false, deleting: false });
    // Nor does another browser that has the URL.
    const stranger = await reactivate(test, { ...stopped, cookie: 'gh_mfa=' });
    expect(stranger.headers['location']).toMatch(`${PUB}/oauth/authorize?error=invalid_grant`);
    const [form] = formsOf(expectPage(page));
    expect(form?.fields).toEqual({ reactivation_token: stopped.token });
    const answer = await reactivate(test, { ...stopped, token: form?.fields['reactivation_token'] ?? '' });
    expect(answer.headers['location']).toMatch(`${PUB}/oauth/consent?`);
    expect(await stateOf(test, id)).toEqual({ disabled: false, byStaff: false, deleting: false });
  });
});

describe('POST /oauth/reactivate', () => {
  it('is not there', async () => {
    const answer = await test.http.post('/oauth/reactivate').set('Accept', ACCEPT_HTML);
    expect(textOf(expectPage(answer, 405))).toContain('Method not allowed');
  });
});
