import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import {
  countRows,
  createUser,
  oauthQuery,
  PASSWORD,
  postLogin,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { mailsAreOut } from './support/mail-flows.js';
import { ACCEPT_HTML, expectPage, formsOf, linksOf, queryOf, textOf } from './support/pages.js';

const STATE = 'a&b=c#d\n\u{1f4a1}';

let test: TestApp;
let client: TestClient;
let query: Record<string, string>;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  query = oauthQuery(client, { state: STATE });
  await createUser(test, 'taken');
});
afterAll(() => test.close());

const complete = (username: string) => ({
  username,
  email: `${username}@example.org`,
  password: PASSWORD,
  agreement: 'true',
});

const send = (body: Record<string, string>, kept: Record<string, string> = {}, to = test) =>
  to.http.post('/register').query(kept).set('Accept', ACCEPT_HTML).type('form').send(body);

/** The problem beside a field. */
const problemAt = (html: string, field: string) =>
  textOf(
    new RegExp(`<p class="explained" id="${field}-explained"><strong class="problem">(.*?)</strong>`).exec(html)?.[1] ??
      '',
  );

describe('GET /register', () => {
  it('is a form that password managers understand', async () => {
    const html = expectPage(await test.http.get('/register'));
    const [form, ...others] = formsOf(html);
    expect(others).toEqual([]);
    expect(form).toEqual({
      method: 'post',
      action: '/register',
      fields: { username: '', email: '', password: '', agreement: null },
      buttons: ['Create the account'],
    });
    expect(html).toMatch(/id="username"[^>]* autocomplete="username"/);
    expect(html).toMatch(/id="email"[^>]* type="email"[^>]* required[^>]* autocomplete="email"/);
    expect(html).toMatch(/id="password"[^>]* type="password"[^>]* autocomplete="new-password"/);
    expect(html).not.toContain('role="alert"');
    expect(linksOf(html)['Sign in']).toBe('/settings');
  });

  it('keeps the sign-in it belongs to, and no other parameter', async () => {
    const html = expectPage(await test.http.get('/register').query({ ...query, evil: 'x', username: 'prefilled' }));
    const [form] = formsOf(html);
    expect(form?.action.split('?')[0]).toBe('/register');
    expect(queryOf(form?.action ?? '')).toEqual(query);
    const back = linksOf(html)['Sign in'] ?? '';
    expect(back.split('?')[0]).toBe('/oauth/authorize');
    expect(queryOf(back)).toEqual(query);
    expect(html).not.toMatch(/evil|prefilled/);
  });

  it('shows the operator’s words and rules, and asks for what they want to know', async () => {
    const strict = await startApp((config) => {
      Object.assign(config.registrations, { approval: true, email_required: false, message: 'By <hand>' });
      config.instance.rules = ['Be kind.', '<b>No</b> spam.'];
      config.accounts.password_min = 12;
    });
    const html = expectPage(await strict.http.get('/register'));
    await strict.close();
    expect(html).toContain('By &lt;hand>');
    expect(html).toContain('<li>Be kind.</li><li>&lt;b>No&lt;/b> spam.</li>');
    expect(textOf(html)).toContain('At least 12 characters.');
    expect(formsOf(html)[0]?.fields).toHaveProperty('reason', '');
    expect(html).not.toMatch(/id="email"[^>]* required/);
  });

  it('is refused where registrations are closed', async () => {
    const closed = await startApp((config) => (config.registrations.enabled = false));
    const person = await closed.http.get('/register').set('Accept', ACCEPT_HTML);
    const sent = await send(complete('late'), {}, closed);
    const rows = await countRows(closed);
    await closed.close();
    expect(textOf(expectPage(person, 403))).toContain('Registrations are closed');
    expect(textOf(expectPage(sent, 403))).toContain('This action is not allowed');
    expect(rows['user']).toBe(0);
  });
});

describe('POST /register', () => {
  it('makes the account and leads back to the sign-in it belongs to', async () => {
    const html = expectPage(await send({ ...complete('Alice'), username: ' Alice ' }, query));
    expect(textOf(html)).toContain('Welcome, @alice Your account is ready.');
    const onwards = linksOf(html)['Sign in'] ?? '';
    expect(onwards.split('?')[0]).toBe('/oauth/authorize');
    expect(queryOf(onwards)).toEqual(query);
    expectPage(await test.http.get(onwards));
    const signedIn = await postLogin(test, query, { identifier: 'alice', password: PASSWORD });
    expect(signedIn.headers['location']).toMatch(`${PUB}/oauth/consent?`);
    const [event] = await test.dataSource.query(
      `select e.application_id, e.ip from audit_event e join "user" u on u.id = e.user_id
       where u.username = 'alice' and e.type = 'account.created'`,
    );
    expect(event).toEqual({ application_id: null, ip: '127.0.0.1' });
  });

  it('leads to the settings when no app is waiting', async () => {
    const html = expectPage(await send(complete('bea')));
    expect(linksOf(html)['Sign in']).toBe('/settings');
  });

  it('signs nobody in and sets no cookie', async () => {
    const answer = await send(complete('cora'));
    expectPage(answer);
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });

  it('names every problem beside its field and keeps what was typed, but the password', async () => {
    await mailsAreOut(test);
    const before = await countRows(test);
    const answer = await send({ username: 'a"<b>', email: 'nonsense<', password: 'secret1' }, query);
    const html = expectPage(answer, 422);
    expect(html).toContain('role="alert"');
    expect(problemAt(html, 'username')).toBe('User name must contain only letters, numbers and underscores.');
    expect(problemAt(html, 'email')).toBe('E-mail address is invalid.');
    expect(problemAt(html, 'password')).toBe('Password is too short (minimum is 8 characters).');
    expect(problemAt(html, 'agreement')).toBe('The agreement must be accepted.');
    const [form] = formsOf(html);
    expect(form?.fields).toEqual({ username: 'a"<b>', email: 'nonsense<', password: '', agreement: null });
    expect(queryOf(form?.action ?? '')).toEqual(query);
    expect(html).not.toContain('secret1');
    expect(html).toMatch(/id="username"[^\n]*? aria-describedby="username-explained" aria-invalid="true"/);
    expect(await countRows(test)).toEqual(before);
  });

  it.each([
    [
      'a taken name',
      { ...complete('taken'), email: 'new@example.org' },
      'username',
      'User name has already been taken.',
    ],
    [
      'a taken address',
      { ...complete('dora'), email: 'taken@example.org' },
      'email',
      'E-mail address has already been taken.',
    ],
    ['a reserved name', complete('admin'), 'username', 'User name is reserved.'],
    ['no name', { ...complete('dora'), username: '' }, 'username', "User name can't be blank."],
    ['no address', { ...complete('dora'), email: '' }, 'email', "E-mail address can't be blank."],
    ['no password', { ...complete('dora'), password: '' }, 'password', "Password can't be blank."],
    [
      'the name as password',
      { ...complete('doradora'), password: 'doradora' },
      'password',
      'Password is too similar to your account.',
    ],
  ])('refuses %s by the rules of the API', async (_, body, field, sentence) => {
    const html = expectPage(await send(body), 422);
    expect(problemAt(html, field)).toBe(sentence);
    expect(html.match(/aria-invalid/g)).toHaveLength(1);
    expect(formsOf(html)[0]?.fields).toMatchObject({ agreement: 'true', password: '' });
  });

  it('lets one of two at once have the name', async () => {
    const answers = await Promise.all([0, 1].map((n) => send({ ...complete('twin'), email: `twin${n}@example.org` })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422]);
  });

  it('tells people who must be approved that they have to wait', async () => {
    const careful = await startApp((config) => (config.registrations.approval = true));
    const { agreement, ...unsaid } = complete('eve');
    const first = expectPage(await send({ ...unsaid, reason: ' ' }, {}, careful), 422);
    const html = expectPage(await send({ ...unsaid, agreement, reason: 'I <like> it' }, {}, careful));
    const [user] = await careful.dataSource.query('select approval_pending, registration_reason from "user"');
    await careful.close();
    expect(problemAt(first, 'reason')).toBe("Reason can't be blank.");
    expect(textOf(html)).toContain('Your account is made, and waits for somebody of this instance to approve it.');
    expect(user).toEqual({ approval_pending: true, registration_reason: 'I <like> it' });
  });

  it('shares its budget with the API, and says so to people', async () => {
    const limited = await startApp((config) => {
      config.limits.enabled = true;
      config.limits.account_registrations.points = 2;
      config.registrations.require_app_token = false;
    });
    expectPage(await send(complete('ann'), {}, limited));
    expect((await limited.http.post('/api/v1/accounts').send({ ...complete('ben'), agreement: true })).status).toBe(
      200,
    );
    const third = await send(complete('cyd'), {}, limited);
    const rows = await countRows(limited);
    await limited.close();
    expect(textOf(expectPage(third, 429))).toContain('Throttled');
    expect(Number(third.headers['retry-after'])).toBeGreaterThan(1700);
    expect(rows['user']).toBe(2);
  });

  it.each([
    ['Origin of another site', { Origin: 'https://evil.example' }],
    ['Origin null', { Origin: 'null' }],
    ['Sec-Fetch-Site cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
  ])('refuses a form of another site: %s', async (_, headers) => {
    await mailsAreOut(test);
    const before = await countRows(test);
    const person = await send(complete('victim')).set(headers);
    expect(textOf(expectPage(person, 403))).toContain('Cross-site request refused');
    const program = await test.http.post('/register').set(headers).type('form').send(complete('victim'));
    expect(program.status).toBe(403);
    expect(program.body).toEqual({ error: 'invalid_request', error_description: 'Cross-site request refused' });
    expect(await countRows(test)).toEqual(before);
  });

  it.each([
    ['our own page', { Origin: PUB, 'Sec-Fetch-Site': 'same-origin' }, 'frida'],
    ['our own page under no-referrer', { Origin: 'null', 'Sec-Fetch-Site': 'same-origin' }, 'gerda'],
  ])('takes a form of %s', async (_, headers, name) => {
    expect(textOf(expectPage(await send(complete(name)).set(headers)))).toContain(`Welcome, @${name}`);
  });
});
