import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { BODY_FORMS, countRows, sendAs } from './support/flows.js';
import { addressOf, createVerified, mailsAreOut, requestReset, RESET_SUBJECT, tokenOf } from './support/mail-flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let alice: string;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  alice = await createVerified(test, 'alice');
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});
afterEach(() => smtp.mails.splice(0));

const ask = (query: Record<string, string> = {}, { http } = test) => http.post('/auth/password').query(query);
const nextTo = (username: string) => smtp.next({ to: addressOf(username), subject: RESET_SUBJECT });
const NAMES = ['email', 'nickname', 'username'] as const;
const FORMS = ['plain name', 'address', 'fediverse address'] as const;
const spelled = { 'plain name': 'alice', address: 'alice@example.org', 'fediverse address': '@alice@localhost:3000' };

describe('POST /auth/password: the request (contract.md §5.5)', () => {
  it('answers 204 without a body, for scripts of any origin, and sends a mail with one link', async () => {
    const answer = await ask({ email: 'alice@example.org' }).set('Origin', 'https://fe.example');
    expect(answer.status).toBe(204);
    expect(answer.text).toBe('');
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
    const mail = await nextTo('alice');
    expect(mail.envelope.to).toEqual(['alice@example.org']);
    expect(smtp.linkOf(mail)).toMatch(new RegExp(`^${PUB}/oauth/reset\\?token=[\\w-]{43}$`));
    expect(mail.text).toContain('the account alice');
  });

  it('lets browsers ask beforehand', async () => {
    const answer = await test.http.options('/auth/password').set('Access-Control-Request-Method', 'POST');
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
    });
  });

  it.each(NAMES.flatMap((name) => FORMS.map((form) => [name, form] as const)))(
    'takes %s in the query, with a %s',
    async (name, form) => {
      expect((await ask({ [name]: spelled[form] })).status).toBe(204);
      await nextTo('alice');
    },
  );

  it.each(NAMES.flatMap((name) => BODY_FORMS.map((form) => [name, form] as const)))(
    'takes %s in a body, as %s',
    async (name, form) => {
      expect((await sendAs(test.http.post('/auth/password'), form, { [name]: 'Alice@Example.ORG ' })).status).toBe(204);
      await nextTo('alice');
    },
  );

  it('goes by the first of the names that says something', async () => {
    await createVerified(test, 'second');
    await ask({ email: '', nickname: 'second', username: 'alice' });
    await nextTo('second');
    await mailsAreOut(test);
    expect(smtp.mails).toHaveLength(1);
  });

  it.each([
    ['the query', '/auth/password?email=alice&email=alice', undefined],
    ['the body', '/auth/password', 'email=alice&email=alice'],
    ['query and body', '/auth/password?email=alice', 'email=alice'],
  ])('refuses a name given twice, in %s', async (_, path, form) => {
    const answer = await test.http.post(path).type('form').send(form);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'A parameter is given more than once' });
  });

  it.each([
    ['a list', { email: ['alice'] }, 'email - Invalid string.'],
    ['null', { email: null }, 'email - Invalid string.'],
    ['a number', { nickname: 1 }, 'nickname - Invalid string.'],
    ['a line break', { username: 'ali\nce' }, 'username - Invalid value.'],
    ['255 characters', { email: 'a'.repeat(255) }, 'email - Invalid value.'],
  ])('refuses %s', async (_, fields, error) => {
    const answer = await test.http.post('/auth/password').send(fields);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ error });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  it.each(['get', 'head', 'put', 'delete'] as const)('refuses %s', async (method) => {
    const answer = await test.http[method]('/auth/password?email=alice');
    expect(answer.status).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
  });

  it('writes nothing for what it refuses', async () => {
    await mailsAreOut(test);
    const before = await countRows(test);
    await ask({ email: 'a'.repeat(255) });
    await test.http.get('/auth/password?email=alice');
    expect(await countRows(test)).toEqual(before);
  });
});

describe('POST /auth/password: the mail', () => {
  it('links to the public URL, whatever the request says it is (security.md R1)', async () => {
    const lies = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' };
    await ask({ email: 'alice' })
      .set({ ...lies, 'X-Forwarded-Proto': 'https' })
      .expect(204);
    const mail = await nextTo('alice');
    expect(smtp.linkOf(mail)).toMatch(new RegExp(`^${PUB}/oauth/reset\\?token=[\\w-]{43}$`));
    expect(mail.raw).not.toContain('evil.example');
  });

  it('goes to the stored address only, whatever was typed (security.md R82)', async () => {
    const other = [
      'alice@example.org,eve@evil.example',
      'alice@example.org\u3000eve@evil.example',
      '"alice@example.org"',
    ];
    for (const email of other) await ask({ email }).expect(204);
    await ask({ email: ' ALICE@example.org ' }).expect(204);
    await nextTo('alice');
    await mailsAreOut(test);
    expect(smtp.mails.map(({ envelope }) => envelope.to)).toEqual([['alice@example.org']]);
  });

  it('is noted in the journal, without the token', async () => {
    await test.dataSource.query('truncate audit_event');
    const answer = await ask({ email: 'alice' }).set('User-Agent', 'a reader');
    const token = tokenOf(smtp, await nextTo('alice'));
    const events = await test.dataSource.query('select * from audit_event');
    expect(events).toEqual([
      expect.objectContaining({
        type: 'password.reset_requested',
        user_id: alice,
        ip: '127.0.0.1',
        user_agent: 'a reader',
        request_id: answer.headers['x-request-id'],
      }),
    ]);
    expect(JSON.stringify(events) + test.logs.join('\n')).not.toContain(token);
  });

  it('leaves only a digest of the token behind', async () => {
    const token = await requestReset(test, smtp, 'alice');
    await mailsAreOut(test);
    const rows = await test.dataSource.query(
      `select (select json_agg(m) from mail_outbox m)::text || (select json_agg(t) from mail_token t)::text
         || coalesce((select json_agg(j) from job j)::text, '') as everything`,
    );
    expect(rows[0].everything).not.toContain(token);
    expect(rows[0].everything).not.toContain(Buffer.from(token).toString('hex'));
  });

  it('arrives when the mail server is back', async () => {
    await smtp.stop();
    await ask({ email: 'alice' }).expect(204);
    await smtp.start();
    expect((await nextTo('alice')).envelope.to).toEqual(['alice@example.org']);
  });
});

describe('POST /auth/password: who gets a mail', () => {
  let names = 0;
  let name: string;
  beforeEach(() => (name = `person_${++names}`));

  it.each([
    ['an active account', {}],
    ['an account that its owner disabled', { disabledAt: new Date() }],
    ['an account that must have a new password', { passwordResetRequired: true }],
    ['an account without a password', { passwordHash: null }],
    ['a moderator', { role: 'moderator' }],
  ])('%s does', async (_, more) => {
    await createVerified(test, name, more);
    await ask({ email: name }).expect(204);
    expect((await nextTo(name)).text).toContain(`the account ${name}`);
  });

  it.each([
    ['one that staff disabled', { disabledAt: new Date(), disabledByStaff: true }],
    ['one that is to be deleted', { deletionDueAt: new Date(Date.now() + 86_400_000) }],
    ['one that is erased but for an address', { deletionDueAt: new Date(), erasedAt: new Date() }],
    ['one that awaits approval', { approvalPending: true }],
    ['one that awaits confirmation', { confirmationPending: true, emailVerifiedAt: null }],
    ['one with an unverified address, where addresses are confirmed', { emailVerifiedAt: null }],
    ['one without an address', { email: null, emailVerifiedAt: null }],
  ])('%s does not', async (_, more) => {
    await createVerified(test, name, more);
    for (const email of [name, addressOf(name), `@${name}@localhost:3000`]) await ask({ email }).expect(204);
    await mailsAreOut(test);
    expect(smtp.mails).toEqual([]);
    expect(
      await test.dataSource.query(`select from mail_token t join "user" u on u.id = t.user_id where u.username = $1`, [
        name,
      ]),
    ).toEqual([]);
  });

  it.each(['', 'nobody', 'nobody@example.org', '@alice@remote.example', 'alice@remote.example', '@', '%', 'al_ce'])(
    'nobody does for %j',
    async (email) => {
      await ask({ email }).expect(204);
      await mailsAreOut(test);
      expect(smtp.mails).toEqual([]);
    },
  );

  it('an unverified address does where addresses are not confirmed', async () => {
    const lax = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.registrations.confirm_email = false;
    });
    await lax.listen();
    await createVerified(lax, name, { emailVerifiedAt: null });
    await ask({ email: name }, lax).expect(204);
    expect((await nextTo(name)).text).toContain(`the account ${name}`);
    await lax.close();
  });
});
