import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestApp } from './support/app.js';
import {
  launchBrowser,
  newProfile,
  NO_BROWSER,
  startClient,
  startListeningApp,
  type ThrowAwayClient,
} from './support/browser.js';
import {
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  pkcePair,
  redemption,
  registerClient,
  requestToken,
  statusOf,
  type TestClient,
} from './support/flows.js';

/** What a state may hold and what forms, URLs and headers like to change. */
const STATE = 'a&b=c#d%26%0d%0a+ \t"<\'>\u{1f4a1}\nline';
const OOB = 'urn:ietf:wg:oauth:2.0:oob';

if (NO_BROWSER !== null) process.stderr.write(`The browser tests are skipped: ${NO_BROWSER}\n`);

describe.skipIf(NO_BROWSER !== null)('a person with a browser', () => {
  let test: TestApp;
  let pub: string;
  let browser: Browser;
  let app: ThrowAwayClient;
  let client: TestClient;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    [test, browser, app] = await Promise.all([startListeningApp(), launchBrowser(), startClient()]);
    pub = test.config.publicUrl;
    await createUser(test, 'alice');
    client = await registerClient(test, {
      client_name: 'Sunbeam',
      redirect_uris: `${app.origin}/cb?from=gatehouse`,
      website: 'https://sunbeam.example/',
    });
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
    await test.close();
  });
  beforeEach(() => open());
  afterEach(() => context.close());

  /** A fresh profile with one tab. */
  async function open(options: BrowserContextOptions = {}): Promise<void> {
    ({ context, complaints } = await newProfile(browser, options));
    page = await context.newPage();
    app.arrivals.length = 0;
    app.content = '<h1>Back in the app</h1>';
  }

  const loginUrl = (of = client, more: Record<string, string | undefined> = {}) =>
    `${pub}/oauth/authorize?${new URLSearchParams(oauthQuery(of, { state: STATE, ...more }))}`;
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  /** Waits for a page to come: a click returns when it is on its way. */
  const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true }).waitFor();

  async function signIn(identifier = 'alice', password = PASSWORD): Promise<void> {
    await page.getByLabel('User name or e-mail address').fill(identifier);
    await page.getByLabel('Password').fill(password);
    await press('Sign in');
  }

  /** The one arrival at the app: its path with the query it had before, and what was added. */
  async function arrival(): Promise<{ at: string; added: Record<string, string> }> {
    await page.waitForURL(`${app.origin}/**`);
    await heading('Back in the app');
    expect(app.arrivals).toHaveLength(1);
    const [at = '', added = ''] = (app.arrivals[0] ?? '').split(/[?&](?=code=|error=)(.*)/s);
    return { at, added: Object.fromEntries(new URLSearchParams(added)) };
  }

  it.each([
    ['with JavaScript', true],
    ['without JavaScript', false],
  ])(
    'signs up, signs in, allows, and arrives at the app with code and state intact, %s',
    async (_, javaScriptEnabled) => {
      await context.close();
      await open({ javaScriptEnabled });
      const name = javaScriptEnabled ? 'bea' : 'cora';
      const { verifier, challenge } = pkcePair();
      await page.goto(loginUrl(client, { code_challenge: challenge, code_challenge_method: 'S256' }));
      await page.getByRole('link', { name: 'Create an account' }).click();
      await page.getByLabel('User name').fill('alice');
      await page.getByLabel('E-mail address').fill(`${name}@example.org`);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByLabel('I agree').check();
      await press('Create the account');
      await page.getByText('User name has already been taken.').waitFor();
      expect(await page.getByLabel('Password').inputValue()).toBe('');
      await page.getByLabel('User name').fill(name);
      await page.getByLabel('Password').fill(PASSWORD);
      await press('Create the account');
      await heading(`Welcome, @${name}`);
      await page.getByRole('link', { name: 'Sign in' }).click();
      await signIn(name, 'a wrong password');
      await page.getByText('Signing in did not work.').waitFor();
      await signIn(name);
      await heading('Allow Sunbeam?');
      expect(await page.getByRole('main').innerText()).toContain(`@${name}`);
      expect(app.arrivals).toEqual([]);
      await press('Allow');
      const { at, added } = await arrival();
      expect(at).toBe('/cb?from=gatehouse');
      expect(added).toEqual({ code: expect.stringMatching(/^[\w-]{43}$/), state: STATE, iss: pub });
      const tokens = await requestToken(test, client, {
        ...redemption(client, added['code'] ?? ''),
        code_verifier: verifier,
      });
      expect(tokens.body).toMatchObject({ scope: 'read write', me: `${pub}/users/${name}` });
      // The refused registration is reported by its status; nothing was blocked by a policy.
      expect(complaints).toEqual([expect.stringContaining('status of 422')]);
    },
  );

  it('says no, and the app hears of it', async () => {
    await page.goto(loginUrl());
    await signIn();
    await press('Deny');
    expect(await arrival()).toEqual({
      at: '/cb?from=gatehouse',
      added: { error: 'access_denied', error_description: 'The request was denied', state: STATE, iss: pub },
    });
    expect(complaints).toEqual([]);
  });

  it.each(['com.example.sunbeam:/cb', 'sunbeam://cb?from=gatehouse'])(
    'is sent to an app at %s',
    async (redirect_uris) => {
      const native = await registerClient(test, { client_name: 'Native', redirect_uris });
      await page.goto(loginUrl(native));
      await signIn();
      const scheme = redirect_uris.split(':', 1)[0] ?? '';
      // Interception swallows redirects to schemes that Chromium does not load itself. What it holds must be let through
      // first: a page whose stylesheet never comes is never drawn.
      await page.waitForLoadState('networkidle');
      await context.unrouteAll({ behavior: 'wait' });
      const followed = page.waitForRequest((request) => request.url().startsWith(`${scheme}:`));
      await press('Allow');
      const [to = '', query = ''] = (await followed).url().split(/[?&](?=code=)(.*)/s);
      expect(to).toBe(redirect_uris);
      const { code = '', ...rest } = Object.fromEntries(new URLSearchParams(query));
      expect(rest).toEqual({ state: STATE, iss: pub });
      expect((await requestToken(test, native, redemption(native, code))).status).toBe(200);
      expect(complaints.filter((complaint) => complaint.includes('Content Security Policy'))).toEqual([]);
    },
  );

  it('is sent to an app at an IPv6 address', async () => {
    const local = await registerClient(test, { client_name: 'Local', redirect_uris: `${app.origin6}/cb` });
    await page.goto(loginUrl(local));
    await signIn();
    await press('Allow');
    await page.waitForURL(`${app.origin6}/**`);
    expect(new URL(app.arrivals[0] ?? '', app.origin).searchParams.get('state')).toBe(STATE);
    expect(complaints).toEqual([]);
  });

  it('copies a code by hand', async () => {
    const byHand = await registerClient(test, { client_name: 'Terminal', redirect_uris: OOB });
    await page.goto(loginUrl(byHand));
    await signIn();
    await press('Allow');
    await heading('Copy this code');
    const code = await page.locator('code').innerText();
    expect((await requestToken(test, byHand, redemption(byHand, code))).status).toBe(200);
    expect(complaints).toEqual([]);
  });

  it('continues for a second app without the password, but not without consent', async () => {
    await page.goto(loginUrl());
    await signIn();
    await press('Allow');
    await arrival();
    app.arrivals.length = 0;
    const second = await registerClient(test, { client_name: 'Moonbeam', redirect_uris: `${app.origin}/second` });
    await page.goto(loginUrl(second));
    await press('Continue as @alice');
    await heading('Allow Moonbeam?');
    expect(app.arrivals).toEqual([]);
    await press('Allow');
    expect(await arrival()).toMatchObject({ at: '/second', added: { state: STATE } });
    await page.goto(loginUrl(second, { force_login: 'true' }));
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Sign in']);
    expect(complaints).toEqual([]);
  });

  it('sees and revokes sessions in the settings', async () => {
    const { access_token } = await obtainTokens(test, client, 'alice');
    await page.goto(pub);
    await page.getByRole('link', { name: 'Sign in to your settings' }).click();
    await signIn();
    await press('Allow');
    await heading('Settings');
    expect(page.url()).toBe(`${pub}/settings`);
    const items = page.getByRole('listitem');
    expect(await items.first().innerText()).toMatch(/^Gatehouse settings this one/);
    const others = items.filter({ hasText: 'Sunbeam' });
    const count = await others.count();
    await others.first().getByRole('button').click();
    await expect.poll(() => others.count()).toBe(count - 1);
    expect(await statusOf(test, access_token)).toBe(401);
    await obtainTokens(test, client, 'alice');
    await page.reload();
    await press('Revoke all others');
    await expect.poll(() => items.count()).toBe(1);
    await items.first().getByRole('button').click();
    await heading('Signed out');
    await page.getByRole('link', { name: 'Sign in again' }).click();
    await heading('Sign in');
    expect(complaints).toEqual([]);
  });

  it('signs out of the settings, and then of the browser', async () => {
    await page.goto(`${pub}/settings`);
    await signIn();
    await press('Allow');
    await press('Sign out');
    await heading('Signed out');
    await press('Sign this browser out, too');
    await heading('Gatehouse');
    await page.goto(`${pub}/settings`);
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Sign in']);
    expect(complaints).toEqual([]);
  });

  it('meets our pages in no frame of another site (R52)', async () => {
    app.content = `<iframe src="${loginUrl().replaceAll('&', '&amp;')}"></iframe>`;
    await page.goto(app.origin, { waitUntil: 'load' });
    const [, frame] = page.frames();
    expect(frame?.url()).toBe('chrome-error://chromewebdata/');
    expect(complaints.join()).toMatch(/frame-ancestors 'none'|X-Frame-Options/);
  });

  it('is protected from forms of another site (R42, R50)', async () => {
    await page.goto(`${pub}/settings`);
    await signIn();
    await press('Allow');
    await heading('Settings');
    for (const [target, enctype] of [
      ['/settings/sign-out', 'application/x-www-form-urlencoded'],
      ['/api/auth/logout', 'application/x-www-form-urlencoded'],
      [`/api/auth/login?${new URLSearchParams(oauthQuery(client))}`, 'multipart/form-data'],
    ]) {
      app.content = `<form method="post" enctype="${enctype}" action="${pub}${target?.replaceAll('&', '&amp;')}">
        <input name="identifier" value="mallory"><input name="password" value="x"><button>Win a prize</button></form>`;
      await page.goto(app.origin);
      await press('Win a prize');
      await heading('Not allowed');
      expect(await page.getByRole('alert').innerText()).toBe('Cross-site request refused');
    }
    await page.goto(`${pub}/settings`);
    await heading('Settings');
  });

  it('runs no script and loads nothing that a client put into its name', async () => {
    const hostile = await registerClient(test, {
      client_name: '<img src=x onerror="document.title=1"><script>document.title=1</script>',
      redirect_uris: `${app.origin}/cb`,
    });
    await page.goto(loginUrl(hostile));
    expect(await page.title()).toBe('Sign in · Gatehouse');
    expect(await page.locator('bdi').first().innerText()).toMatch(/^<img src=x onerror=.*<\/script>$/);
    expect(complaints).toEqual([]);
  });

  it('reads every page on a phone of 320 pixels without scrolling sideways', async () => {
    await page.setViewportSize({ width: 320, height: 640 });
    const wide: string[] = [];
    const measure = async () => {
      await page.waitForLoadState('load');
      const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      if (overflow !== 0) wide.push(page.url());
    };
    const paths = ['/', '/register', '/nowhere', `/oauth/code?code=${'W'.repeat(43)}`, '/settings/signed-out'];
    for (const path of paths) {
      await page.goto(pub + path);
      await measure();
    }
    const long = await registerClient(test, {
      client_name: 'W'.repeat(200),
      redirect_uris: `https://${'w'.repeat(60)}.${'w'.repeat(60)}.example/cb`,
      website: `https://${'w'.repeat(60)}.${'w'.repeat(60)}.example/`,
    });
    await page.goto(loginUrl(long));
    await measure();
    await signIn();
    await page.waitForURL('**/oauth/consent?**');
    await measure();
    await obtainTokens(test, client, 'alice');
    await page.goto(`${pub}/settings`);
    await press('Continue as @alice');
    await press('Allow');
    await heading('Settings');
    await measure();
    expect(wide).toEqual([]);
  });
});
