import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { requestChange, useLink } from './support/account-mails.js';
import { act, DONE, linksOf, newAddress, newEvents, newPerson, PREFIXES, refused, rowOf } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { BODY_FORMS, outcomeOf, PASSWORD, registerClient, sendAs, type TestClient } from './support/flows.js';
import { disableTotp, enableTotp, type Guarded, makeCodes, newGuarded, signInWith } from './support/mfa.js';
import { ACCEPT_HTML, formsOf, textOf } from './support/pages.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let person: Guarded;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
  });
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});
beforeEach(async () => {
  person = await newGuarded(test, client);
});

const addressNow = async () => (await rowOf(test, person.id))['email'];
const deletionOf = async () => (await rowOf(test, person.id))['deletion_due_at'];
const change = (fields: object) =>
  act(test, person, 'change_email', { email: newAddress(), password: PASSWORD, ...fields });
const erase = (fields: object) => act(test, person, 'delete_account', { password: PASSWORD, ...fields });
const confirm = (link: string, fields: object = {}) => outcomeOf(test.http.post(link).send(fields));

describe('POST /api/pleroma/change_email with a second factor on, and mail', () => {
  it.each(PREFIXES.flatMap((prefix) => BODY_FORMS.map((form) => [prefix, form] as const)))(
    'under %s, with a %s body, takes the code along: the link asks for none',
    async (prefix, form) => {
      const email = newAddress();
      const request = test.http.post(`${prefix}/change_email`).auth(person.token, { type: 'bearer' });
      const answer = await sendAs(request, form, { email, password: PASSWORD, code: person.app.code() });
      expect({ status: answer.status, body: answer.body }).toStrictEqual(DONE);
      const link = new URL(smtp.linkOf(await smtp.next({ to: email }))).pathname;
      expect(formsOf((await test.http.get(link).set('Accept', ACCEPT_HTML)).text).map(({ fields }) => fields)).toEqual([
        {},
      ]);
      expect(await useLink(test, link)).toEqual(DONE);
      expect(await addressNow()).toBe(email);
    },
  );

  it('takes a backup code in its place, and spends it', async () => {
    const [code] = await makeCodes(test, person);
    expect(await change({ code })).toStrictEqual(DONE);
    expect(await change({ code })).toStrictEqual(refused('Invalid code.'));
  });

  it('refuses a wrong code after a right password only, and then nothing is pending', async () => {
    await newEvents(test, person.id);
    expect(await change({ password: 'wrong', code: person.app.wrongCode })).toStrictEqual(refused('Invalid password.'));
    expect(await change({ code: person.app.wrongCode })).toStrictEqual(refused('Invalid code.'));
    // The code comes before the address.
    expect(await change({ code: person.app.wrongCode, email: 'none' })).toStrictEqual(refused('Invalid code.'));
    expect(await linksOf(test, person.id)).toEqual([]);
    const events = (await newEvents(test, person.id)).filter((type) => /^(mfa|email)\./.test(type));
    expect(events).toEqual(['mfa.failed', 'mfa.failed']);
    expect(await change({ code: person.app.code(), email: 'none' })).toStrictEqual(
      refused('Email has invalid format.'),
    );
  });

  it.each([{ code: 123_456 }, { code: ['123456'] }, { code: null }, { code: { a: 1 } }])(
    'answers 400 to what is no text: %j',
    async (fields) => {
      expect(await change(fields)).toMatchObject({ status: 400, body: { error: 'code - Invalid string.' } });
    },
  );

  it('ignores a code where no factor is on', async () => {
    await disableTotp(test, person);
    expect(await change({ code: '000000' })).toStrictEqual(DONE);
  });
});

describe('the link that confirms an address, of a change without a code (contract.md §5.7)', () => {
  let email: string;
  let link: string;
  beforeEach(async () => {
    email = newAddress();
    link = await requestChange(test, smtp, person, email);
  });

  it('asks for the code on its page, and does nothing without', async () => {
    const page = await test.http.get(link).set('Accept', ACCEPT_HTML);
    const [form] = formsOf(page.text);
    expect(form).toMatchObject({ method: 'post', action: link, fields: { code: '' } });
    expect(textOf(page.text)).toContain('Code of your authenticator app, or a backup code');
    for (const fields of [{}, { code: '' }, { code: person.app.wrongCode }, { code: 'abc' }]) {
      const answer = await test.http.post(link).send(fields);
      expect({ status: answer.status, body: answer.body }).toStrictEqual({
        status: 422,
        body: { error: 'Invalid code.' },
      });
      expect(answer.headers['cache-control']).toBe('no-store');
    }
    expect(await addressNow()).toBe(person.email);
    expect(await confirm(link, { code: person.app.code() })).toEqual(DONE);
    expect(await addressNow()).toBe(email);
    expect((await confirm(link, { code: person.app.code(1) })).status).toBe(404);
  });

  it.each(BODY_FORMS)('takes it in a %s body, from a page as well', async (form) => {
    const fields = { code: person.app.code() };
    const answer = await sendAs(test.http.post(link).set('Accept', ACCEPT_HTML), form, fields);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await addressNow()).toBe(email);
  });

  it('shows a refusal as a page to a browser', async () => {
    const answer = await test.http.post(link).set('Accept', ACCEPT_HTML).type('form').send({ code: '000000' });
    expect([answer.status, answer.headers['content-type']]).toEqual([422, 'text/html; charset=utf-8']);
    expect(textOf(answer.text)).toContain('Invalid code.');
  });

  it('takes a backup code', async () => {
    const [code] = await makeCodes(test, person);
    expect(await confirm(link, { code })).toEqual(DONE);
  });

  it('takes none in the URL', async () => {
    const answer = test.http.post(link).query({ code: person.app.code() });
    expect(await outcomeOf(answer)).toEqual({ status: 422, body: { error: 'Invalid code.' } });
  });

  it('takes no code that was spent elsewhere, and spends its own', async () => {
    const code = person.app.code();
    expect(await signInWith(test, client, person.name, { code })).toBe('signed in');
    expect((await confirm(link, { code })).status).toBe(422);
    const next = person.app.code(1);
    expect(await confirm(link, { code: next })).toEqual(DONE);
    expect(await signInWith(test, client, person.name, { code: next })).toBe('Invalid code');
  });

  it('asks for nothing once the factor was turned off', async () => {
    await disableTotp(test, person);
    expect(formsOf((await test.http.get(link).set('Accept', ACCEPT_HTML)).text)[0]?.fields).toEqual({});
    expect(await confirm(link)).toEqual(DONE);
  });
});

describe('the link that confirms an address, of a change before a factor was on', () => {
  it('asks for the factor that was turned on meanwhile', async () => {
    const early = await newPerson(test, client);
    const email = newAddress();
    const link = await requestChange(test, smtp, early, email);
    const app = await enableTotp(test, early);
    expect(await confirm(link)).toEqual({ status: 422, body: { error: 'Invalid code.' } });
    expect(await confirm(link, { code: app.code() })).toEqual(DONE);
    expect((await rowOf(test, early.id))['email']).toBe(email);
  });
});

describe('POST /api/pleroma/delete_account with a second factor on (contract.md §5.9)', () => {
  it.each(PREFIXES.flatMap((prefix) => BODY_FORMS.map((form) => [prefix, form] as const)))(
    'under %s, with a %s body, checks a code that is sent',
    async (prefix, form) => {
      const send = (code: string) =>
        outcomeOf(
          sendAs(test.http.post(`${prefix}/delete_account`).auth(person.token, { type: 'bearer' }), form, {
            password: PASSWORD,
            code,
          }),
        );
      expect(await send(person.app.wrongCode)).toStrictEqual(refused('Invalid code.'));
      expect(await deletionOf()).toBeNull();
      expect(await send(person.app.code())).toStrictEqual(DONE);
      expect(await deletionOf()).toBeInstanceOf(Date);
    },
  );

  it('wants none: known frontends cannot send one', async () => {
    expect(await erase({})).toStrictEqual(DONE);
  });

  it('takes password and code in the query, and a backup code', async () => {
    const [code = ''] = await makeCodes(test, person);
    const post = () => test.http.post('/api/pleroma/delete_account').auth(person.token, { type: 'bearer' });
    const wrong = post().query({ password: PASSWORD, code: '222222222z' });
    expect(await outcomeOf(wrong)).toStrictEqual(refused('Invalid code.'));
    expect(await outcomeOf(post().query({ password: PASSWORD, code }))).toStrictEqual(DONE);
    expect(test.logs.join('')).not.toContain(code);
  });

  it('looks at the password first, and at a code only then', async () => {
    const code = person.app.code();
    expect(await erase({ password: 'wrong', code })).toStrictEqual(refused('Invalid password.'));
    expect(await erase({ password: 'wrong', code: '000000' })).toStrictEqual(refused('Invalid password.'));
    expect(await erase({ code })).toStrictEqual(DONE);
  });
});
