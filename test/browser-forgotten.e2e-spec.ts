import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BROWSER } from './support/browser.js';
import { oauthQuery, registerClient } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { type House, openHouse, Visitor } from './support/walk.js';

const NEW = 'a battery, and another staple';

describe.skipIf(NO_BROWSER !== null)('a person who forgot their password, with a keyboard and no JavaScript', () => {
  let house: House;
  let alice: Visitor;
  beforeAll(async () => {
    house = await openHouse();
    await createVerified(house.test, 'alice');
    alice = await Visitor.arrive(house, { javaScriptEnabled: false });
  });
  afterAll(() => house.close());

  /** Goes from one stop of the keyboard to the next until it is the one of that name; answers all on the way. */
  async function tabTo(name: string): Promise<string[]> {
    const stops: string[] = [];
    while (stops.at(-1) !== name && stops.length < 20) {
      await alice.page.keyboard.press('Tab');
      stops.push(
        await alice.page.evaluate(
          `(() => {
            const { labels, textContent } = document.activeElement;
            return (labels?.[0]?.textContent ?? textContent).trim();
          })()`,
        ),
      );
    }
    return stops;
  }

  async function type(name: string, text: string): Promise<void> {
    expect((await tabTo(name)).at(-1)).toBe(name);
    await alice.page.keyboard.type(text);
  }

  it('finds the way from the login page to a mail, and from there to a new password and in again', async () => {
    const { keyboard } = alice.page;
    const client = await registerClient(house.test);
    await alice.open(`/oauth/authorize?${new URLSearchParams(oauthQuery(client))}`);
    expect(await tabTo('Forgotten your password?')).toEqual([
      'Gatehouse',
      'User name or e-mail address',
      'Password',
      'Sign in',
      'Forgotten your password?',
    ]);
    await keyboard.press('Enter');
    await alice.reads('Choose a new password');
    await type('User name or e-mail address', 'alice');
    await keyboard.press('Enter');
    await alice.reads('Look into your mail');

    await alice.openMail({ to: 'alice@example.org', subject: /^Set a new password/ });
    await type('New password', 'password1');
    await type('New password again', 'password1');
    await keyboard.press('Enter');
    await alice.sees('Password is too common');
    expect(await alice.page.getByRole('alert').innerText()).toBe('Password is too common');
    await type('New password', NEW);
    await type('New password again', NEW);
    expect(await tabTo('Set the password')).toEqual(['Set the password']);
    await keyboard.press('Space');
    await alice.reads('Your password is set');

    await tabTo('Sign in to your settings');
    await keyboard.press('Enter');
    await alice.reads('Sign in');
    await type('User name or e-mail address', 'alice');
    await type('Password', NEW);
    await keyboard.press('Enter');
    await alice.reads('Allow Gatehouse settings?');
    await tabTo('Allow');
    await keyboard.press('Enter');
    await alice.reads('Settings');
    await alice.sees('Signed in as @alice');
    expect(alice.complaints).toEqual([]);
  });
});
