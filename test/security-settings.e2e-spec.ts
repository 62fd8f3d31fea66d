import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person, signInOutcome } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { SoftwareAuthenticator } from './support/authenticator.js';
import { PASSWORD, redirectOf, registerClient, type TestClient } from './support/flows.js';
import { Authenticator, makeCodes, MFA } from './support/mfa.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, textOf } from './support/pages.js';
import { longAgo } from './support/passkey-faults.js';
import { addPasskey, eventsOf } from './support/passkeys.js';
import { type Browser, enter } from './support/settings.js';

const SCREEN = '/settings/security';

let test: TestApp;
let client: TestClient;
let person: Person;
let browser: Browser;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
});
afterAll(() => test.close());
beforeEach(async () => {
  person = await newPerson(test, client);
  browser = await enter(test, person.name);
});

const open = async () => expectPage(await browser.get(SCREEN));
const post = (form: string, fields: object = {}) => browser.post(`${SCREEN}/${form}`).type('form').send(fields);
const state = async () => (await test.http.get(MFA).auth(person.token, { type: 'bearer' })).body.settings;

/** Where a form that was taken leads. */
const TAKEN = { to: `${PUB}${SCREEN}`, sent: {} };

/** The form of a new passkey, answered by a device; `age` is how many seconds the page has been open. */
async function answerPage(device: SoftwareAuthenticator, age = 0): Promise<string> {
  const html = await longAgo(age, open);
  const options = /data-passkey="create" data-options="([^"]*)"/.exec(html)?.[1]?.replaceAll('&quot;', '"') ?? '{}';
  return JSON.stringify(device.create(JSON.parse(options)));
}

describe('GET /settings/security', () => {
  it('offers everything to somebody who has nothing', async () => {
    const html = await open();
    expect(textOf(html)).toContain('Signing in asks for your password only.');
    expect(textOf(html)).toContain('You have none. They count as soon as a second factor is on.');
    expect(formsOf(html)).toEqual([
      { method: 'post', action: '/settings/sign-out', fields: {}, buttons: ['Sign out'] },
      { method: 'post', action: `${SCREEN}/totp`, fields: {}, buttons: ['Set it up'] },
      {
        method: 'post',
        action: `${SCREEN}/passkeys#passkeys`,
        fields: { name: '', password: '', response: '' },
        buttons: ['Add a passkey'],
      },
      { method: 'post', action: `${SCREEN}/codes#codes`, fields: { password: '' }, buttons: ['Make codes'] },
    ]);
    expect(html.match(/<script.*?<\/script>/gs)).toEqual(['<script type="module" src="/assets/passkeys.js"></script>']);
  });

  it('tells what is on, and how to change it', async () => {
    await makeCodes(test, person);
    const { passkey } = await addPasskey(test, person, { name: '<b>Mine</b>' });
    const html = await open();
    expect(html).toContain('<bdi>&lt;b>Mine&lt;/b></bdi>');
    expect(textOf(html)).toContain('Signing in asks for your password and a second factor.');
    expect(textOf(html)).toContain('10 are left.');
    expect(formsOf(html).map(({ action, buttons }) => [action, ...buttons])).toEqual([
      ['/settings/sign-out', 'Sign out'],
      [`${SCREEN}/totp`, 'Set it up'],
      [`${SCREEN}/passkeys/${passkey.id}/rename#passkeys`, 'Rename'],
      [`${SCREEN}/passkeys/${passkey.id}/remove#passkeys`, 'Remove'],
      [`${SCREEN}/passkeys#passkeys`, 'Add a passkey'],
      [`${SCREEN}/codes#codes`, 'Make new ones, and void these'],
    ]);
  });

  it('is refused to HEAD, and leads who is not signed in to the login page', async () => {
    const head = await browser.head(SCREEN);
    expect({ status: head.status, allow: head.headers['allow'] }).toEqual({ status: 405, allow: 'GET' });
    const stranger = await test.http.get(SCREEN).set('Accept', ACCEPT_HTML);
    expect(redirectOf(stranger).to).toBe(`${PUB}/oauth/authorize`);
  });
});

describe('the setup of an authenticator app in the settings', () => {
  /** The key that a page shows. */
  const keyOf = (html: string) => new Authenticator(/name="secret" value="([A-Z2-7]{32})"/.exec(html)?.[1] ?? '');
  const begin = async () => keyOf(expectPage(await post('totp')));

  it('shows picture and key, and turns the app on with a code and the password', async () => {
    const html = expectPage(await post('totp'));
    const app = keyOf(html);
    expect(textOf(html)).toContain(app.key.replace(/.{4}(?=.)/g, '$& '));
    expect(html).toMatch(/<a class="qr" href="otpauth:[^"]+" aria-label="[^"]+"><svg [^>]+>/);
    expect(linksOf(html)['Not now']).toBe(SCREEN);
    expect(await state()).toEqual({ enabled: false, totp: false });
    const code = app.code().replace(/^.../, '$& ');
    const answer = await post('totp/confirm', { code, password: PASSWORD, secret: app.key });
    expect(redirectOf(answer)).toEqual(TAKEN);
    expect(await state()).toEqual({ enabled: true, totp: true });
    expect(textOf(await open())).toContain('It is on.');
  });

  it.each([
    ['a wrong code', (app: Authenticator) => ({ code: app.wrongCode, password: PASSWORD }), 'That code is not right.'],
    ['a wrong password', (app: Authenticator) => ({ code: app.code(), password: 'wrong' }), 'Invalid password.'],
  ])('shows the same key again after %s', async (_, fields, sentence) => {
    const app = await begin();
    const html = expectPage(await post('totp/confirm', { ...fields(app), secret: app.key }), 422);
    expect(textOf(html)).toContain(sentence);
    expect(keyOf(html).key).toBe(app.key);
    expect(await state()).toEqual({ enabled: false, totp: false });
    const again = await post('totp/confirm', { code: app.code(), password: PASSWORD, secret: app.key });
    expect(redirectOf(again)).toEqual(TAKEN);
  });

  it('shows another key when that one is not good any more', async () => {
    const app = await begin();
    await test.dataSource.query('update totp_credential set pending_expires_at = now() where user_id = $1', [
      person.id,
    ]);
    const html = expectPage(await post('totp/confirm', { code: app.code(), password: PASSWORD, secret: app.key }), 422);
    expect(textOf(html)).toContain('That took longer than ten minutes.');
    const fresh = keyOf(html);
    expect(fresh.key).not.toBe(app.key);
    const answer = await post('totp/confirm', { code: fresh.code(), password: PASSWORD, secret: fresh.key });
    expect(redirectOf(answer)).toEqual(TAKEN);
  });

  it.each(['', 'x', '<script>', 'é'.repeat(2000)])('draws nothing that we did not make: %j', async (secret) => {
    await begin();
    const html = expectPage(await post('totp/confirm', { code: '000000', password: PASSWORD, secret }), 422);
    expect(keyOf(html).key).toHaveLength(32);
    expect(html).not.toContain('é');
  });

  it('leaves the active app alone until another is confirmed, and is turned off with the password', async () => {
    const app = await begin();
    await post('totp/confirm', { code: app.code(), password: PASSWORD, secret: app.key });
    await begin();
    expect(await state()).toEqual({ enabled: true, totp: true });
    const html = expectPage(await post('totp/remove', { password: 'wrong' }), 422);
    expect(textOf(html)).toContain('Invalid password.');
    expect(html).toContain('<details open>');
    expect(redirectOf(await post('totp/remove', { password: PASSWORD }))).toEqual(TAKEN);
    expect(await state()).toEqual({ enabled: false, totp: false });
  });
});

describe('backup codes in the settings', () => {
  it('are shown once, for the password', async () => {
    expect(textOf(expectPage(await post('codes', { password: 'wrong' }), 422))).toContain('Invalid password.');
    const html = expectPage(await post('codes', { password: PASSWORD }));
    const codes = [...html.matchAll(/<code>([2-9a-z]{5} [2-9a-z]{5})<\/code>/g)].map(([, code]) => code);
    expect(new Set(codes).size).toBe(10);
    expect(await open()).not.toContain(codes[0]);
    expect(textOf(await open())).toContain('10 are left.');
  });
});

describe('passkeys in the settings', () => {
  const list = async () =>
    (await test.http.get('/api/v1/gatehouse/passkeys').auth(person.token, { type: 'bearer' })).body;

  it('are added with the password, named and removed', async () => {
    const response = await answerPage(new SoftwareAuthenticator());
    expect(redirectOf(await post('passkeys', { response, name: 'Mine', password: PASSWORD }))).toEqual(TAKEN);
    const [{ id }] = await list();
    expect(redirectOf(await post(`passkeys/${id}/rename`, { name: 'Yours' }))).toEqual(TAKEN);
    expect(await list()).toMatchObject([{ id, name: 'Yours' }]);
    expect(textOf(expectPage(await post(`passkeys/${id}/remove`, { password: 'x' }), 422))).toContain(
      'Invalid password.',
    );
    expect(redirectOf(await post(`passkeys/${id}/remove`, { password: PASSWORD }))).toEqual(TAKEN);
    expect(await list()).toEqual([]);
    expect(await eventsOf(test, person.id, 'passkey.')).toEqual([
      'passkey.added',
      'passkey.renamed',
      'passkey.removed',
    ]);
  });

  it('are not added with a wrong password, nor when the browser answered something else', async () => {
    const response = await answerPage(new SoftwareAuthenticator());
    const wrong = expectPage(await post('passkeys', { response, password: 'wrong' }), 422);
    expect(textOf(wrong)).toContain('Invalid password.');
    const garbled = expectPage(await post('passkeys', { response: '{}', password: PASSWORD }), 422);
    expect(textOf(garbled)).toContain('The passkey could not be verified');
    expect(await list()).toEqual([]);
  });

  it('may be made on a page that was left open for an hour', async () => {
    const response = await answerPage(new SoftwareAuthenticator(), 3500);
    expect(redirectOf(await post('passkeys', { response, password: PASSWORD }))).toEqual(TAKEN);
    const late = await answerPage(new SoftwareAuthenticator(), 3601);
    expectPage(await post('passkeys', { response: late, password: PASSWORD }), 422);
    expect(await list()).toHaveLength(1);
  });

  it('of somebody else are not found', async () => {
    const { passkey } = await addPasskey(test, await newPerson(test, client));
    for (const id of [passkey.id, 'x']) {
      expect((await post(`passkeys/${id}/rename`, { name: 'Mine' })).status).toBe(404);
      expect((await post(`passkeys/${id}/remove`, { password: PASSWORD })).status).toBe(404);
    }
  });
});

describe('a form of the security screen', () => {
  const FORMS = ['totp', 'totp/confirm', 'totp/remove', 'codes', 'passkeys', 'passkeys/1/rename', 'passkeys/1/remove'];
  const FIELDS = { password: PASSWORD, code: '000000', secret: 'x', name: 'x', response: '{}' };

  it.each([...FORMS, 'recovery/stop'])('leads a stranger to the settings, and does nothing: %s', async (form) => {
    const stranger = test.http.post(`${SCREEN}/${form}`).type('form').send(FIELDS);
    expect(redirectOf(await stranger)).toEqual({ to: `${PUB}/settings`, sent: {} });
    expect(await signInOutcome(test, client, person.name)).toBe('signed in');
  });

  it.each([...FORMS, 'recovery/stop'])('of another site is refused: %s', async (form) => {
    const answer = await post(form, FIELDS).set('Sec-Fetch-Site', 'cross-site');
    expect(answer.status).toBe(403);
    expect(await state()).toEqual({ enabled: false, totp: false });
  });

  it('says when it was too much', async () => {
    const strict = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.password_account.points = 1;
      config.limits.password_identifier.points = 1;
    }, test.database);
    const theirs = await enter(strict, person.name);
    const guess = () => theirs.post(`${SCREEN}/codes`).type('form').send({ password: 'wrong' });
    const statuses = [(await guess()).status, (await guess()).status];
    await strict.close();
    expect(statuses).toEqual([422, 429]);
  });
});
