import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { createUser, redemption, redirectOf, registerClient, requestToken, signIn } from './support/flows.js';
import { ACCEPT_HTML, expectPage, textOf } from './support/pages.js';

const OOB = 'urn:ietf:wg:oauth:2.0:oob';
const STATE = 'a&b=c#d\n\u{1f4a1}';

let test: TestApp;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  await createUser(test, 'alice');
});
afterAll(() => test.close());

describe('GET /oauth/code', () => {
  const open = (query: Record<string, string>) => test.http.get('/oauth/code').query(query).set('Accept', ACCEPT_HTML);

  it('shows a code to copy, and nothing else that arrives', async () => {
    const code = 'aB3_-'.padEnd(43, 'x');
    const html = expectPage(await open({ code, state: 'secret-state' }));
    expect(html).toContain(`<code class="copy">${code}</code>`);
    expect(html).not.toContain('secret-state');
  });

  it('is where consent leads that has no redirect URI; the code works', async () => {
    const byHand = await registerClient(test, { redirect_uris: OOB });
    const browser = await signIn(test, byHand, 'alice', { state: STATE });
    const approval = { client_id: byHand.client_id, redirect_uri: OOB, code: browser.code };
    const { to, sent } = redirectOf(
      await test.http.post('/api/auth/redirect').set('Cookie', browser.cookie).type('form').send(approval),
    );
    expect({ to, sent }).toEqual({ to: `${PUB}/oauth/code`, sent: { code: browser.code, state: STATE } });
    const shown = /<code class="copy">([^<]*)/.exec(expectPage(await open(sent)))?.[1] ?? '';
    expect((await requestToken(test, byHand, redemption(byHand, shown))).status).toBe(200);
  });

  it.each(['', 'short', `${'a'.repeat(42)}<`, 'a'.repeat(44), '<img src=x onerror=alert(1)>'])(
    'does not show the code "%s"',
    async (code) => {
      const html = expectPage(await open({ code }), 400);
      expect(textOf(html)).toContain('There is no code to show');
      expect(html).not.toContain('onerror');
      expect((await test.http.get('/oauth/code').query({ code })).body).toEqual({
        error: 'invalid_request',
        error_description: 'There is no code to show',
      });
    },
  );

  it('has nothing to show without a code', async () => {
    expect(textOf(expectPage(await open({}), 400))).toContain('There is no code to show');
  });

  it('says that the app was denied, in our own words', async () => {
    const html = expectPage(
      await open({ error: 'access_denied', error_description: '<b>Call 555</b>', state: 's', code: 'a'.repeat(43) }),
    );
    expect(textOf(html)).toContain('You said no The app was not let in.');
    expect(html).not.toMatch(/555|aaaa/);
  });

  it('says that the app was refused, whatever the reason', async () => {
    const html = expectPage(await open({ error: '<script>alert(1)</script>' }));
    expect(textOf(html)).toContain('There is no code The app’s request was refused.');
    expect(html).not.toContain('alert(1)');
  });
});
