import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { unzip } from './support/backups.js';
import { NO_BROWSER } from './support/browser.js';
import { PASSWORD } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { type House, openHouse, Visitor } from './support/walk.js';

describe.skipIf(NO_BROWSER !== null)('a person who leaves', () => {
  let house: House;
  let visitor: Visitor;
  beforeAll(async () => {
    house = await openHouse();
    for (const name of ['ann', 'ben']) await createVerified(house.test, name);
  });
  afterAll(() => house.close());
  beforeEach(async () => {
    visitor = await Visitor.arrive(house);
  });

  it('takes an archive along, deletes the account, and keeps it after all by the link of the mail', async () => {
    const { page } = visitor;
    await visitor.enter('ann');
    await visitor.press('Make an archive');
    await visitor.sees('Your archive is being made.');
    await expect.poll(() => visitor.landedAt('backups'), { timeout: 8000 }).toBe(true);
    await house.smtp.next({ to: 'ann@example.org', subject: /ready/ });
    await page.reload();
    const started = page.waitForEvent('download');
    await page.getByRole('link', { name: /^Download/ }).click();
    const download = await started;
    expect(download.suggestedFilename()).toMatch(/^gatehouse-ann-\d{4}-\d\d-\d\d\.zip$/);
    const files = await unzip(await readFile(await download.path()));
    expect([...files.values()].join()).toContain('ann@example.org');

    await visitor.fill('Password', PASSWORD, 'delete');
    await visitor.press('Delete my account');
    await visitor.reads('Account deleted');
    await visitor.openMail({ to: 'ann@example.org', subject: /going to be deleted/ });
    await visitor.reads('Keep the account');
    await visitor.press('Keep my account');
    await visitor.reads('Account kept');
    await visitor.follow('Sign in to your settings');
    await visitor.signIn('ann');
    await visitor.press('Allow');
    await visitor.reads('Settings');
    expect(visitor.complaints).toEqual([]);
  });

  it('deletes the account, thinks again, and keeps it by signing in', async () => {
    await visitor.enter('ben');
    await visitor.fill('Password', PASSWORD, 'delete');
    await visitor.press('Delete my account');
    await visitor.reads('Account deleted');
    await visitor.follow('Sign in again');
    await visitor.signIn('ben');
    await visitor.reads('Welcome back');
    await visitor.sees('You deleted this account, and it will be erased soon.');
    await visitor.follow('Not now');
    await visitor.reads('Sign in');
    await visitor.signIn('ben');
    await visitor.press('Keep my account');
    // The sign-in goes on where it was.
    await visitor.press('Allow');
    await visitor.reads('Settings');
    await house.smtp.next({ to: 'ben@example.org', subject: /will not be deleted/ });
    expect(visitor.complaints).toEqual([]);
  });

  it('takes a break, and comes back by signing in', async () => {
    await visitor.enter('ben');
    await visitor.fill('Password', PASSWORD, 'disable');
    await visitor.press('Disable my account');
    await visitor.reads('Account disabled');
    await visitor.follow('Sign in again');
    await visitor.signIn('ben');
    await visitor.sees('You disabled this account. Do you want it back?');
    await visitor.press('Yes, I am back');
    await visitor.press('Allow');
    await visitor.reads('Settings');
    await visitor.sees('Signed in as @ben');
    expect(visitor.complaints).toEqual([]);
  });
});
