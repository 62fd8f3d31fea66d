import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BROWSER } from './support/browser.js';
import { PASSWORD } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { type House, openHouse, Visitor } from './support/walk.js';

const OLD = 'alice@example.org';
const LONG = `${'a'.repeat(64)}@${'w'.repeat(60)}.${'w'.repeat(60)}.example`;
const NEW_PASSWORD = 'a battery, and another staple';

describe.skipIf(NO_BROWSER !== null)('a person who changes their address', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse();
    await createVerified(house.test, 'alice');
  });
  afterAll(() => house.close());

  it('proves the new one, takes the old one back from its mailbox, and gets in again by a mail there', async () => {
    const thief = await Visitor.arrive(house, { viewport: { width: 320, height: 640 } });
    await thief.enter('alice');
    await thief.fill('New address', LONG, 'email');
    await thief.fill('Password', 'a wrong one', 'email');
    await thief.press('Change the address');
    await thief.sees('Invalid password.');
    await expect.poll(() => thief.landedAt('email'), { timeout: 8000 }).toBe(true);
    expect(await thief.page.getByLabel('New address').inputValue()).toBe(LONG);
    await thief.fill('Password', PASSWORD, 'email');
    await thief.press('Change the address');
    await thief.sees(/waits to be confirmed: open the link that we sent there before/);
    expect(await thief.overflow()).toBe(0);
    await thief.openMail({ to: LONG });
    await thief.reads('Confirm the new address');
    expect(await thief.overflow()).toBe(0);
    await thief.press('Use this address');
    await thief.reads('Address changed');
    expect(await thief.overflow()).toBe(0);
    await thief.open('/settings/account');
    await thief.sees(`Our mails go to ${LONG}.`);

    const alice = await Visitor.arrive(house);
    await alice.openMail({ to: OLD, subject: /was changed/ });
    await alice.reads('Take the address back');
    await alice.sees(`would get mails at ${OLD} again.`);
    await alice.press('Take it back');
    await alice.reads('Address restored');
    await thief.page.reload();
    await thief.reads('Sign in');
    await thief.signIn('alice');
    await thief.sees('Signing in did not work.');

    await alice.follow('Choose a new password');
    await alice.fill('User name or e-mail address', OLD);
    await alice.press('Send me a link');
    await alice.reads('Look into your mail');
    await alice.openMail({ to: OLD, subject: /^Set a new password/ });
    await alice.fill('New password', NEW_PASSWORD);
    await alice.fill('New password again', NEW_PASSWORD);
    await alice.press('Set the password');
    await alice.reads('Your password is set');
    await alice.enter(OLD, NEW_PASSWORD);
    await alice.sees(`Our mails go to ${OLD}.`);
    expect(alice.complaints).toEqual([]);
    expect(thief.complaints).toEqual([expect.stringContaining('status of 422')]);
  });
});
