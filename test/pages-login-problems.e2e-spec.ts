import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { createUser, oauthQuery, registerClient, type TestClient } from './support/flows.js';
import { ACCEPT_HTML, expectPage, formsOf, queryOf, textOf } from './support/pages.js';

/** Everything that a state may hold and that something on the way might change. */
const STATE = 'a&b=c#d%26%0d%0a+ \t"<\'>\u{1f4a1}\r\nline\n';

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  await createUser(test, 'alice');
});
afterAll(() => test.close());

const page = (query: Record<string, string | undefined>, of = client) =>
  test.http.get('/oauth/authorize').query(oauthQuery(of, query)).set('Accept', ACCEPT_HTML);

describe('GET /oauth/authorize with the error of a form post', () => {
  it.each([
    ['invalid_grant', undefined, 'Signing in did not work. Check what you typed and try again.'],
    ['login_required', undefined, 'Please sign in to go on.'],
    ['access_denied', undefined, 'This account may not sign in.'],
    ['access_denied', 'account_is_disabled', 'This account was disabled by the people who run this instance.'],
    [
      'access_denied',
      'missing_confirmed_email',
      'Confirm your e-mail address before you sign in: we have sent you the link again.',
    ],
    ['access_denied', 'awaiting_approval', 'This account still waits for somebody to approve it.'],
    ['access_denied', 'password_reset_required', 'This account needs a new password before it can sign in.'],
    ['access_denied', 'constructor', 'This account may not sign in.'],
    ['invalid_request', undefined, 'The sign-in could not go on. Please try again.'],
    ['invalid_scope', undefined, 'The app asked for a permission that it cannot have.'],
    ['unsupported_response_type', undefined, 'The app asked for a kind of sign-in that is not offered here.'],
    ['temporarily_unavailable', undefined, 'Signing in is not possible for the moment. Please try again soon.'],
    ['server_error', undefined, 'Something went wrong on our side. Please try again.'],
    ['<b>made_up</b>', undefined, 'The sign-in did not work.'],
    ['', undefined, 'The sign-in did not work.'],
  ])('has words of our own for %s %s', async (error, identifier, words) => {
    const html = expectPage(await page({ error, identifier, error_description: 'Described' }));
    expect(html).toContain('role="alert"');
    expect(textOf(html)).toContain(`${words} Described`);
    expect(html).not.toContain('made_up');
    expect(queryOf(formsOf(html)[0]?.action ?? '')).toEqual(oauthQuery(client));
  });

  it('shows the description as plain text', async () => {
    const html = expectPage(
      await page({ error: 'x', error_description: '<img src=x onerror=alert(1)>"\'&amp;<a href="javascript:1">x</a>' }),
    );
    expect(html).toContain(
      "<bdi>&lt;img src=x onerror=alert(1)>&quot;'&amp;amp;&lt;a href=&quot;javascript:1&quot;>x&lt;/a></bdi>",
    );
  });

  it('cuts the description at 200 characters, whole ones', async () => {
    const html = expectPage(await page({ error: 'x', error_description: '\u{1f4a1}'.repeat(500) }));
    expect(html).toContain(`<bdi>${'\u{1f4a1}'.repeat(200)}</bdi>`);
  });

  it('takes control and direction characters out of the description', async () => {
    const html = expectPage(await page({ error: 'x', error_description: 'a\u202Eb\r\n\u2066c\u0007' }));
    expect(html).toContain('<bdi>a b c</bdi>');
  });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['only blanks', ' \n '],
  ])('goes without a description: %s', async (_, error_description) => {
    const html = expectPage(await page({ error: 'invalid_grant', error_description }));
    expect(html).not.toContain('class="detail"');
  });

  it('comes before the faults of the request, and before prompt=none', async () => {
    for (const fault of [{ response_type: 'token' }, { scope: 'x' }, { code_challenge: 'x' }, { prompt: 'none' }]) {
      const html = expectPage(await page({ ...fault, error: 'invalid_scope' }));
      expect(textOf(html)).toContain('Sign in to continue to Test client (app.example)');
    }
  });

  it('is what a wrong password leads to', async () => {
    const answer = await test.http
      .post('/api/auth/login')
      .query(oauthQuery(client, { state: STATE }))
      .type('form')
      .send({ identifier: 'alice', password: 'wrong' });
    const html = expectPage(await test.http.get((answer.headers['location'] ?? '').slice(PUB.length)));
    expect(textOf(html)).toContain(
      'Signing in did not work. Check what you typed and try again. Invalid identifier or password',
    );
    expect(queryOf(formsOf(html)[0]?.action ?? '')).toEqual(oauthQuery(client, { state: STATE }));
    expect(html).not.toContain('value="alice"');
  });
});

describe('GET /oauth/authorize for a hostile client', () => {
  it('shows its name as text', async () => {
    const hostile = await registerClient(test, { client_name: '<img src=x onerror=alert(1)>"\'&' });
    const html = expectPage(await page({}, hostile));
    expect(html).toContain("<bdi>&lt;img src=x onerror=alert(1)>&quot;'&amp;</bdi>");
    expect(html).not.toContain('<img src=x');
  });

  it('keeps a name that turns the writing direction to itself (R17)', async () => {
    const hostile = await registerClient(test, { client_name: 'evil \u202Egnp.exe' });
    expect(expectPage(await page({}, hostile))).toContain('<bdi>evil  gnp.exe</bdi>');
    await test.dataSource.query('update application set name = $1 where id = $2', ['evil \u202Egnp', hostile.id]);
    expect(expectPage(await page({}, hostile))).toContain('<bdi>evil \u202Egnp</bdi>');
  });
});
