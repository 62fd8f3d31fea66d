import jsqr from 'jsqr';
import { generateSync } from 'otplib';
import type { CDPSession, Locator, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { PASSWORD } from './flows.js';

// It is typed as the module of another format than it has.
const readCode = jsqr as unknown as typeof jsqr.default;

/** What a camera reads from a QR code on the screen. */
export async function readQrCode(picture: Locator): Promise<URL> {
  const { data, width, height } = PNG.sync.read(await picture.screenshot());
  const found = readCode(new Uint8ClampedArray(data), width, height);
  if (!found) throw new Error('No camera could read this');
  return new URL(found.data);
}

/** A device that makes and uses passkeys, and never asks; Chromium's own, plugged into one tab. */
export class VirtualDevice {
  private constructor(
    private readonly session: CDPSession,
    private readonly authenticatorId: string,
  ) {}

  static async pluggedInto(page: Page): Promise<VirtualDevice> {
    const session = await page.context().newCDPSession(page);
    await session.send('WebAuthn.enable');
    const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    return new VirtualDevice(session, authenticatorId);
  }

  /** How often each of its passkeys has signed. */
  async counts(): Promise<number[]> {
    const { authenticatorId } = this;
    const { credentials } = await this.session.send('WebAuthn.getCredentials', { authenticatorId });
    return credentials.map(({ signCount }) => signCount);
  }

  /** From now on it does or does not know its owner's finger. */
  async recognise(isUserVerified: boolean): Promise<void> {
    await this.session.send('WebAuthn.setUserVerified', { authenticatorId: this.authenticatorId, isUserVerified });
  }

  /** It is dropped into the sea. */
  async lose(): Promise<void> {
    await this.session.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: this.authenticatorId });
  }
}

/** A person in front of the built-in pages. */
export class Visitor {
  constructor(
    readonly page: Page,
    private readonly pub: string,
  ) {}

  press = (name: string) => this.page.getByRole('button', { name, exact: true }).click();

  /** Waits for a page to come: a click returns when it is on its way. */
  heading = (name: string, level = 1) => this.page.getByRole('heading', { level, name, exact: true }).waitFor();

  /** What the page says. */
  words = () => this.page.getByRole('main').innerText();

  /** To the settings, by way of the login page. */
  async knock(): Promise<void> {
    await this.page.goto(`${this.pub}/settings`);
    await this.heading('Sign in');
  }

  async typePassword(username: string, password = PASSWORD): Promise<void> {
    await this.page.getByLabel('User name or e-mail address').fill(username);
    await this.page.getByLabel('Password').fill(password);
    await this.press('Sign in');
  }

  /** Allows the settings what they ask for, and arrives there. */
  async allow(username: string): Promise<void> {
    await this.heading('Allow Gatehouse settings?');
    await this.press('Allow');
    await this.heading('Settings');
    await this.page.getByText(`Signed in as @${username}`).waitFor();
  }

  async openSecurity(): Promise<void> {
    await this.page.getByRole('link', { name: 'Security', exact: true }).click();
    await this.heading('Authenticator app', 2);
  }

  /** Signs in to the settings by password alone, and opens the screen of second factors. */
  async enterSecurity(username: string): Promise<void> {
    await this.knock();
    await this.typePassword(username);
    await this.allow(username);
    await this.openSecurity();
  }

  /** Sets an authenticator app up from the picture; answers what the picture and the words beside it say. */
  async enrolApp(): Promise<{ secret: string; typed: string }> {
    const { page } = this;
    await this.press('Set it up');
    await this.heading('Set up an authenticator app', 2);
    const secret = (await readQrCode(page.locator('.qr svg'))).searchParams.get('secret') ?? '';
    const typed = (await page.locator('code.copy').innerText()).replaceAll(' ', '');
    await page.getByLabel('Code that the app shows now').fill(generateSync({ secret }));
    await page.getByLabel('Password').fill(PASSWORD);
    await this.press('Turn it on');
    await page.getByText('It is on.').waitFor();
    return { secret, typed };
  }

  /** Adds a passkey of the device that is plugged in. */
  async addPasskey(name: string): Promise<void> {
    const form = this.page.locator('form[data-passkey=create]');
    await form.getByLabel('Its name').fill(name);
    await form.getByLabel('Password').fill(PASSWORD);
    await this.press('Add a passkey');
  }

  /** Makes backup codes, and writes them down. */
  async makeCodes(): Promise<string[]> {
    await this.page.locator('#codes').getByLabel('Password').fill(PASSWORD);
    await this.press('Make codes');
    await this.heading('Your backup codes', 2);
    const codes = await this.page.locator('.codes code').allInnerTexts();
    await this.page.getByRole('link', { name: 'I have them' }).click();
    await this.heading('Backup codes', 2);
    return codes;
  }

  /** Types the password, and stops at the question for the second factor. */
  async stopAtFactor(username: string): Promise<void> {
    await this.knock();
    await this.typePassword(username);
    await this.heading('One more step');
  }

  /** Types a backup code there. */
  async typeBackupCode(code: string): Promise<void> {
    await this.page.getByText('Use a backup code').click();
    await this.page.getByLabel('Backup code', { exact: true }).fill(code);
    await this.press('Go on with this code');
  }

  /** Out of the settings and out of the browser. */
  async leave(): Promise<void> {
    await this.press('Sign out');
    await this.page.waitForURL(`${this.pub}/settings/signed-out`);
    await this.press('Sign this browser out, too');
    await this.page.waitForURL(`${this.pub}/`);
  }
}
