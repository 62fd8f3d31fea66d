import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PasswordResetService } from '../src/recovery/password-reset.service.js';
import { signInOutcome } from './support/account.js';
import { changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { cookiesOf, countRows, createUser, redirectOf, registerClient } from './support/flows.js';
import { createVerified, mailsAreOut } from './support/mail-flows.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, textOf } from './support/pages.js';

const LATE = 'This link is no longer valid. Each works once, for an hour, and only the newest does.';
const NEW = 'another battery and staple';

let test: TestApp;
let alice: string;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  alice = await createVerified(test, 'alice');
  await createVerified(test, 'bob');
});
afterAll(() => test.close());

/** The token of a link in a mail to alice; the one before dies. */
const issue = () =>
  test.dataSource.transaction((tx) =>
    test.app.get(PasswordResetService).issue({ id: alice, email: 'alice@example.org' }, tx),
  );
const open = (query: Record<string, string> | string = {}, to = test) =>
  to.http.get('/oauth/reset').query(query).set('Accept', ACCEPT_HTML);
const ask = (fields: Record<string, string>, to = test) =>
  to.http.post('/oauth/reset').set('Accept', ACCEPT_HTML).type('form').send(fields);

const QUESTION = { method: 'post', action: '/oauth/reset', fields: { identifier: '' }, buttons: ['Send me a link'] };

describe('GET /oauth/reset', () => {
  it('asks whom to send a link to', async () => {
    const html = expectPage(await open());
    expect(formsOf(html)).toEqual([QUESTION]);
    expect(html).toMatch(/<label for="identifier">[^<]*<\/label><input id="identifier"[^>]* autocomplete="username"/);
    expect(html).not.toContain('role="alert"');
    expect(textOf(html)).toContain('No address on file? Ask the people who run localhost:3000.');
  });

  it('names the address of the people who can help, as text', async () => {
    const helpful = await startApp((config) => (config.instance.email = '"<b>"@example.org'), test.database);
    const html = expectPage(await open({}, helpful));
    await helpful.close();
    expect(html).toContain('at &quot;&lt;b>&quot;@example.org.');
  });

  it('is the form of a new password for a live token, which password managers understand', async () => {
    const token = await issue();
    const html = expectPage(await open({ token }));
    expect(formsOf(html)).toEqual([
      {
        method: 'post',
        action: '/api/auth/reset',
        fields: { token, password: '', password_confirmation: '' },
        buttons: ['Set the password'],
      },
    ]);
    expect(html.match(/type="password"[^>]* autocomplete="new-password"/g)).toHaveLength(2);
    expect(textOf(html)).toContain('When you set it, everybody is signed out of this account.');
    expect(textOf(html)).toContain('At least 8 characters.');
    expect(html).not.toContain('role="alert"');
    // Whoever finds the link in a log learns nothing of whose it is.
    expect(html).not.toContain('alice');
  });

  it('says why when a sign-in led here', async () => {
    const html = expectPage(await open({ token: await issue(), login_reset: 'true' }));
    expect(textOf(html)).toContain('This account needs a new password before it can be used again.');
  });

  it('shows why the last try was not taken as plain text, and not too much of it', async () => {
    const token = await issue();
    const description = `<script>alert(1)</script>\u202e\u0007 "&amp;" ${'x'.repeat(300)}`;
    const html = expectPage(await open({ token, error: 'invalid_password', error_description: description }));
    expect(html).toContain('<div class="notice problem" role="alert"><bdi>&lt;script>alert(1)&lt;/script>');
    for (const bad of ['<script', '\u202e', '\u0007']) expect(html).not.toContain(bad);
    expect(/<bdi>(.*?)<\/bdi>/.exec(html)?.[1]).toMatch(/x{150,165}$/);
    expect(formsOf(html)[0]?.fields).toEqual({ token, password: '', password_confirmation: '' });
  });

  it.each([
    ['an unknown one', () => Promise.resolve('a'.repeat(43))],
    ['a malformed one', () => Promise.resolve('"><script>')],
    ['an empty one', () => Promise.resolve('')],
    [
      'an expired one',
      async () => {
        const token = await issue();
        await test.dataSource.query(`update mail_token set expires_at = now() - interval '1 second'`);
        return token;
      },
    ],
    [
      'an older one',
      async () => {
        const token = await issue();
        await issue();
        return token;
      },
    ],
    [
      'one for something else',
      async () => {
        const token = await issue();
        await test.dataSource.query(`update mail_token set purpose = 'confirm_address'`);
        return token;
      },
    ],
  ])('offers another link for a dead token: %s', async (_, make) => {
    const token = await make();
    const html = expectPage(await open({ token, error: 'invalid_token', error_description: 'from the URL' }));
    expect(textOf(html)).toContain(LATE);
    expect(html).toContain('role="alert"');
    expect(formsOf(html)).toEqual([QUESTION]);
    expect(html).not.toMatch(/from the URL|<script/);
  });

  it('offers another link while the account may not be used with a new password', async () => {
    const token = await issue();
    await changeUser(test, alice, 'disabled_at = now(), disabled_by_staff = true');
    const html = expectPage(await open({ token }));
    await changeUser(test, alice, 'disabled_at = null, disabled_by_staff = false');
    expect(textOf(html)).toContain(LATE);
    expect(formsOf(expectPage(await open({ token })))[0]?.fields).toHaveProperty('token', token);
  });

  it('says so when it is set, and leads to signing in', async () => {
    const html = expectPage(await open({ success: 'true' }));
    expect(textOf(html)).toContain('Your password is set Everybody was signed out.');
    expect(linksOf(html)['Sign in to your settings']).toBe('/settings');
    expect(formsOf(html)).toEqual([]);
  });

  it('changes nothing, by GET or HEAD, however often', async () => {
    const token = await issue();
    const before = await countRows(test);
    for (const query of ['', `token=${token}`, `token=${'a'.repeat(43)}`, `token=${token}&error=x&success=true`]) {
      const page = await open(query);
      const head = await test.http.head('/oauth/reset').query(query);
      expect([head.status, head.text ?? '']).toEqual([200, '']);
      expect(head.headers['content-length']).toBe(page.headers['content-length']);
      expect([page, head].flatMap(cookiesOf)).toEqual([]);
    }
    expect(await countRows(test)).toEqual(before);
    expect(formsOf(expectPage(await open({ token })))[0]?.fields).toHaveProperty('token', token);
  });
});

describe('POST /oauth/reset', () => {
  it('answers everybody with the same page, byte for byte, and writes to who has an account', async () => {
    await createUser(test, 'nomail', { email: null });
    const staffs = await createVerified(test, 'staffs');
    await changeUser(test, staffs, 'disabled_at = now(), disabled_by_staff = true');
    const { mail_outbox: before = 0 } = await countRows(test);
    const identifiers = ['alice', ' BOB@example.org ', 'nobody', 'nobody@example.org', 'nomail', 'staffs', '%'];
    const answers = [];
    for (const identifier of identifiers) answers.push(await ask({ identifier }));
    const [first = ''] = answers.map((answer) => expectPage(answer));
    expect(textOf(first)).toContain(
      'If there is such an account with an address we can write to, a link is on its way. It works for an hour.',
    );
    expect(linksOf(first)).toMatchObject({ 'Back to the start': '/', 'ask again': '/oauth/reset' });
    expect(answers.map(({ text }) => text)).toEqual(identifiers.map(() => first));
    expect(answers.flatMap(cookiesOf)).toEqual([]);
    await mailsAreOut(test);
    const mails = await test.dataSource.query('select * from mail_outbox order by created_at offset $1', [before]);
    const written = mails.map((mail: { template: string; recipient: string }) => `${mail.template} ${mail.recipient}`);
    // The jobs that write them run at once.
    expect(written.toSorted()).toEqual(['password_reset alice@example.org', 'password_reset bob@example.org']);
  });

  it.each<[string, Record<string, string>]>([
    ['no identifier', {}],
    ['one of 255 characters', { identifier: 'a'.repeat(255) }],
    ['one with a control character', { identifier: 'ali\u0007ce' }],
  ])('refuses %s with a page', async (_, fields) => {
    const before = await countRows(test);
    expect(textOf(expectPage(await ask(fields), 400))).toContain('identifier');
    expect(await countRows(test)).toEqual(before);
  });

  it.each([
    ['Origin of another site', { Origin: 'https://evil.example' }],
    ['Origin null', { Origin: 'null' }],
    ['Sec-Fetch-Site cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
  ])('refuses a form of another site: %s', async (_, headers) => {
    const before = await countRows(test);
    const answer = await ask({ identifier: 'alice' }).set(headers);
    expect(textOf(expectPage(answer, 403))).toContain('Cross-site request refused');
    expect(await countRows(test)).toEqual(before);
  });

  it('shares its budget with the API, and says so to people', async () => {
    const limited = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.mail_requests.points = 2;
    }, test.database);
    expectPage(await ask({ identifier: 'nobody' }, limited));
    expect((await limited.http.post('/auth/password').send({ email: 'nobody' })).status).toBe(204);
    const third = await ask({ identifier: 'alice' }, limited);
    const page = await open({}, limited);
    await limited.close();
    expect(textOf(expectPage(third, 429))).toContain('Throttled Please wait some minutes, then try again.');
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(1700);
    expectPage(page);
  });
});

describe('the form of a new password', () => {
  it('comes back with what was wrong, and ends with the password set', async () => {
    const token = await issue();
    const send = async (password: string, password_confirmation: string) => {
      const [form] = formsOf(expectPage(await open({ token })));
      const fields = { ...form?.fields, password, password_confirmation };
      const answer = await test.http
        .post(form?.action ?? '')
        .set('Accept', ACCEPT_HTML)
        .type('form')
        .send(fields);
      const { to, sent } = redirectOf(answer);
      expect(to).toBe(`${PUB}/oauth/reset`);
      return expectPage(await open(sent));
    };
    for (const [password, again, sentence] of [
      [NEW, `${NEW}?`, 'Passwords do not match'],
      ['short', 'short', 'Password is too short (minimum is 8 characters)'],
      ['password1', 'password1', 'Password is too common'],
      ['', '', "Password can't be blank"],
    ] as const) {
      const html = await send(password, again);
      expect(/role="alert"><bdi>(.*?)<\/bdi>/.exec(html)?.[1]).toContain(sentence);
      expect(formsOf(html)[0]?.fields).toEqual({ token, password: '', password_confirmation: '' });
      expect(html).not.toContain(`value="${password || '?'}`);
    }
    expect(textOf(await send(NEW, NEW))).toContain('Your password is set');
    expect(textOf(expectPage(await open({ token })))).toContain(LATE);
    const client = await registerClient(test);
    expect(await signInOutcome(test, client, 'alice', NEW)).toBe('signed in');
    expect(await signInOutcome(test, client, 'alice')).toBe('Invalid identifier or password');
  });
});
