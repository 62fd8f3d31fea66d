import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { linkTo } from './support/account-mails.js';
import type { TestApp } from './support/app.js';
import { launchBrowser, newProfile, NO_BROWSER, startListeningApp } from './support/browser.js';
import { VirtualDevice, Visitor } from './support/browser-factors.js';
import { createUser } from './support/flows.js';
import { look, passTime } from './support/recovery.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

if (NO_BROWSER !== null) process.stderr.write(`The browser tests are skipped: ${NO_BROWSER}\n`);

describe.skipIf(NO_BROWSER !== null)('a person who has lost every factor', { timeout: 60_000 }, () => {
  let test: TestApp;
  let smtp: SmtpListener;
  let browser: Browser;
  const contexts: BrowserContext[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    smtp = await startSmtp();
    const byName = startListeningApp((config) => {
      config.publicUrl = config.publicUrl.replace('127.0.0.1', 'localhost');
      config.smtpUrl = smtp.url;
    });
    [test, browser] = await Promise.all([byName, launchBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await test.close();
    await smtp.close();
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    complaints.length = 0;
  });

  /** A browser of its own. */
  async function newVisitor(options: BrowserContextOptions = {}): Promise<Visitor> {
    const profile = await newProfile(browser, options);
    contexts.push(profile.context);
    profile.context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    return new Visitor(await profile.context.newPage(), test.config.publicUrl);
  }

  /** An account with an app that nobody has any more. */
  async function enrol(username: string): Promise<{ id: string; home: Visitor }> {
    const id = await createUser(test, username, { emailVerifiedAt: new Date() });
    const home = await newVisitor();
    await home.enterSecurity(username);
    await home.enrolApp();
    await test.dataSource.query(
      `update totp_credential set enabled_at = now() - interval '1 year', last_step = null where user_id = $1`,
      [id],
    );
    return { id, home };
  }

  /** Asks for the way back, and confirms it by the mail. */
  async function ask(visitor: Visitor, username: string): Promise<void> {
    const { page } = visitor;
    await visitor.stopAtFactor(username);
    await page.getByText('I have lost all of these').click();
    await visitor.press('Send me that mail');
    await page.getByText('We have sent you a mail.').waitFor();
    await page.goto(`${test.config.publicUrl}${await linkTo(test, smtp, `${username}@example.org`)}`);
    await visitor.heading('Have you lost every second factor?');
    await visitor.press('Yes, I have lost them');
    await visitor.heading('The waiting begins');
  }

  it('waits, and then comes back with the password', async () => {
    const { id } = await enrol('carol');
    const visitor = await newVisitor();
    await ask(visitor, 'carol');
    await visitor.stopAtFactor('carol');
    await visitor.page.getByText(/^The second factors are taken away on .* UTC, unless somebody objects/).waitFor();
    expect(await visitor.page.getByText('I have lost all of these').count()).toBe(0);
    await passTime(test, id);
    await look(test, id);
    await visitor.knock();
    await visitor.typePassword('carol');
    await visitor.allow('carol');
    await visitor.openSecurity();
    expect(await visitor.words()).toContain('Signing in asks for your password only.');
    expect(complaints).toEqual([]);
  });

  it('is stopped by who is signed in: they see it, and press one button', async () => {
    const { home } = await enrol('dora');
    const thief = await newVisitor();
    await ask(thief, 'dora');
    await home.openSecurity();
    const notice = home.page.getByRole('alert').filter({ hasText: 'says that your second factors are lost' });
    await notice.waitFor();
    await home.press('Stop that: I still have them');
    await home.heading('Authenticator app', 2);
    expect(await notice.count()).toBe(0);
    await thief.stopAtFactor('dora');
    expect(await thief.page.getByText('I have lost all of these').count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  it('without JavaScript uses a backup code, and is told what a passkey needs', async () => {
    await createUser(test, 'erna');
    const home = await newVisitor();
    await VirtualDevice.pluggedInto(home.page);
    await home.enterSecurity('erna');
    const codes = await home.makeCodes();
    await home.addPasskey('My laptop');
    await home.heading('My laptop', 3);
    const bare = await newVisitor({ javaScriptEnabled: false });
    await bare.knock();
    expect(await bare.page.getByRole('button', { name: 'Sign in with a passkey' }).isVisible()).toBe(false);
    await bare.stopAtFactor('erna');
    expect(await bare.words()).toContain('A passkey can only be used with JavaScript.');
    expect(await bare.page.getByRole('button', { name: 'Use a passkey' }).isVisible()).toBe(false);
    await bare.typeBackupCode(codes[0] ?? '');
    await bare.allow('erna');
    expect(complaints).toEqual([]);
  });

  it('reads every page on a phone of 320 pixels without scrolling sideways, in the dark, too', async () => {
    await createUser(test, 'frida');
    const visitor = await newVisitor({ viewport: { width: 320, height: 600 }, colorScheme: 'dark' });
    const { page } = visitor;
    await VirtualDevice.pluggedInto(page);
    const fits = async () =>
      page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);
    await visitor.enterSecurity('frida');
    await visitor.press('Set it up');
    await visitor.heading('Set up an authenticator app', 2);
    expect(await fits()).toBe(true);
    const ground = await page.locator('.qr').evaluate((link) => getComputedStyle(link).backgroundColor);
    expect(ground).toBe('rgb(255, 255, 255)');
    await page.getByRole('link', { name: 'Not now' }).click();
    await visitor.heading('Authenticator app', 2);
    await visitor.addPasskey('A key with a name that is much too long for a phone of this size, as names are');
    await page.getByText('Rename or remove').click();
    expect(await fits()).toBe(true);
    await page.locator('#codes').getByLabel('Password').fill('correct horse battery staple');
    await visitor.press('Make codes');
    await visitor.heading('Your backup codes', 2);
    expect(await fits()).toBe(true);
    await page.getByRole('link', { name: 'I have them' }).click();
    await visitor.leave();
    await visitor.stopAtFactor('frida');
    for (const summary of await page.locator('summary').all()) await summary.click();
    expect(await fits()).toBe(true);
    expect(complaints).toEqual([]);
  });
});
