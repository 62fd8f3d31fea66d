import { type HonestAccount, type HonestIssuer, startHonestIssuer } from './honest-issuer.js';
import { provider } from './sso.js';
import { type House, openHouse, type Visitor } from './walk.js';

/** A Gatehouse, a browser, and an OpenID provider of another site with pages of its own. */
export interface SsoHouse extends House {
  issuer: HonestIssuer;
}

/** Starts them; the provider is called Honest. */
export async function openSsoHouse(accounts: HonestAccount[]): Promise<SsoHouse> {
  const house = await openHouse();
  const { config } = house.test;
  const issuer = await startHonestIssuer({
    host: 'localhost',
    redirectUris: [`${config.publicUrl}/oauth/sso/honest/callback`],
    postLogoutRedirectUris: [`${config.publicUrl}/`],
    accounts,
  });
  // Each has to know the other's address first.
  config.sso.providers.push(provider('honest', issuer.url));
  return {
    ...house,
    issuer,
    close: async () => {
      await house.close();
      await issuer.stop();
    },
  };
}

/** Signs in on the pages of the provider, and lets Gatehouse know who it is. */
export async function signInThere({ page }: Visitor, login: string): Promise<void> {
  await page.getByPlaceholder('Enter any login').fill(login);
  await page.getByPlaceholder('and password').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
