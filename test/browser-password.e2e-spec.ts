import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BROWSER } from './support/browser.js';
import { PASSWORD } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { type House, openHouse, Visitor } from './support/walk.js';

const NEW = 'a battery, and another staple';

describe.skipIf(NO_BROWSER !== null)('a person who changes their password', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse();
    await createVerified(house.test, 'alice');
  });
  afterAll(() => house.close());

  it('is led to what was wrong, stays signed in here and is out there, and signs in with the new one', async () => {
    const phone = await Visitor.arrive(house, { viewport: { width: 360, height: 640 } });
    const desk = await Visitor.arrive(house);
    await phone.enter('alice');
    await desk.enter('alice');

    await phone.fill('Present password', PASSWORD, 'password');
    await phone.fill('New password', NEW, 'password');
    await phone.fill('New password again', `${NEW}?`, 'password');
    await phone.press('Change the password');
    await phone.sees('New password does not match confirmation.');
    await expect.poll(() => phone.landedAt('password'), { timeout: 8000 }).toBe(true);
    for (const label of ['Present password', 'New password', 'New password again'])
      expect(await phone.page.locator('#password').getByLabel(label, { exact: true }).inputValue()).toBe('');
    // The keyboard goes on where the browser landed.
    await phone.page.keyboard.press('Tab');
    await phone.page.keyboard.type(PASSWORD);
    await phone.page.keyboard.press('Tab');
    await phone.page.keyboard.type(NEW);
    await phone.page.keyboard.press('Tab');
    await phone.page.keyboard.type(NEW);
    await phone.page.keyboard.press('Enter');
    await phone.sees('Your password is changed. Everybody else who was signed in is signed out.');
    await expect.poll(() => phone.landedAt('password'), { timeout: 8000 }).toBe(true);
    expect(new URL(phone.page.url()).pathname).toBe('/settings/account');
    await phone.follow('Journal');
    await phone.sees('Your password was changed');

    await desk.page.reload();
    await desk.reads('Sign in');
    await desk.signIn('alice');
    await desk.sees('Signing in did not work.');
    await desk.signIn('alice', NEW);
    await desk.press('Allow');
    await desk.reads('Settings');
    await desk.sees('Signed in as @alice');
    await house.smtp.next({ to: 'alice@example.org', subject: /password .* was changed/ });
    // The refused form is reported by its status; nothing was blocked by a policy.
    expect(phone.complaints).toEqual([expect.stringContaining('status of 422')]);
    expect(desk.complaints).toEqual([]);
  });
});
