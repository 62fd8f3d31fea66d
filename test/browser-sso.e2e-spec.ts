import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_BROWSER, startClient, type ThrowAwayClient } from './support/browser.js';
import { oauthQuery, registerClient, type TestClient } from './support/flows.js';
import { createVerified } from './support/mail-flows.js';
import { openSsoHouse, signInThere, type SsoHouse } from './support/sso-walk.js';
import { Visitor } from './support/walk.js';

const ACCOUNTS = [
  {
    sub: 'sub-of-newcomer',
    claims: { preferred_username: 'New.Comer', email: 'new@example.org', email_verified: true },
  },
  { sub: 'sub-of-alice', claims: { preferred_username: 'alice', email: 'alice@example.org', email_verified: true } },
];

describe.skipIf(NO_BROWSER !== null)('signing in at a provider, in a browser (contract.md §3.10, SSO)', () => {
  let house: SsoHouse;
  let app: ThrowAwayClient;
  let client: TestClient;
  let login: string;
  beforeAll(async () => {
    [house, app] = await Promise.all([openSsoHouse(ACCOUNTS), startClient()]);
    client = await registerClient(house.test, { redirect_uris: `${app.origin}/callback` });
    login = `/oauth/authorize?${new URLSearchParams(oauthQuery(client, { state: 'a state' }))}`;
    await createVerified(house.test, 'alice');
  });
  afterAll(async () => {
    await house.close();
    await app.close();
  });

  /** What the app got when the person had allowed what it asked for. */
  async function allow({ page, ...visitor }: Visitor): Promise<URLSearchParams> {
    await page.getByRole('heading', { level: 1, name: 'Allow Test client?' }).waitFor();
    await page.getByRole('button', { name: 'Allow' }).click();
    await page.waitForURL(`${app.origin}/callback**`);
    expect(visitor.complaints).toEqual([]);
    return new URL(app.arrivals.at(-1) ?? '', app.origin).searchParams;
  }

  it('lets somebody new choose a name, and knows them the next time without a word', async () => {
    const newcomer = await Visitor.arrive(house);
    await newcomer.open(login);
    await newcomer.follow('Sign in with Honest');
    await signInThere(newcomer, 'sub-of-newcomer');

    await newcomer.reads('Welcome');
    expect(await newcomer.page.getByLabel('User name', { exact: true }).inputValue()).toBe('New.Comer');
    expect(await newcomer.page.getByLabel('E-mail address', { exact: true }).inputValue()).toBe('new@example.org');
    await newcomer.page.getByLabel('I agree to the rules of this instance.').check();
    await newcomer.press('Create my account');
    await newcomer.sees('must contain only letters, numbers and underscores');
    expect(await newcomer.overflow()).toBeLessThanOrEqual(0);
    await newcomer.fill('User name', 'newcomer');
    await newcomer.page.getByLabel('I agree to the rules of this instance.').check();
    await newcomer.press('Create my account');
    const first = await allow(newcomer);
    expect([...first.keys()].toSorted()).toEqual(['code', 'iss', 'state']);
    expect(first.get('state')).toBe('a state');

    await newcomer.open(login);
    await newcomer.follow('Sign in with Honest');
    const second = await allow(newcomer);
    expect(second.get('code')).not.toBe(first.get('code'));
    const [{ count }] = await house.test.dataSource.query('select count(*)::int as count from linked_identity');
    expect(count).toBe(1);
  });

  it('lets somebody who has an account prove it, and never gives it away for its e-mail address', async () => {
    const alice = await Visitor.arrive(house);
    await alice.open(login);
    await alice.follow('Sign in with Honest');
    await signInThere(alice, 'sub-of-alice');
    await alice.reads('Welcome');
    expect(await alice.page.getByLabel('E-mail address', { exact: true }).inputValue()).toBe('');
    await alice.page.getByText('I have an account here already').click();
    await alice.signInForm('alice', 'not the right one');
    await alice.press('Link this account');
    await alice.sees('Invalid identifier or password');
    await alice.page.getByText('I have an account here already').click();
    await alice.signInForm('alice');
    await alice.press('Link this account');
    await allow(alice);

    await alice.open('/settings');
    await alice.press('Continue as @alice');
    await alice.press('Allow');
    await alice.follow('Security');
    await alice.sees('linked');
  });

  it('comes back to the login page when the person says no there', async () => {
    const doubtful = await Visitor.arrive(house);
    await doubtful.open(login);
    await doubtful.follow('Sign in with Honest');
    await doubtful.page.getByText('[ Cancel ]').click();
    await doubtful.reads('Sign in');
    expect(await doubtful.page.getByRole('alert').innerText()).toContain('The provider refused the request');
  });

  it('offers nothing but the providers where passwords are off', async () => {
    house.test.config.sso.forced = true;
    const visitor = await Visitor.arrive(house);
    await visitor.open(login);
    await visitor.reads('Sign in');
    expect(await visitor.page.getByLabel('Password', { exact: true }).count()).toBe(0);
    expect(await visitor.page.getByRole('link').allInnerTexts()).toEqual([
      'Gatehouse',
      'Sign in with Honest',
      'API documentation',
    ]);
    house.test.config.sso.forced = false;
  });
});
