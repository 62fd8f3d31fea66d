import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BROWSER } from './support/browser.js';
import { PASSWORD } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { type House, openHouse, Visitor } from './support/walk.js';

const ROWS = 5000;

/** A Mastodon export of everybody, in which every tenth row is of nobody here or of nothing at all. */
function exported(): string {
  const rows = Array.from({ length: ROWS }, (_, n) =>
    n % 20 === 9 ? `nobody${n}` : n % 20 === 19 ? `what is this ${n}` : `person${n + 1}`,
  );
  return `Account address,Show boosts,Notify on new posts,Languages\n${rows.map((row) => `${row},true,false,\n`).join('')}`;
}

describe.skipIf(NO_BROWSER !== null)('somebody who moves in with a list, without JavaScript', () => {
  let house: House;
  let alice: Visitor;
  beforeAll(async () => {
    house = await openHouse();
    await createVerified(house.test, 'alice');
    await house.test.dataSource.query(
      `insert into "user" (id, username) select gen_random_uuid(), 'person' || n from generate_series(1, ${ROWS}) n`,
    );
    // As slow as a busy machine, so that there is something to see.
    await house.test.dataSource.query(`
      create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.4); return null; end $$`);
    await house.test.dataSource.query(
      'create trigger dawdle after update on import_row for each statement execute function dawdle()',
    );
    alice = await Visitor.arrive(house, { javaScriptEnabled: false });
    await alice.enter('alice', PASSWORD, 'Imports');
  });
  afterAll(() => house.close());

  const follows = async () => {
    const [row] = await house.test.dataSource.query('select count(*)::int as count from relationship');
    return row.count;
  };
  const send = async (name: string, content: string, kind?: string) => {
    if (kind !== undefined) await alice.page.getByLabel('What the list is for').selectOption({ label: kind });
    await alice.page.getByLabel('The file').setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });
    await alice.press('Look at the list');
  };

  it('sees what it would change, watches it happen, reads what did not work, and takes it all back', async () => {
    const { page } = alice;
    await send('following_accounts.csv', exported());
    await page.getByRole('button', { name: 'Do it' }).waitFor({ timeout: 20_000 });
    expect(await page.locator('.summary').innerText()).toBe('+4500 follow, 500 look wrong');
    expect(await follows()).toBe(0);

    await alice.press('Do it');
    const seen = new Set<number>();
    // The page loads itself anew, so a look may find it half gone.
    const look = (selector: string, name: string) =>
      page.evaluate(`document.querySelector('${selector}')?.${name}`).catch(() => undefined);
    while (!String(await look('.tag', 'textContent')).includes('finished')) {
      const value = await look('progress', 'value');
      if (typeof value === 'number') seen.add(value);
    }
    await alice.sees('4500 done, 500 failed');
    expect(seen.size).toBeGreaterThan(1);
    expect(await follows()).toBe(4500);

    await alice.sees('Line 11:');
    await alice.sees('This instance does not know this account.');
    await alice.sees('This is not the address of an account.');
    await alice.sees('And 450 more.');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      alice.follow('All of them as CSV, to mend and send again'),
    ]);
    expect(download.suggestedFilename()).toBe('failures.csv');

    await alice.press('Undo what it did');
    await alice.sees('500 failed, 4500 undone', 20_000);
    expect(await follows()).toBe(0);
    expect(await alice.overflow()).toBeLessThanOrEqual(0);
  }, 60_000);

  it('is asked whether it is the right file when it looks like another one, and changes its mind', async () => {
    await alice.follow('All imports');
    await send('muted_accounts.csv', 'Account address,Hide notifications\nperson1,true\n', 'Accounts to block');
    await alice.sees('Is this the file that you meant?');
    await alice.press('Leave everything as it is');
    await alice.sees('1 cancelled');
    expect(await follows()).toBe(0);
  });

  it('hears at once of a file that is no list', async () => {
    await alice.follow('All imports');
    await send('following.csv', '\n\n');
    expect(await alice.page.getByRole('alert').innerText()).toBe('The list contains no accounts.');
  });
});
