import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BROWSER } from './support/browser.js';
import { PASSWORD } from './support/flows.js';
import { type House, openHouse, Visitor } from './support/walk.js';

describe.skipIf(NO_BROWSER !== null)('a new person with a browser', () => {
  let house: House;
  let dora: Visitor;
  beforeAll(async () => {
    house = await openHouse();
    dora = await Visitor.arrive(house, { viewport: { width: 320, height: 640 } });
  });
  afterAll(() => house.close());

  it('registers, confirms the address by the link of the newest mail, and signs in', async () => {
    await dora.open('/');
    await dora.follow('Create an account');
    await dora.fill('User name', 'dora');
    await dora.fill('E-mail address', 'dora@example.org');
    await dora.fill('Password', PASSWORD);
    await dora.page.getByLabel('I agree').check();
    await dora.press('Create the account');
    await dora.reads('Welcome, @dora');
    await dora.sees('We have sent a link to dora@example.org.');
    const first = house.smtp.linkOf(await house.smtp.next({ to: 'dora@example.org' }));
    await dora.follow('Sign in');
    await dora.signIn('dora');
    await dora.sees('Confirm your e-mail address before you sign in: we have sent you the link again.');
    await dora.openMail({ to: 'dora@example.org' });
    await dora.reads('Confirm your address');
    expect(await dora.overflow()).toBe(0);
    expect(dora.page.url()).not.toBe(first);
    await dora.press('Yes, confirm it');
    await dora.reads('Address confirmed');
    await dora.follow('Sign in to your settings');
    await dora.signIn('dora@example.org');
    await dora.press('Allow');
    await dora.reads('Settings');
    await dora.sees('Signed in as @dora');
    expect(dora.complaints).toEqual([]);
  });

  it('is told that an old link is dead, without a way into it', async () => {
    const [old] = house.smtp.mails;
    await dora.open(house.smtp.linkOf(old!));
    await dora.reads('This link is used up');
    await dora.sees('This link is no longer valid');
    expect(await dora.page.getByRole('button').count()).toBe(0);
  });
});
