import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { Adjust, TestApp } from './app.js';
import { launchBrowser, newProfile, startListeningApp } from './browser.js';
import { PASSWORD } from './flows.js';
import type { MailMatch } from './received-mail.js';
import { type SmtpListener, startSmtp } from './smtp.js';

/** A Gatehouse that sends mail, and a browser to go there with. */
export interface House {
  test: TestApp;
  smtp: SmtpListener;
  browser: Browser;
  close(): Promise<void>;
}

/** Starts them; new people confirm their addresses. */
export async function openHouse(adjust: Adjust = () => {}): Promise<House> {
  const smtp = await startSmtp();
  const [test, browser] = await Promise.all([
    startListeningApp((config) => {
      config.smtpUrl = smtp.url;
      adjust(config);
    }),
    launchBrowser(),
  ]);
  return {
    test,
    smtp,
    browser,
    close: async () => {
      await browser.close();
      await test.close();
      await smtp.close();
    },
  };
}

/** Somebody with a browser of their own. */
export class Visitor {
  private constructor(
    private readonly house: House,
    readonly page: Page,
    /** What the console of the browser reported. */
    readonly complaints: string[],
  ) {}

  static async arrive(house: House, options: BrowserContextOptions = {}): Promise<Visitor> {
    const { context, complaints } = await newProfile(house.browser, options);
    return new Visitor(house, await context.newPage(), complaints);
  }

  /** Opens one of our pages. */
  async open(path: string): Promise<void> {
    await this.page.goto(new URL(path, this.house.test.config.publicUrl).href);
  }

  /** Opens the link of the next mail that fits. */
  async openMail(match: MailMatch): Promise<void> {
    const { smtp } = this.house;
    await this.open(smtp.linkOf(await smtp.next(match)));
  }

  async fill(label: string, value: string, part?: string): Promise<void> {
    const within = part === undefined ? this.page : this.page.locator(`#${part}`);
    await within.getByLabel(label, { exact: true }).fill(value);
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  async follow(name: string): Promise<void> {
    await this.page.getByRole('link', { name, exact: true }).click();
  }

  /** Waits for a page to come: a click returns when it is on its way. */
  async reads(heading: string): Promise<void> {
    await this.page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor();
  }

  /** Waits for words on the page. */
  async sees(words: string | RegExp, timeout = 8000): Promise<void> {
    await this.page.getByText(words).first().waitFor({ timeout });
  }

  /** Fills in a form of name and password. */
  async signInForm(name: string, password = PASSWORD): Promise<void> {
    await this.fill('User name or e-mail address', name);
    await this.fill('Password', password);
  }

  /** Signs in at the login form. */
  async signIn(name: string, password = PASSWORD): Promise<void> {
    await this.signInForm(name, password);
    await this.press('Sign in');
  }

  /** Signs in to the settings, and opens one of their screens. */
  async enter(name: string, password = PASSWORD, screen = 'Account'): Promise<void> {
    await this.open('/settings');
    await this.signIn(name, password);
    await this.press('Allow');
    await this.reads('Settings');
    await this.follow(screen);
    await this.page.waitForURL(`**/settings/${screen.toLowerCase()}`);
  }

  /** Whether a part of the account screen is where the browser went, and whether its answer can be read without scrolling. */
  async landedAt(part: string): Promise<boolean> {
    const section = this.page.locator(`#${part}`);
    await section.locator('.notice').first().waitFor();
    return this.page.evaluate(
      `(() => {
        const part = document.getElementById('${part}');
        const { top, bottom } = part.querySelector('.notice').getBoundingClientRect();
        return document.activeElement === part && top >= 0 && bottom <= innerHeight;
      })()`,
    );
  }

  /** How many pixels the page is wider than the window. */
  async overflow(): Promise<number> {
    await this.page.waitForLoadState('load');
    return this.page.evaluate('document.documentElement.scrollWidth - innerWidth');
  }
}
