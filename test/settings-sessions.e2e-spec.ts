import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, createUser, obtainTokens, registerClient, statusOf, type TestClient } from './support/flows.js';
import { expectPage, formsOf, linksOf, textOf } from './support/pages.js';
import { type Browser, enter, listedSessions, newBrowser, newestSession } from './support/settings.js';

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

describe('POST /settings/sessions/:id/revoke', () => {
  let browser: Browser;
  let own: number;
  beforeEach(async () => {
    browser = await enter(test);
    own = await newestSession(test);
  });

  it('ends another session of the person at once', async () => {
    const { id, access_token } = await obtainTokens(test, client, 'alice');
    const answer = await browser.post(`/settings/sessions/${id}/revoke`);
    expect({ status: answer.status, location: answer.headers['location'], text: answer.text }).toEqual({
      status: 302,
      location: `${PUB}/settings`,
      text: '',
    });
    expect(await statusOf(test, access_token)).toBe(401);
    const html = expectPage(await browser.get('/settings'));
    expect(html).not.toContain(`/settings/sessions/${id}/`);
    const [event] = await test.dataSource.query(
      `select * from audit_event where type = 'session.revoked' order by id desc limit 1`,
    );
    expect(event).toMatchObject({ user_id: alice, application_id: Number(client.id), ip: '127.0.0.1' });
  });

  it('ends the settings themselves, signed out', async () => {
    const answer = await browser.post(`/settings/sessions/${own}/revoke`);
    expect(answer.headers['location']).toBe(`${PUB}/settings/signed-out`);
    expect(cookiesOf(answer)).toEqual([
      expect.stringMatching(/^gh_settings=; Max-Age=0; Path=\/settings; Expires=Thu, 01 Jan 1970/),
    ]);
    const html = expectPage(await browser.get('/settings/signed-out'));
    expect(textOf(html)).toContain('You are signed out of your settings.');
    expect(linksOf(html)['Sign in again']).toBe('/settings');
    expect((await browser.get('/settings')).status).toBe(302);
    const [row] = await test.dataSource.query('select revoked_at from session where id = $1', [own]);
    expect(row.revoked_at).toBeInstanceOf(Date);
  });

  it('finds no session of somebody else, and leaves it alone', async () => {
    const { id, access_token } = await obtainTokens(test, client, 'bob');
    const answer = await browser.post(`/settings/sessions/${id}/revoke`);
    expect(textOf(expectPage(answer, 404))).toContain('Record not found');
    expect(await statusOf(test, access_token)).toBe(200);
  });

  it.each(['0', '-1', '1.5', 'x', '9007199254740993', '999999999', '%00', '1%27'])(
    'finds no session %s',
    async (id) => {
      const answer = await browser.post(`/settings/sessions/${id}/revoke`);
      expect(textOf(expectPage(answer, 404))).toContain('Record not found');
      expectPage(await browser.get('/settings'));
    },
  );

  it('finds a session once', async () => {
    const { id } = await obtainTokens(test, client, 'alice');
    const answers = await Promise.all([0, 1].map(() => browser.post(`/settings/sessions/${id}/revoke`)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([302, 404]);
  });

  it('asks a stranger to sign in and does nothing', async () => {
    const { id, access_token } = await obtainTokens(test, client, 'alice');
    const answer = await newBrowser(test).post(`/settings/sessions/${id}/revoke`);
    expect(answer.headers['location']).toBe(`${PUB}/settings`);
    expect(await statusOf(test, access_token)).toBe(200);
  });
});

describe('POST /settings/sessions/revoke-others', () => {
  it('ends all sessions but this one', async () => {
    const browser = await enter(test);
    const own = await newestSession(test);
    const tokens = [await obtainTokens(test, client, 'alice'), await obtainTokens(test, client, 'alice')];
    const foreign = await obtainTokens(test, client, 'bob');
    const answer = await browser.post('/settings/sessions/revoke-others');
    expect(answer.headers['location']).toBe(`${PUB}/settings`);
    for (const { access_token } of tokens) expect(await statusOf(test, access_token)).toBe(401);
    expect(await statusOf(test, foreign.access_token)).toBe(200);
    const html = expectPage(await browser.get('/settings'));
    expect(listedSessions(html)).toEqual(['Gatehouse settings this one']);
    expect(formsOf(html).map(({ action }) => action)).toEqual([
      '/settings/sign-out',
      `/settings/sessions/${own}/revoke`,
    ]);
  });

  it('asks a stranger to sign in', async () => {
    const { access_token } = await obtainTokens(test, client, 'alice');
    const answer = await newBrowser(test).post('/settings/sessions/revoke-others');
    expect(answer.headers['location']).toBe(`${PUB}/settings`);
    expect(await statusOf(test, access_token)).toBe(200);
  });
});

describe('POST /settings/sign-out', () => {
  it('ends the session of the settings, and offers to sign the browser out, too', async () => {
    const browser = await enter(test);
    const own = await newestSession(test);
    const answer = await browser.post('/settings/sign-out');
    expect(answer.headers['location']).toBe(`${PUB}/settings/signed-out`);
    const [row] = await test.dataSource.query('select revoked_at from session where id = $1', [own]);
    expect(row.revoked_at).toBeInstanceOf(Date);
    const html = expectPage(await browser.get('/settings/signed-out'));
    expect(textOf(html)).toContain('This browser is still signed in as @alice');
    expect(formsOf(html)).toEqual([
      { method: 'post', action: '/api/auth/logout', fields: {}, buttons: ['Sign this browser out, too'] },
    ]);
    expect((await browser.post('/api/auth/logout')).headers['location']).toBe(`${PUB}/`);
    expect(formsOf(expectPage(await browser.get('/settings/signed-out')))).toEqual([]);
  });

  it('is the same for somebody who is signed out', async () => {
    const answer = await newBrowser(test).post('/settings/sign-out');
    expect(answer.headers['location']).toBe(`${PUB}/settings/signed-out`);
  });
});

describe('a form of another site', () => {
  it.each(['/settings/sign-out', '/settings/sessions/revoke-others', '/settings/sessions/ID/revoke'])(
    'changes nothing at %s (R50)',
    async (route) => {
      const browser = await enter(test);
      const own = await newestSession(test);
      const to = route.replace('ID', String(own));
      for (const headers of [
        { Origin: 'https://evil.example' },
        { Origin: 'null' },
        { 'Sec-Fetch-Site': 'cross-site' },
        { Origin: 'null', 'Sec-Fetch-Site': 'same-site' },
      ]) {
        const answer = await browser.post(to).set(headers);
        expect(textOf(expectPage(answer, 403))).toContain('Cross-site request refused');
        expect(cookiesOf(answer)).toEqual([]);
      }
      expect((await browser.get(to)).status).toBe(405);
      expectPage(await browser.get('/settings'));
    },
  );
});
