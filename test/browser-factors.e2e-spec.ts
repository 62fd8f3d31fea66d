import { generateSync } from 'otplib';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TestApp } from './support/app.js';
import { launchBrowser, newProfile, NO_BROWSER, startListeningApp } from './support/browser.js';
import { VirtualDevice, Visitor } from './support/browser-factors.js';
import { createUser } from './support/flows.js';
import { forgetSteps } from './support/mfa.js';

if (NO_BROWSER !== null) process.stderr.write(`The browser tests are skipped: ${NO_BROWSER}\n`);

describe.skipIf(NO_BROWSER !== null)('a person with second factors and a browser', { timeout: 60_000 }, () => {
  let test: TestApp;
  let browser: Browser;
  let context: BrowserContext;
  let complaints: string[];
  let visitor: Visitor;

  beforeAll(async () => {
    // Passkeys need a name; an address is none.
    const byName = startListeningApp(
      (config) => (config.publicUrl = config.publicUrl.replace('127.0.0.1', 'localhost')),
    );
    [test, browser] = await Promise.all([byName, launchBrowser()]);
  });
  afterAll(async () => {
    await browser.close();
    await test.close();
  });
  beforeEach(async () => {
    ({ context, complaints } = await newProfile(browser));
    visitor = new Visitor(await context.newPage(), test.config.publicUrl);
  });
  afterEach(() => context.close());

  it('enrols an app from its picture and a passkey, signs in with each, loses both, and comes back with a backup code', async () => {
    const id = await createUser(test, 'alice');
    const { page } = visitor;
    const device = await VirtualDevice.pluggedInto(page);
    await visitor.enterSecurity('alice');
    const { secret, typed } = await visitor.enrolApp();
    expect(typed).toBe(secret);
    const codes = await visitor.makeCodes();
    expect(codes).toHaveLength(10);
    expect(await visitor.words()).toContain('10 are left.');
    await visitor.leave();

    await forgetSteps(test, { id });
    await visitor.stopAtFactor('alice');
    await page.getByLabel('Code of your authenticator app').fill('000000');
    await visitor.press('Go on');
    await page.getByText('That was not right.').waitFor();
    await page.getByLabel('Code of your authenticator app').fill(generateSync({ secret }));
    await visitor.press('Go on');
    await visitor.allow('alice');

    await visitor.openSecurity();
    await visitor.addPasskey('My laptop');
    await visitor.heading('My laptop', 3);
    expect(await visitor.words()).toContain('never');
    await visitor.leave();

    await visitor.knock();
    await visitor.press('Sign in with a passkey');
    await visitor.allow('alice');
    await visitor.openSecurity();
    expect(await visitor.words()).not.toContain('never');
    await visitor.leave();

    await visitor.stopAtFactor('alice');
    await visitor.press('Use a passkey');
    await visitor.allow('alice');
    expect(await device.counts()).toEqual([3]);
    await visitor.leave();

    await device.lose();
    await visitor.stopAtFactor('alice');
    await visitor.typeBackupCode(codes[3] ?? '');
    await visitor.allow('alice');
    await visitor.openSecurity();
    expect(await visitor.words()).toContain('9 are left.');
    expect(complaints).toEqual([]);
  });

  it('is told when a passkey cannot be used or made, and goes another way', async () => {
    await createUser(test, 'bob');
    const { page } = visitor;
    const device = await VirtualDevice.pluggedInto(page);
    const alert = page.getByRole('alert').filter({ hasText: 'That did not work.' });
    await visitor.knock();
    expect(await alert.isVisible()).toBe(false);
    await visitor.press('Sign in with a passkey');
    await alert.waitFor();
    await visitor.enterSecurity('bob');
    const codes = await visitor.makeCodes();
    await visitor.addPasskey('My laptop');
    await visitor.heading('My laptop', 3);
    await visitor.addPasskey('The same laptop');
    await alert.waitFor();
    await visitor.leave();

    await device.recognise(false);
    await visitor.knock();
    await visitor.press('Sign in with a passkey');
    await alert.waitFor();
    await device.lose();
    await visitor.stopAtFactor('bob');
    await visitor.typeBackupCode(codes[0] ?? '');
    await visitor.allow('bob');
    expect(complaints).toEqual([]);
  });
});
