import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signInOutcome } from './support/account.js';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import { oauthQuery, PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { addressOf, mailsAreOut } from './support/mail-flows.js';
import { newName, nextConfirmation } from './support/newcomers.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, queryOf, textOf } from './support/pages.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const AGAIN = 'No mail after some minutes? Look among the spam. When you sign in, we send it again.';

let smtp: SmtpListener;
beforeAll(async () => {
  smtp = await startSmtp();
});
afterAll(() => smtp.close());

/** The page that a new person sees, and all that belongs to it. */
async function register(test: TestApp, client: TestClient, more: Record<string, string> = {}) {
  const name = newName();
  const sent = { username: ` ${name.toUpperCase()} `, email: addressOf(name), password: PASSWORD, agreement: 'true' };
  const answer = await test.http
    .post('/register')
    .query(oauthQuery(client))
    .set('Accept', ACCEPT_HTML)
    .type('form')
    .send({ ...sent, ...more });
  expect(answer.headers).not.toHaveProperty('set-cookie');
  return { name, html: expectPage(answer) };
}

/** The page of a link, and the page after its button. */
async function confirm({ http }: TestApp, path: string): Promise<{ before: string; after: string }> {
  const before = expectPage(await http.get(path).set('Accept', ACCEPT_HTML));
  const [form] = formsOf(before);
  const after = await http.post(form?.action ?? '').set('Accept', ACCEPT_HTML);
  return { before: textOf(before), after: expectPage(after) };
}

describe.each<[string, Adjust, boolean, boolean]>([
  ['nothing more is asked for', () => {}, false, false],
  ['the address must be confirmed', (config) => (config.smtpUrl = smtp.url), true, false],
  ['somebody must approve', (config) => (config.registrations.approval = true), false, true],
  [
    'both',
    (config) => {
      config.smtpUrl = smtp.url;
      config.registrations.approval = true;
    },
    true,
    true,
  ],
])('POST /register, where %s', (_, adjust, confirms, approves) => {
  let test: TestApp;
  let client: TestClient;
  beforeAll(async () => {
    test = await startApp(adjust);
    await test.listen();
    client = await registerClient(test);
  });
  afterAll(() => test.close());

  it('says what comes next, and no more than is true', async () => {
    const { name, html } = await register(test, client, { reason: 'I like it' });
    const words = {
      ready: 'Your account is ready. Sign in',
      waits:
        'Your account is made, and waits for somebody of this instance to approve it. Then you can sign in. Sign in',
      link: `We have sent a link to ${addressOf(name)}. Open it to confirm that the address is yours; then you can sign in. Sign in ${AGAIN}`,
      linkAndWait: `We have sent a link to ${addressOf(name)}. Open it to confirm that the address is yours; then somebody of this instance looks at your registration. Sign in ${AGAIN}`,
    };
    const expected = confirms ? (approves ? 'linkAndWait' : 'link') : approves ? 'waits' : 'ready';
    expect(textOf(html)).toContain(`Welcome, @${name} ${words[expected]} localhost:3000`);
    expect(html).toContain(`class="button${expected === 'ready' ? '' : ' quiet'}" href="/oauth/authorize?`);
    expect(queryOf(linksOf(html)['Sign in'] ?? '')).toEqual(oauthQuery(client));
    expect(formsOf(html)).toEqual([]);
    expect(await signInOutcome(test, client, name)).toBe(
      {
        ready: 'signed in',
        waits: 'Your login is currently pending approval',
        link: 'Your login is missing a confirmed e-mail address',
        linkAndWait: 'Your login is missing a confirmed e-mail address',
      }[expected],
    );
  });

  it.each(confirms ? ['that link'] : [])('sends %s, and says at its end what comes next', async () => {
    const { name } = await register(test, client, { reason: 'I like it' });
    const path = await nextConfirmation(test, smtp, addressOf(name));
    const { before, after } = await confirm(test, path);
    expect(before).toContain(
      `Confirm your address Is ${addressOf(name)} your address, and @${name} your account? Yes, confirm it`,
    );
    expect(textOf(after)).toContain(
      approves
        ? 'Address confirmed Somebody of this instance will now look at your registration. Go on'
        : `Address confirmed @${name} is ready: you can sign in. Sign in to your settings`,
    );
    expect(linksOf(after)).toMatchObject(approves ? { 'Go on': '/' } : { 'Sign in to your settings': '/settings' });
    expect(await signInOutcome(test, client, name)).toBe(
      approves ? 'Your login is currently pending approval' : 'signed in',
    );
    await mailsAreOut(test);
  });

  it('asks for an address where one is needed', async () => {
    const { config } = test;
    config.registrations.email_required = false;
    const html = expectPage(await test.http.get('/register'));
    config.registrations.email_required = true;
    expect(html.includes('>E-mail address (if you like)</label>')).toBe(!confirms);
    expect(/id="email"[^>]* required/.test(html)).toBe(confirms);
  });
});
