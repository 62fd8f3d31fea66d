import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { act, DEAD_LINK, DONE, newAddress, newPerson, rowOf } from './support/account.js';
import { linkTo, requestChange, useLink } from './support/account-mails.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  ask,
  clientToken,
  countRows,
  outcomeOf,
  PASSWORD,
  registerClient,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, textOf } from './support/pages.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.frontend.origins = ['https://fe.example'];
  });
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

/** A link that works, the person whose it is, and how its page and its end must read. */
interface Link {
  person: { id: string; name: string };
  path: string;
  question: RegExp;
  button: string;
  news: RegExp;
}

const confirmAddress = async (): Promise<Link> => {
  const person = await newPerson(test, client);
  const email = newAddress();
  const path = await requestChange(test, smtp, person, email);
  const question = new RegExp(`@${person.name} would go to ${email}`);
  return { person, path, question, button: 'Use this address', news: new RegExp(`now go to ${email}`) };
};
const undoAddress = async (): Promise<Link> => {
  const { person, path: confirm } = await confirmAddress();
  expect(await useLink(test, confirm)).toStrictEqual(DONE);
  const email = `${person.name}@example.org`;
  const path = await linkTo(test, smtp, email);
  return { person, path, question: new RegExp(`mails at ${email} again`), button: 'Take it back', news: /old address/ };
};
const cancelDeletion = async (): Promise<Link> => {
  const person = await newPerson(test, client);
  expect(await act(test, person, 'delete_account', { password: PASSWORD })).toStrictEqual(DONE);
  const path = await linkTo(test, smtp, person.email);
  return { person, path, question: /about to be deleted/, button: 'Keep my account', news: /stays/ };
};
const confirmRegistration = async (): Promise<Link> => {
  const name = newAddress().split('@')[0]!;
  const fields = { username: name, email: `${name}@example.org`, password: PASSWORD, agreement: true };
  const request = test.http.post('/api/v1/accounts').auth(await clientToken(test, client, 'write'), { type: 'bearer' });
  expect((await request.send(fields)).status).toBe(200);
  const path = await linkTo(test, smtp, fields.email);
  const [{ id }] = await test.dataSource.query('select id from "user" where username = $1', [name]);
  return { person: { id, name }, path, question: /your address/, button: 'Yes, confirm it', news: /you can sign in/ };
};
const KINDS: [string, () => Promise<Link>][] = [
  ['confirms a registration', confirmRegistration],
  ['confirms a new address', confirmAddress],
  ['takes an old address back', undoAddress],
  ['keeps a deleted account', cancelDeletion],
];

describe.each(KINDS)('a link that %s (contract.md §5.3)', (_, make) => {
  it('shows what it will do, and changes nothing however often it is opened', async () => {
    const { person, path, question, button } = await make();
    const state = async () => [await rowOf(test, person.id), await countRows(test)];
    const before = await state();
    const text = expectPage(await test.http.get(path).set('Accept', ACCEPT_HTML));
    expect(textOf(text)).toMatch(question);
    expect(formsOf(text)).toEqual([{ method: 'post', action: path, fields: {}, buttons: [button] }]);
    expect(text).not.toMatch(/<script|http-equiv|onload/i);
    for (let n = 0; n < 20; n++) expect((await test.http.get(path)).status).toBe(200);
    for (const kind of ['text/html', '*/*', 'application/json', 'image/png'])
      expect((await test.http.get(path).set('Accept', kind)).headers['content-type']).toBe('text/html; charset=utf-8');
    for (let n = 0; n < 20; n++) {
      const head = await test.http.head(path);
      expect([head.status, head.text]).toEqual([200, undefined]);
    }
    const prefetch = { 'Sec-Purpose': 'prefetch;prerender', Purpose: 'prefetch', 'X-Moz': 'prefetch' };
    expect((await test.http.get(`${path}?utm_source=scanner&code=1`).set(prefetch)).status).toBe(200);
    expect((await test.http.options(path)).headers).not.toHaveProperty('access-control-allow-origin');
    expect(await state()).toEqual(before);
  });

  it('does it for a browser, which sees a page', async () => {
    const { person, path, news } = await make();
    const before = await rowOf(test, person.id);
    const request = test.http.post(path).set({ Accept: ACCEPT_HTML, Origin: PUB, 'Sec-Fetch-Site': 'same-origin' });
    const text = expectPage(await request.type('form').send(''));
    expect(textOf(text)).toMatch(news);
    for (const href of Object.values(linksOf(text))) expect(href).not.toContain(path);
    expect(formsOf(text)).toEqual([]);
    expect(await rowOf(test, person.id)).not.toEqual(before);
    const again = await test.http.post(path).set('Accept', ACCEPT_HTML);
    expect(textOf(expectPage(again, 404))).toContain('This link is no longer valid');
    const opened = await test.http.get(path).set('Accept', ACCEPT_HTML);
    expect(textOf(expectPage(opened, 404))).toContain('This link is no longer valid');
  });

  it('does it for a program, which gets JSON, once', async () => {
    const { path } = await make();
    const answer = await test.http.post(path);
    expect({ status: answer.status, body: answer.body }).toStrictEqual(DONE);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.headers).not.toHaveProperty('set-cookie');
    for (const method of ['post', 'get'] as const) {
      const { status, body, headers } = await test.http[method](path);
      expect({ status, body }).toStrictEqual(DEAD_LINK);
      expect(headers['content-type']).toBe('application/json; charset=utf-8');
    }
    expect((await test.http.head(path)).status).toBe(404);
  });

  it('is dead when it has expired', async () => {
    const { person, path } = await make();
    const before = await rowOf(test, person.id);
    await test.dataSource.query('update mail_token set expires_at = now() where user_id = $1', [person.id]);
    expect([await outcomeOf(test.http.get(path)), await useLink(test, path)]).toStrictEqual([DEAD_LINK, DEAD_LINK]);
    expect(await rowOf(test, person.id)).toEqual(before);
  });

  it('does nothing for another site (contract.md §0.9)', async () => {
    const { person, path } = await make();
    const before = await rowOf(test, person.id);
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'https://evil.example' }, { Origin: 'null' }])
      expect(await outcomeOf(test.http.post(path).set(headers))).toStrictEqual({
        status: 403,
        body: { error: 'invalid_request', error_description: 'Cross-site request refused' },
      });
    const page = await test.http.post(path).set({ Accept: ACCEPT_HTML, 'Sec-Fetch-Site': 'cross-site' });
    expect(textOf(expectPage(page, 403))).toContain('Cross-site request refused');
    expect(await rowOf(test, person.id)).toEqual(before);
    const listed = test.http.post(path).set({ Origin: 'https://fe.example', 'Sec-Fetch-Site': 'cross-site' });
    expect(await outcomeOf(listed)).toStrictEqual(DONE);
  });
});

describe('POST /auth/link/:token', () => {
  it.each(BODY_FORMS)('takes a %s body, in which nothing else counts', async (form) => {
    const { path } = await cancelDeletion();
    const sent = { code: '000000', token: 'A'.repeat(43), user_id: '1', purpose: 'undo_address' };
    expect(await outcomeOf(sendAs(test.http.post(path), form, sent))).toStrictEqual(DONE);
  });

  it('refuses what is no link, in the same bytes as one that is spent', async () => {
    const { path } = await cancelDeletion();
    const token = path.split('/').at(-1)!;
    const [{ hash }] = await test.dataSource.query('select hash from mail_token order by created_at desc limit 1');
    const tokens = [
      'A'.repeat(43),
      'a',
      token.slice(1),
      `${token}A`,
      `${token}%00`,
      '%00',
      '%00'.repeat(43),
      `${token}%0a`,
      `${token}%20`,
      `%20${token}`,
      `${token}=`,
      `${token};x`,
      token.toLowerCase() === token ? token.toUpperCase() : token.toLowerCase(),
      hash.toString('hex'),
      hash.toString('base64url'),
      encodeURIComponent(`' or 1=1 --`),
      '..%2f..%2fetc',
      '__proto__',
      '１'.repeat(14),
      'x'.repeat(7000),
    ];
    for (const wrong of tokens)
      for (const method of ['GET', 'POST']) {
        const { status, text, headers } = await ask(
          test,
          method,
          encodeURI(`/auth/link/${wrong}`).replaceAll('%25', '%'),
        );
        expect({ wrong, status, text }).toEqual({ wrong, status: 404, text: JSON.stringify(DEAD_LINK.body) });
        expect(headers['content-type']).toBe('application/json; charset=utf-8');
      }
    expect(await outcomeOf(test.http.post(`${path}/`))).toStrictEqual(DONE);
  });

  it('is an exact path and two methods', async () => {
    const { path, person } = await cancelDeletion();
    const before = await rowOf(test, person.id);
    const wrong: [string, string, number][] = [
      ['POST', `${path}/more`, 404],
      ['POST', path.replace('/auth/', '/AUTH/'), 404],
      ['POST', path.replace('link', '%6cink'), 404],
      ['POST', `/${path}`, 404],
      ['POST', '/auth/link', 404],
      ['POST', `${path}%ed%a0%80`, 404],
      ['POST', '/auth/link/', 404],
      ['POST', `/api/v1${path}`, 404],
      ['PUT', path, 405],
      ['DELETE', path, 405],
      ['PATCH', path, 405],
      ['TRACE', path, 405],
    ];
    for (const [method, url, status] of wrong) {
      const answer = await ask(test, method, url);
      expect([method, url, answer.status]).toEqual([method, url, status]);
    }
    for (const override of ['x-http-method-override', 'x-method-override'])
      expect((await ask(test, 'GET', `${path}?_method=POST`, { [override]: 'POST' })).status).toBe(200);
    expect(await rowOf(test, person.id)).toEqual(before);
  });

  it('never stands in the log, alive or dead (security.md R15)', async () => {
    const { path } = await cancelDeletion();
    const token = path.split('/').at(-1)!;
    await test.http.get(path);
    await test.http.post(path).set('Origin', 'https://evil.example');
    await test.http.post(path).set('Content-Type', 'text/plain').send('x');
    expect(await useLink(test, path)).toStrictEqual(DONE);
    await useLink(test, path);
    await ask(test, 'GET', `${path}/more`);
    expect(test.logs.join('')).toContain('/auth/link/');
    expect(test.logs.join('')).not.toContain(token);
  });
});
