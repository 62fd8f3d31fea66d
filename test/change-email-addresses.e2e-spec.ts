import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { linkTo, mailsOf, requestChange, titles, useLink } from './support/account-mails.js';
import { act, DONE, linksOf, newAddress, newPerson, type Person, refused, rowOf } from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import { PASSWORD, registerClient, type TestClient } from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let alice: Person;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => (config.smtpUrl = smtp.url));
  await test.listen();
  client = await registerClient(test);
  alice = await newPerson(test, client, { name: 'alice' });
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

describe('the form of an address (security.md R82)', () => {
  const FORMAT = refused('Email has invalid format.');
  const CHARACTERS = {
    status: 400,
    body: {
      error: 'email - Invalid value.',
      errors: [{ title: 'Invalid value', source: { pointer: '/email' }, message: 'email - Invalid value' }],
    },
  };

  it.each([
    ['a quoted local part', '"a@evil.example x"@good.example'],
    ['a quoted pair', '"a\\"b"@good.example'],
    ['a comment', 'alice(comment)@good.example'],
    ['nested comments', 'alice@good.example((a)(b)))'],
    ['a comment that hides an address', '(a@evil.example)alice@good.example'],
    ['a group', 'a:b@good.example;'],
    ['a group of nobody', 'undisclosed:;'],
    ['a name', 'Alice <alice@good.example>'],
    ['angle brackets', '<alice@good.example>'],
    ['two at signs', 'alice@evil.example@good.example'],
    ['two addresses', 'alice@good.example,eve@evil.example'],
    ['two addresses with a semicolon', 'alice@good.example;eve@evil.example'],
    ['a fullwidth at sign', 'alice＠good.example'],
    ['a fullwidth at sign besides', 'eve＠evil.example@good.example'],
    ['a space', 'alice @good.example'],
    ['a space in the domain', 'alice@good .example'],
    ['a no-break space', 'alice@good\u00a0.example'],
    ['a zero-width space', 'ali\u200bce@good.example'],
    ['a right-to-left override', 'alice@\u202eelpmaxe.doog'],
    ['a soft hyphen', 'alice@go\u00adod.example'],
    ['a line separator', 'alice@good.example\u2028Bcc: eve@evil.example'],
    ['letters beyond ASCII before the at sign', 'älice@good.example'],
    ['percent routing', 'alice%evil.example@'],
    ['bang and route', '@evil.example:alice@good.example'],
    ['no local part', '@good.example'],
    ['no domain', 'alice@'],
    ['nothing but an at sign', '@'],
    ['no at sign', 'alice.good.example'],
    ['a leading dot', '.alice@good.example'],
    ['a trailing dot', 'alice.@good.example'],
    ['two dots', 'al..ice@good.example'],
    ['a domain with two dots', 'alice@good..example'],
    ['a domain that ends in a dot', 'alice@good.example.'],
    ['a domain of one label', 'alice@localhost'],
    ['an address literal', 'alice@[127.0.0.1]'],
    ['an IP address', 'alice@127.0.0.1'],
    ['a domain that begins with a hyphen', 'alice@-good.example'],
    ['an underscore in the domain', 'alice@go_od.example'],
    ['a port', 'alice@good.example:25'],
    ['a local part of 65', `${'a'.repeat(65)}@good.example`],
    ['a label of 64', `alice@${'a'.repeat(64)}.example`],
    ['255 characters', `alice@${'a.'.repeat(121)}example`],
    ['10 kB', `${'a'.repeat(10_000)}@good.example`],
    ['10 kB of comments', `${'('.repeat(5000)}${')'.repeat(5000)}@good.example`],
    ['a mailto link', 'mailto:alice@good.example'],
  ])('may not be that of %s', async (_, email) => {
    expect(await act(test, alice, 'change_email', { email, password: PASSWORD })).toStrictEqual(FORMAT);
    expect(await linksOf(test, alice.id)).toEqual([]);
  });

  it.each([
    ['a line break and a header', 'alice@good.example\r\nBcc: eve@evil.example'],
    ['a bare line feed', 'alice\n@good.example'],
    ['a bare carriage return', 'alice@good\r.example'],
    ['a NUL byte', 'alice\u0000@good.example'],
    ['an escape', 'alice\u001b[31m@good.example'],
    ['a next-line character', 'alice@good\u0085.example'],
  ])('may not hold %s: that is malformed', async (_, email) => {
    const answer = await act(test, alice, 'change_email', { email, password: PASSWORD });
    expect(answer).toStrictEqual(
      email.includes('\0')
        ? { status: 400, body: { error: 'A parameter has characters that are not allowed' } }
        : CHARACTERS,
    );
    expect(await linksOf(test, alice.id)).toEqual([]);
  });

  it.each([
    ['every sign that an atom may have', `a!#$%&'*+/=?^_{|}~-.z@example.net`, `a!#$%&'*+/=?^_{|}~-.z@example.net`],
    ['64 characters before the at sign', `${'b'.repeat(64)}@example.net`, `${'b'.repeat(64)}@example.net`],
    // The listener reads the domain's ASCII spelling, in which it travels, back.
    ['a domain in other letters', 'alice@bücher.example', 'alice@bücher.example'],
    ['its ASCII spelling', 'carol@xn--bcher-kva.example', 'carol@bücher.example'],
    ['blanks around it', '  dave@example.net ', 'dave@example.net'],
    ['line breaks around it', '\r\nfrank@example.net\r\n', 'frank@example.net'],
    ['a leading hyphen', '-oProxyCommand=x@example.net', '-oproxycommand=x@example.net'],
  ])('may be that of %s, and the mail goes to it and to nobody else', async (_, email, recipient) => {
    const person = await newPerson(test, client);
    const mails = await mailsOf(test, smtp, async () =>
      expect(await act(test, person, 'change_email', { email, password: PASSWORD })).toStrictEqual(DONE),
    );
    const [stored] = await linksOf(test, person.id);
    expect(stored?.address).toBe(email.trim().toLowerCase());
    expect(mails).toHaveLength(2);
    for (const { envelope, template } of mails)
      expect(envelope.to).toEqual([template === 'confirm_address' ? recipient : person.email]);
    expect(await useLink(test, await linkTo(test, smtp, recipient))).toStrictEqual(DONE);
    expect((await rowOf(test, person.id))['email']).toBe(stored?.address);
  });
});

describe('mail to one recipient (contract.md §1.1, security.md R83)', () => {
  let strict: TestApp;
  beforeAll(async () => {
    strict = await startApp((config) => {
      config.smtpUrl = smtp.url;
      config.limits.enabled = true;
      config.limits.password_address.points = 0;
    }, test.database);
  });
  afterAll(() => strict.close());
  beforeEach(() => test.dataSource.query('truncate attempt_budget'));

  it.each(['a free address', 'an address in use'])(
    'is five in half an hour, however many ask for %s; the excess is answered the same, and nothing is sent',
    async (what) => {
      const victim = what === 'a free address' ? newAddress() : (await newPerson(test, client)).email;
      const people = [await newPerson(test, client), await newPerson(test, client), await newPerson(test, client)];
      const mails = await mailsOf(test, smtp, async () => {
        for (let n = 0; n < 12; n++)
          expect(
            await act(strict, people[n % 3]!, 'change_email', { email: victim, password: PASSWORD }),
          ).toStrictEqual(DONE);
      });
      expect(mails.filter(({ to }) => to === victim)).toHaveLength(5);
      // The owners hear of every attempt.
      for (const { email } of people) expect(mails.filter(({ to }) => to === email)).toHaveLength(4);
      await test.dataSource.query(`update attempt_budget set expire = 1 where key like 'mail_recipient:%'`);
      const again = await mailsOf(test, smtp, () =>
        act(strict, people[0]!, 'change_email', { email: victim, password: PASSWORD }),
      );
      expect(again.map(({ to }) => to)).toContain(victim);
    },
  );

  it('is counted apart from mails for new passwords, and from other recipients', async () => {
    const person = await newPerson(test, client);
    for (let n = 0; n < 6; n++) await act(strict, person, 'change_email', { email: person.email, password: PASSWORD });
    const other = newAddress();
    const mails = await mailsOf(test, smtp, async () => {
      await test.http.post('/auth/password').send({ email: person.email });
      await smtp.next({ to: person.email, subject: /password/i });
      await act(strict, person, 'change_email', { email: other, password: PASSWORD });
    });
    expect(titles(mails)).toContainEqual([other, 'confirm_address']);
  });

  it('leaves the link that was mailed before dead: what is pending is the newest request, mailed or not', async () => {
    const person = await newPerson(test, client);
    const victim = newAddress();
    const link = await requestChange(test, smtp, person, victim);
    await test.dataSource.query(
      `insert into attempt_budget (key, points, expire) values ($1, 5, (extract(epoch from now()) + 600) * 1000)`,
      [`mail_recipient:change_email ${victim}`],
    );
    await act(strict, person, 'change_email', { email: victim, password: PASSWORD });
    expect((await useLink(test, link)).status).toBe(404);
  });
});
