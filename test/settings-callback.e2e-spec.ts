import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, countRows, createUser, PASSWORD } from './support/flows.js';
import { expectPage, formsOf, policy, queryOf, textOf } from './support/pages.js';
import { comeBack, newBrowser, path, start } from './support/settings.js';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await createUser(test, 'alice');
  await createUser(test, 'bob');
});
afterAll(() => test.close());

describe('GET /settings/callback', () => {
  const REFUSED = { error: 'invalid_request', error_description: 'This sign-in has expired or was started elsewhere' };

  it('takes a finished sign-in once', async () => {
    const browser = newBrowser(test);
    const back = path(await comeBack(browser, await start(browser)));
    expect((await browser.get(back)).headers['location']).toBe(`${PUB}/settings`);
    const again = await browser.get(back);
    expect(textOf(expectPage(again, 400))).toContain(REFUSED.error_description);
    expectPage(await browser.get('/settings'));
  });

  it('refuses a sign-in that another browser started (login CSRF)', async () => {
    const attacker = newBrowser(test);
    const back = path(await comeBack(attacker, await start(attacker), 'bob'));
    const victim = newBrowser(test);
    const before = await countRows(test);
    expect((await victim.get(back).set('Accept', 'application/json')).body).toEqual(REFUSED);
    await start(victim);
    const answer = await victim.get(back).set('Accept', 'application/json');
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(REFUSED);
    expect(cookiesOf(answer)).toEqual([]);
    expect(await countRows(test)).toEqual(before);
    expect((await attacker.get(back)).headers['location']).toBe(`${PUB}/settings`);
  });

  it.each(['', 'x', 'A'.repeat(43)])('refuses the state "%s" and leaves the code alone', async (state) => {
    const browser = newBrowser(test);
    const back = path(await comeBack(browser, await start(browser)));
    const { code = '' } = queryOf(back);
    const answer = await browser.get('/settings/callback').query({ code, state }).set('Accept', 'application/json');
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(REFUSED);
    expect((await browser.get(back)).headers['location']).toBe(`${PUB}/settings`);
  });

  it('refuses a state without the sign-in’s cookie, or with a changed one', async () => {
    const browser = newBrowser(test);
    const back = path(await comeBack(browser, await start(browser)));
    for (const cookie of ['', 'gh_settings_flow=', `gh_settings_flow=${'A'.repeat(95)}`]) {
      const answer = await test.http.get(back).set('Cookie', cookie);
      expect({ status: answer.status, body: answer.body }).toEqual({ status: 400, body: REFUSED });
    }
  });

  it('refuses a code that is not its own, unknown or too late', async () => {
    const browser = newBrowser(test);
    const login = await start(browser);
    const { state = '' } = queryOf(login);
    for (const code of ['A'.repeat(43), 'x', '']) {
      const answer = await browser.get('/settings/callback').query({ code, state });
      expectPage(answer, 400);
      expect(cookiesOf(answer)).toEqual([]);
    }
    const back = path(await comeBack(browser, login));
    await test.dataSource.query(`update authorization_code set expires_at = now() - interval '1 second'`);
    const late = await browser.get(back).set('Accept', 'application/json');
    expect({ status: late.status, body: late.body }).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'The grant is invalid, expired or already used' },
    });
  });

  it('lets one of two at once in', async () => {
    const browser = newBrowser(test);
    const back = path(await comeBack(browser, await start(browser)));
    const answers = await Promise.all([browser.get(back), browser.get(back)]);
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([302, 400]);
  });

  it('takes no for an answer', async () => {
    const browser = newBrowser(test);
    const back = await comeBack(browser, await start(browser), 'alice', 'deny');
    expect(queryOf(back)).toMatchObject({ error: 'access_denied' });
    const answer = await browser.get(path(back));
    expect(textOf(expectPage(answer))).toContain('Not signed in You did not let the settings use your account.');
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(/^gh_settings_flow=; /)]);
    expect((await browser.get('/settings')).status).toBe(302);
  });

  it('refuses HEAD, which would spend the code', async () => {
    const browser = newBrowser(test);
    const back = path(await comeBack(browser, await start(browser)));
    const answer = await browser.head(back);
    expect({ status: answer.status, allow: answer.headers['allow'] }).toEqual({ status: 405, allow: 'GET' });
    expect((await browser.get(back)).headers['location']).toBe(`${PUB}/settings`);
  });

  it('is reached by consent and nothing less: the page names the settings and our own host', async () => {
    const browser = newBrowser(test);
    const [login] = formsOf((await browser.get(path(await start(browser)))).text);
    const signedIn = await browser
      .post(login?.action ?? '')
      .type('form')
      .send({ identifier: 'alice', password: PASSWORD });
    const html = expectPage(await browser.get(path(signedIn.headers['location'] ?? '')), 200, policy(PUB));
    expect(textOf(html)).toContain('Allow Gatehouse settings?');
    expect(textOf(html)).toContain('You return to localhost:3000');
  });
});
