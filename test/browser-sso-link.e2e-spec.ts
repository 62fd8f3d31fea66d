import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BROWSER } from './support/browser.js';
import { PASSWORD } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { openSsoHouse, signInThere, type SsoHouse } from './support/sso-walk.js';
import { Visitor } from './support/walk.js';

const ACCOUNTS = ['sub-of-alice', 'sub-of-bob'].map((sub) => ({ sub, claims: {} }));

describe.skipIf(NO_BROWSER !== null)('linking an identity, in a browser (contract.md §3.10, LINK)', () => {
  let house: SsoHouse;
  beforeAll(async () => {
    house = await openSsoHouse(ACCOUNTS);
    await createVerified(house.test, 'alice');
    await createVerified(house.test, 'bob');
  });
  afterAll(() => house.close());

  /** Opens the screen where providers are linked. */
  async function enter(name: string): Promise<Visitor> {
    const visitor = await Visitor.arrive(house);
    await visitor.enter(name, PASSWORD, 'Security');
    return visitor;
  }

  it('goes straight to the provider after a sign-in of just now; then signs in by it, and out at both', async () => {
    const alice = await enter('alice');
    await alice.press('Link Honest');
    await signInThere(alice, 'sub-of-alice');
    await alice.sees('Your account is linked.');
    await alice.follow('Back to the settings');
    await alice.page.getByRole('button', { name: 'Unlink Honest' }).waitFor();
    await house.smtp.next({ to: 'alice@example.org', subject: /^Honest can sign you in/ });

    await alice.press('Sign out');
    await alice.reads('Signed out');
    await alice.press('Sign this browser out, too');
    await alice.open('/settings');
    await alice.follow('Sign in with Honest');
    await alice.press('Allow');
    await alice.sees('Signed in as @alice');

    await alice.press('Sign out');
    await alice.follow('Sign out there, too');
    await alice.page.getByRole('button', { name: 'Yes, sign me out' }).click();
    await alice.reads('Gatehouse');
    expect(alice.complaints).toEqual([]);
  });

  it('asks for the password when the sign-in is older, and unlinks', async () => {
    const bob = await enter('bob');
    await house.test.dataSource.query(
      `update session set signed_in_at = now() - interval '1 hour' where user_id = (select id from "user" where username = 'bob')`,
    );
    await bob.press('Link Honest');
    await bob.reads('Link Honest?');
    await bob.fill('Password', 'not the right one');
    await bob.press('Go on to Honest');
    await bob.sees('Invalid password.');
    await bob.fill('Password', PASSWORD);
    await bob.press('Go on to Honest');
    await signInThere(bob, 'sub-of-bob');
    await bob.sees('Your account is linked.');
    await bob.follow('Back to the settings');
    await bob.press('Unlink Honest');
    await bob.page.getByRole('button', { name: 'Link Honest' }).waitFor();
    expect(bob.complaints).toEqual([]);
  });

  it('says so when the identity is somebody else’s', async () => {
    const bob = await enter('bob');
    await bob.press('Link Honest');
    await signInThere(bob, 'sub-of-alice');
    await bob.sees('This is linked already.');
    expect(await house.test.dataSource.query('select count(*)::int as count from linked_identity')).toEqual([
      { count: 1 },
    ]);
  });
});
