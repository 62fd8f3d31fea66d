import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  cookiesOf,
  createUser,
  obtainTokens,
  redirectOf,
  registerClient,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { expectPage, formsOf, textOf } from './support/pages.js';
import { comeBack, enter, listedSessions, newBrowser, newestSession, path, start } from './support/settings.js';

let test: TestApp;
let client: TestClient;
let alice: string;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  alice = await createUser(test, 'alice');
  await createUser(test, 'bob');
});
afterAll(() => test.close());

describe('GET /settings', () => {
  it('starts a sign-in as any public client does, with state and PKCE, bound to the browser', async () => {
    const answer = await newBrowser(test).get('/settings');
    expect(answer.status).toBe(302);
    expect(answer.text).toBe('');
    const [app] = await test.dataSource.query(`select * from application where builtin = 'settings'`);
    const { to, sent } = redirectOf(answer);
    expect(to).toBe(`${PUB}/oauth/authorize`);
    expect(sent).toEqual({
      client_id: app.client_id,
      redirect_uri: `${PUB}/settings/callback`,
      response_type: 'code',
      scope: 'read write',
      state: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(app).toMatchObject({
      name: 'Gatehouse settings',
      client_secret_hash: null,
      redirect_uris: [`${PUB}/settings/callback`],
      scope: 'read write',
    });
    const [cookie = '', ...others] = cookiesOf(answer);
    expect(others).toEqual([]);
    expect(cookie).toMatch(/^gh_settings_flow=[\w-]+; Max-Age=600; Path=\/settings; HttpOnly; SameSite=Lax$/);
    expect(cookie).not.toContain(sent['state'] ?? '');
  });

  it('starts a new one each time, by one and the same client', async () => {
    const [first, second] = [
      redirectOf(await newBrowser(test).get('/settings')),
      redirectOf(await newBrowser(test).get('/settings')),
    ];
    expect(first.sent['client_id']).toBe(second.sent['client_id']);
    expect(first.sent['state']).not.toBe(second.sent['state']);
    expect(first.sent['code_challenge']).not.toBe(second.sent['code_challenge']);
  });

  it('lists the sessions of the person, this one first', async () => {
    await test.dataSource.query('truncate session cascade');
    const { id } = await obtainTokens(test, client, 'alice');
    await obtainTokens(test, client, 'bob');
    await test.dataSource.query(
      `update session set created_at = '2026-01-02T15:51:08Z', last_used_at = null, ip = '192.0.2.7', user_agent = $2 where id = $1`,
      [id, 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0'],
    );
    const browser = await enter(test);
    const html = expectPage(await browser.get('/settings'));
    expect(listedSessions(html)).toEqual(['Gatehouse settings this one', 'Test client']);
    expect(textOf(html)).toContain('Signed in as @alice');
    expect(textOf(html)).toContain(
      'Test client Created 2 Jan 2026, 15:51 UTC Last used never Address 192.0.2.7 Device Firefox on Linux Revoke',
    );
    expect(textOf(html)).toMatch(
      /Gatehouse settings this one Created .* UTC Last used .* UTC Address 127\.0\.0\.1 Device unknown Revoke/,
    );
    expect(formsOf(html)).toEqual([
      { method: 'post', action: '/settings/sign-out', fields: {}, buttons: ['Sign out'] },
      {
        method: 'post',
        action: `/settings/sessions/${await newestSession(test)}/revoke`,
        fields: {},
        buttons: ['Revoke'],
      },
      { method: 'post', action: `/settings/sessions/${id}/revoke`, fields: {}, buttons: ['Revoke'] },
      { method: 'post', action: '/settings/sessions/revoke-others', fields: {}, buttons: ['Revoke all others'] },
    ]);
    expect(html).not.toContain('bob');
  });

  it('shows the hostile name of an app as text', async () => {
    const hostile = await registerClient(test, { client_name: '<img src=x onerror=alert(1)>"' });
    await obtainTokens(test, hostile, 'alice');
    const html = expectPage(await (await enter(test)).get('/settings'));
    expect(html).toContain('<bdi>&lt;img src=x onerror=alert(1)>&quot;</bdi>');
    expect(html).toContain('aria-label="Revoke &lt;img src=x onerror=alert(1)>&quot;"');
  });

  it('keeps the access token sealed, HttpOnly, for the settings only, until the browser closes', async () => {
    const browser = newBrowser(test);
    const answer = await browser.get(path(await comeBack(browser, await start(browser))));
    expect(answer.status).toBe(302);
    const [cleared = '', kept = '', ...others] = cookiesOf(answer);
    expect(others).toEqual([]);
    expect(cleared).toMatch(
      /^gh_settings_flow=; Max-Age=0; Path=\/settings; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax$/,
    );
    expect(kept).toMatch(/^gh_settings=[\w-]{95}; Path=\/settings; HttpOnly; SameSite=Lax$/);
    const value = /=([^;]*)/.exec(kept)?.[1] ?? '';
    expect(await statusOf(test, value)).toBe(401);
    expect(answer.headers['referrer-policy']).toBe('no-referrer');
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('names its cookies __Secure- and marks them so where we are https', async () => {
    const secure = await startApp((config) => (config.publicUrl = 'https://gatehouse.example'), test.database);
    const answer = await secure.http.get('/settings');
    await secure.close();
    expect(cookiesOf(answer)[0]).toMatch(
      /^__Secure-gh_settings_flow=[\w-]+; Max-Age=600; Path=\/settings; HttpOnly; Secure; SameSite=Lax$/,
    );
  });

  it.each(['gh_settings=', 'gh_settings=x', `gh_settings=${'A'.repeat(95)}`])(
    'starts a sign-in for the cookie %s',
    async (cookie) => {
      const answer = await test.http.get('/settings').set('Cookie', cookie);
      expect(redirectOf(answer).to).toBe(`${PUB}/oauth/authorize`);
    },
  );

  it('takes neither the `jwt` cookie nor the sealed secret of a sign-in for a token', async () => {
    const begun = await newBrowser(test).get('/settings');
    const flow = /=([^;]*)/.exec(cookiesOf(begun)[0] ?? '')?.[1] ?? '';
    const answer = await test.http.get('/settings').set('Cookie', `gh_settings=${flow}`);
    expect(answer.status).toBe(302);
  });

  it('starts anew when its session was revoked elsewhere, or has expired', async () => {
    const [revoked, expired] = [await enter(test), await enter(test)];
    const id = await newestSession(test);
    await test.dataSource.query('update session set revoked_at = now() where id = $1', [id - 1]);
    await test.dataSource.query(
      `update access_token set expires_at = now() - interval '1 second' where session_id = $1`,
      [id],
    );
    for (const browser of [revoked, expired]) {
      expect(redirectOf(await browser.get('/settings')).to).toBe(`${PUB}/oauth/authorize`);
    }
  });

  it('starts anew when the token was narrowed to less than the settings need', async () => {
    const browser = await enter(test);
    await test.dataSource.query(`update access_token set scope = 'read' where session_id = $1`, [
      await newestSession(test),
    ]);
    expect((await browser.get('/settings')).status).toBe(302);
  });

  it.each(ACCOUNT_BLOCKS)('shows nothing to an account with %s', async (change) => {
    const browser = await enter(test);
    await changeUser(test, alice, change);
    const answer = await browser.get('/settings');
    await changeUser(test, alice, UNBLOCKED);
    expect(redirectOf(answer).to).toBe(`${PUB}/oauth/authorize`);
    expect(answer.text).toBe('');
  });
});
