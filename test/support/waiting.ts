import { newPerson } from './account.js';
import type { TestApp } from './app.js';
import type { SoftwareAuthenticator } from './authenticator.js';
import type { TestClient } from './flows.js';
import { enableTotp, type Guarded, makeCodes } from './mfa.js';
import { addPasskey } from './passkeys.js';
import { beginRecovery } from './recovery.js';
import { type Browser, enter } from './settings.js';
import type { SmtpListener } from './smtp.js';

/** Somebody whose factors are about to be removed, and everything that they have all the same. */
export interface Waiting extends Guarded {
  device: SoftwareAuthenticator;
  codes: string[];
  /** Signed in to the settings. */
  browser: Browser;
  /** The path of the link that stops it. */
  stop: string;
}

/** Makes one. */
export async function newWaiting(test: TestApp, smtp: SmtpListener, client: TestClient): Promise<Waiting> {
  const person = await newPerson(test, client);
  const browser = await enter(test, person.name);
  const app = await enableTotp(test, person);
  const { device } = await addPasskey(test, person);
  const codes = await makeCodes(test, person);
  await test.dataSource.query(`update totp_credential set enabled_at = now() - interval '1 year' where user_id = $1`, [
    person.id,
  ]);
  const stop = await beginRecovery(test, smtp, client, person);
  return { ...person, app, device, codes, browser, stop };
}
