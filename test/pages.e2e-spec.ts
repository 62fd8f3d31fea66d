import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { createUser, oauthQuery, obtainTokens, registerClient, signIn, type TestClient } from './support/flows.js';
import { ACCEPT_HTML, expectPage, linksOf, policy, textOf } from './support/pages.js';

/** What may differ between two answers to the same question. */
function lasting(headers: Record<string, string>): Record<string, string> {
  const { date: _, 'x-request-id': __, connection: ___, 'keep-alive': ____, ...rest } = headers;
  return rest;
}

describe('every page', () => {
  let test: TestApp;
  let client: TestClient;
  let paths: Record<string, string>;
  let cookie: string;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
    await createUser(test, 'alice');
    client = await registerClient(test);
    const signedIn = await signIn(test, client, 'alice');
    cookie = signedIn.cookie;
    paths = {
      home: '/',
      login: `/oauth/authorize?${new URLSearchParams(oauthQuery(client))}`,
      consent: `/oauth/consent?${signedIn.consent}`,
      code: `/oauth/code?code=${'a'.repeat(43)}`,
      register: '/register',
      reset: '/oauth/reset',
      reactivate: `/oauth/reactivate?reactivation_token=${'a'.repeat(43)}`,
      'signed-out': '/settings/signed-out',
    };
  });
  afterAll(() => test.close());
  const open = (name: string) => test.http.get(paths[name] ?? '').set('Cookie', cookie);

  it.each(['home', 'login', 'consent', 'code', 'register', 'reset', 'reactivate', 'signed-out'])(
    '%s carries the headers of a page, no script but that of passkeys, no style of its own, one heading',
    async (name) => {
      const answer = await open(name).set('Origin', 'https://evil.example');
      const html = expectPage(answer, 200, name === 'consent' ? policy('https://app.example') : policy());
      expect(html).toMatch(/^<!doctype html><html lang="en"><head>/);
      // Passkeys are the one thing that no form can do by itself.
      const scripts = name === 'login' ? ['<script type="module" src="/assets/passkeys.js"></script>'] : [];
      expect(html.match(/<script.*?<\/script>/gs) ?? []).toEqual(scripts);
      expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<iframe|<base/i);
      expect(html.match(/<h1[ >]/g)).toHaveLength(1);
      expect(html).toMatch(/<title>[^<]+ · Gatehouse<\/title>/);
      expect(html).toContain('<link rel="stylesheet" href="/assets/gatehouse.css"/>');
      expect(html).toContain('<meta name="viewport" content="width=device-width, initial-scale=1"/>');
      for (const [, id] of html.matchAll(/<(?:input|textarea)\b[^>]* id="(\w+)"/g))
        expect(html).toContain(`for="${id}"`);
    },
  );

  it.each(['home', 'login', 'consent', 'code', 'register', 'reset', 'reactivate', 'signed-out'])(
    '%s answers HEAD with the same headers and nothing else',
    async (name) => {
      const page = await open(name);
      const head = await test.http.head(paths[name] ?? '').set('Cookie', cookie);
      expect(head.status).toBe(200);
      expect(head.text ?? '').toBe('');
      expect(lasting(head.headers)).toEqual(lasting(page.headers));
    },
  );

  it.each([
    ['/', 'GET, HEAD'],
    ['/oauth/consent', 'GET, HEAD'],
    ['/oauth/code', 'GET, HEAD'],
    ['/oauth/reactivate', 'GET, HEAD'],
    ['/settings', 'GET, HEAD'],
  ])('%s tells which methods it has', async (path, allow) => {
    const answer = await test.http.post(path).set('Accept', ACCEPT_HTML);
    expect(textOf(expectPage(answer, 405))).toContain('Method not allowed');
    expect(answer.headers['allow']?.split(', ').toSorted().join(', ')).toBe(allow);
  });

  it('is an error page for people and JSON for programs', async () => {
    const person = await test.http.get('/nowhere').set('Accept', ACCEPT_HTML);
    const html = expectPage(person, 404);
    expect(textOf(html)).toContain('Not found');
    expect(linksOf(html)['Back to the start']).toBe('/');
    const program = await test.http.get('/nowhere');
    expect(program.status).toBe(404);
    expect(program.body).toEqual({ error: 'Not found' });
  });

  it('sends a referrer within a plain-http site that is not loopback, where browsers give no Sec-Fetch headers', async () => {
    const plain = await startApp((config) => (config.publicUrl = 'http://gatehouse.example'), test.database);
    const page = await plain.http.get('/register');
    const missing = await plain.http.get('/nowhere').set('Accept', ACCEPT_HTML);
    const api = await plain.http.get('/api/v1/instance');
    await plain.close();
    expect(page.headers['referrer-policy']).toBe('same-origin');
    expect(missing.headers['referrer-policy']).toBe('same-origin');
    expect(api.headers['referrer-policy']).toBe('no-referrer');
  });

  it('demands https for a year where the public URL is https', async () => {
    const secure = await startApp((config) => (config.publicUrl = 'https://gatehouse.example'), test.database);
    const page = await secure.http.get('/');
    await secure.close();
    expectPage(page);
    expect(page.headers['strict-transport-security']).toBe('max-age=31536000');
  });
});

describe('GET /', () => {
  it('says what this is and links to settings, registration and documents', async () => {
    const test = await startApp((config) => {
      config.instance.title = 'House <of> Ada';
      config.instance.description = 'A <b>calm</b> place & more';
    });
    const html = expectPage(await test.http.get('/'));
    await test.close();
    expect(html).toContain('<h1>House &lt;of> Ada</h1>');
    expect(html).toContain('A &lt;b>calm&lt;/b> place &amp; more');
    expect(linksOf(html)).toMatchObject({
      'Sign in to your settings': '/settings',
      'Create an account': '/register',
      'API documentation': '/docs',
    });
  });

  it('offers no registration where there is none', async () => {
    const test = await startApp((config) => (config.registrations.enabled = false));
    const html = expectPage(await test.http.get('/'));
    await test.close();
    expect(linksOf(html)).not.toHaveProperty('Create an account');
  });
});

describe('frontend.builtin: false', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp((config) => (config.frontend.builtin = false));
    await test.listen();
  });
  afterAll(() => test.close());

  it.each([
    '/',
    '/oauth/authorize',
    '/oauth/consent',
    '/oauth/code',
    '/register',
    '/settings',
    '/settings/callback',
    '/settings/signed-out',
  ])('leaves nothing at %s', async (path) => {
    const person = await test.http.get(path).set('Accept', ACCEPT_HTML);
    const program = await test.http.get(path);
    // POST /oauth/authorize is the consent handler, which every frontend needs.
    const status = path === '/oauth/authorize' ? 405 : 404;
    expect(textOf(expectPage(person, status))).toContain(status === 405 ? 'Method not allowed' : 'Not found');
    expect(program.status).toBe(status);
  });

  it('keeps the forms’ targets, style sheet and pictures', async () => {
    expect((await test.http.post('/api/auth/logout')).status).toBe(302);
    expect((await test.http.get('/assets/gatehouse.css')).status).toBe(200);
    expect((await test.http.get('/assets/avatar.svg')).status).toBe(200);
  });
});

describe('frontend.routes', () => {
  let test: TestApp;
  let client: TestClient;
  beforeAll(async () => {
    test = await startApp(({ frontend }) => {
      Object.assign(frontend.routes, {
        home: '/start',
        login: '/front/login',
        consent: '/front/consent',
        code: '/front/code',
        register: '/front/join',
      });
    });
    await test.listen();
    await createUser(test, 'alice');
    client = await registerClient(test);
  });
  afterAll(() => test.close());

  it('moves the pages and every way to them', async () => {
    const query = new URLSearchParams(oauthQuery(client));
    const home = expectPage(await test.http.get('/start'));
    expect(linksOf(home)['Create an account']).toBe('/front/join');
    expect(linksOf(home)['Gatehouse']).toBe('/start');
    const login = expectPage(await test.http.get(`/front/login?${query}`));
    expect(linksOf(login)['Create an account']).toMatch(/^\/front\/join\?client_id=/);
    const join = expectPage(await test.http.get(`/front/join?${query}`));
    expect(linksOf(join)['Sign in']).toMatch(/^\/front\/login\?client_id=/);
    expect(join).toMatch(/<form method="post" action="\/front\/join\?client_id=/);
    expectPage(await test.http.get(`/front/code?code=${'a'.repeat(43)}`));
    const { cookie, consent } = await signIn(test, client, 'alice');
    const asked = await test.http.get(`/front/consent?${consent}`).set('Cookie', cookie);
    expectPage(asked, 200, policy('https://app.example'));
    const settings = await test.http.get('/settings');
    expect(settings.headers['location']).toMatch(`${PUB}/front/login?client_id=`);
  });

  it.each(['/', '/oauth/consent', '/oauth/code', '/register'])('leaves nothing at %s', async (path) => {
    expect((await test.http.get(path)).status).toBe(404);
  });

  it('leaves only the consent handler at /oauth/authorize', async () => {
    const answer = await test.http.get('/oauth/authorize');
    expect({ status: answer.status, allow: answer.headers['allow'] }).toEqual({ status: 405, allow: 'POST' });
  });
});

describe('GET /assets/*', () => {
  let test: TestApp;
  beforeAll(async () => {
    test = await startApp();
    await test.listen();
  });
  afterAll(() => test.close());

  it.each([
    ['gatehouse.css', 'text/css; charset=utf-8'],
    ['avatar.svg', 'image/svg+xml'],
    ['header.svg', 'image/svg+xml'],
    ['icon.svg', 'image/svg+xml'],
    ['passkeys.js', 'text/javascript; charset=utf-8'],
  ])('serves %s to any origin, to be kept for an hour and then asked for again', async (name, type) => {
    const answer = await test.http.get(`/assets/${name}`).set('Origin', 'https://app.example');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': type,
      'cache-control': 'public, max-age=3600',
      etag: expect.stringMatching(/^(W\/)?".+"$/),
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(/^default-src 'none'; ?frame-ancestors 'none'$/),
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    const again = await test.http.get(`/assets/${name}`).set('If-None-Match', answer.headers['etag'] ?? '');
    expect(again.status).toBe(304);
    expect(again.text ?? '').toBe('');
    expect(again.headers['content-type']).toBe(type);
  });

  it('has the pictures that accounts name', async () => {
    await createUser(test, 'alice');
    const { access_token } = await obtainTokens(test, await registerClient(test), 'alice');
    const account = await test.http.get('/api/v1/accounts/verify_credentials').auth(access_token, { type: 'bearer' });
    for (const url of [account.body.avatar, account.body.header]) {
      const picture = await test.http.get(new URL(url).pathname);
      expect(picture.body.toString()).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    }
  });

  it.each([
    '/assets/',
    '/assets',
    '/assets/nothing.css',
    '/assets/..%2fpages.module.ts',
    '/assets/%2e%2e/pages.module.ts',
  ])('has nothing at %s', async (path) => {
    const answer = await test.http.get(path);
    expect([400, 404]).toContain(answer.status);
    expect(answer.text).not.toContain('PagesModule');
  });
});
