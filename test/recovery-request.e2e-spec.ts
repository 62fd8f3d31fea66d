import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, changePassword, newPerson } from './support/account.js';
import { linkTo, posted, useLink } from './support/account-mails.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, oauthQuery, outcomeOf, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { factorLetterKinds, meaningOf, showFactor, stopAtFactor, type StoppedAtFactor } from './support/mfa.js';
import { ACCEPT_HTML, expectPage, formsOf, textOf } from './support/pages.js';
import { eventsOf } from './support/passkeys.js';
import { newLoser, requestRecovery, secondsLeft, SIGN_IN_AGAIN } from './support/recovery.js';
import { stopAtReactivation } from './support/reactivation.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let test: TestApp;
let smtp: SmtpListener;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

/** The page of the second factor, as a browser shows it. */
const page = ({ token, cookie }: StoppedAtFactor, more: Record<string, string> = {}) =>
  test.http
    .get('/oauth/mfa')
    .query({ mfa_token: token, ...oauthQuery(client), ...more })
    .set({ Cookie: cookie, Accept: ACCEPT_HTML });

describe('POST /api/auth/mfa/recovery', () => {
  it('sends a mail that asks whether it was the owner, and changes nothing else', async () => {
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name, { state: 'a' });
    const answer = await requestRecovery(test, stopped);
    const { to, sent } = redirectOf(answer);
    expect({ to, sent }).toEqual({
      to: `${PUB}/oauth/mfa`,
      sent: { mfa_token: stopped.token, ...oauthQuery(client, { state: 'a' }), recovery: 'requested' },
    });
    expect(cookiesOf(answer)).toEqual([]);
    expect(await linkTo(test, smtp, person.email)).toMatch(/^\/auth\/link\/[\w-]{43}$/);
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added', 'recovery_confirm']);
    expect(await eventsOf(test, person.id, 'mfa.')).toEqual(['mfa.enabled', 'mfa.recovery_requested']);
    expect(await secondsLeft(test, person.id)).toBeNull();
    expect(meaningOf(await showFactor(test, stopped, { code: person.app.code() }))).toBe('signed in');
  });

  it('is taken back by a factor that is shown after all', async () => {
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name);
    await requestRecovery(test, stopped);
    const link = await linkTo(test, smtp, person.email);
    await showFactor(test, stopped, { code: person.app.code() });
    expect(await secondsLeft(test, person.id)).toBeUndefined();
    expect((await useLink(test, link)).status).toBe(404);
    expect(await factorLetterKinds(test, person)).not.toContain('recovery_stopped');
  });

  it('needs a sign-in of this browser that waits, so the right password', async () => {
    const person = await newLoser(test, client);
    const [one, two, late, spent, tried] = await Promise.all(
      [1, 2, 3, 4, 5].map(() => stopAtFactor(test, client, person.name)),
    );
    await test.dataSource.query(
      `update pending_sign_in set expires_at = now() - interval '1 second' where hash = sha256($1)`,
      [late!.token],
    );
    await showFactor(test, spent!, { code: person.app.code() });
    for (let n = 0; n < 5; n++) await showFactor(test, tried!, { code: 'x' });
    const other = await newPerson(test, client);
    await changeUser(test, other.id, 'disabled_at = now()');
    const reactivation = await stopAtReactivation(test, client, other.name);
    for (const stopped of [
      { token: one!.token, cookie: two!.cookie },
      { token: one!.token, cookie: '' },
      { token: '', cookie: one!.cookie },
      { token: 'x'.repeat(43), cookie: one!.cookie },
      late!,
      spent!,
      tried!,
      reactivation,
    ]) {
      const { to, sent } = redirectOf(await requestRecovery(test, stopped));
      expect({ to, words: sent['error_description'] }).toEqual({ to: `${PUB}/oauth/authorize`, words: SIGN_IN_AGAIN });
    }
    expect(await secondsLeft(test, person.id)).toBeUndefined();
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added']);
  });

  it('is over with the password that was typed', async () => {
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name);
    await act(test, person, 'change_password', changePassword('a new horse'));
    expect(meaningOf(await requestRecovery(test, stopped))).toBe(SIGN_IN_AGAIN);
    expect(await secondsLeft(test, person.id)).toBeUndefined();
  });

  it.each([
    ['a moderator', `role = 'moderator'`],
    ['an administrator', `role = 'admin'`],
    ['somebody without an address', 'email = null, email_verified_at = null'],
  ])('says the same to %s, and does nothing', async (_, change) => {
    const person = await newLoser(test, client);
    await changeUser(test, person.id, change);
    const stopped = await stopAtFactor(test, client, person.name);
    expect(redirectOf(await requestRecovery(test, stopped)).sent['recovery']).toBe('requested');
    expect(await secondsLeft(test, person.id)).toBeUndefined();
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added']);
    expect(textOf(expectPage(await page(stopped)))).not.toContain('I have lost all of these');
  });

  it('does nothing where the operator does not want it', async () => {
    const without = await startApp((config) => (config.mfa.recovery_delay = 0), test.database);
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(without, client, person.name);
    expect(redirectOf(await requestRecovery(without, stopped)).sent['recovery']).toBe('requested');
    await without.close();
    expect(await secondsLeft(test, person.id)).toBeUndefined();
  });

  it('writes five mails in half an hour to one address, and answers as ever', async () => {
    const strict = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.mail_recipient.points = 2;
    }, test.database);
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name);
    for (let n = 0; n < 3; n++) expect((await requestRecovery(strict, stopped)).status).toBe(302);
    await strict.close();
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added', 'recovery_confirm', 'recovery_confirm']);
  });

  it('takes no form of another site', async () => {
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name);
    const post = requestRecovery(test, stopped).set('Sec-Fetch-Site', 'cross-site');
    expect((await outcomeOf(post)).status).toBe(403);
    expect(await secondsLeft(test, person.id)).toBeUndefined();
  });
});

describe('the page of the second factor', () => {
  it('offers the long way round last, and says that the mail is sent', async () => {
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name);
    const before = expectPage(await page(stopped));
    expect(formsOf(before).map(({ action, buttons }) => [action, buttons])).toEqual([
      ['/api/auth/mfa', ['Go on']],
      ['/api/auth/mfa', ['Go on with this code']],
      ['/api/auth/mfa/recovery', ['Send me that mail']],
    ]);
    expect(textOf(before)).toContain('after 72 hours of waiting');
    const after = textOf(expectPage(await page(stopped, { recovery: 'requested' })));
    expect(after).toContain('We have sent you a mail. Nothing changes before you use the link in it.');
  });

  it('tells who has begun to wait until when, and offers it no more', async () => {
    const person = await newLoser(test, client);
    const stopped = await stopAtFactor(test, client, person.name);
    await requestRecovery(test, stopped);
    await useLink(test, await linkTo(test, smtp, person.email));
    await posted(test);
    await test.dataSource.query(`update factor_recovery set due_at = '2030-01-02T03:04:05Z' where user_id = $1`, [
      person.id,
    ]);
    const html = expectPage(await page(stopped, { recovery: 'requested' }));
    expect(textOf(html)).toContain('The second factors are taken away on 2 Jan 2030, 03:04 UTC');
    expect(textOf(html)).not.toContain('We have sent you a mail');
    expect(formsOf(html).map(({ action }) => action)).toEqual(['/api/auth/mfa', '/api/auth/mfa']);
    await requestRecovery(test, stopped);
    expect(await factorLetterKinds(test, person)).toEqual(['factor_added', 'recovery_confirm', 'recovery_begun']);
  });
});
