import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linkTo, mailsOf, openLink, posted, requestChange, titles } from './support/account-mails.js';
import {
  act,
  DONE,
  linksOf,
  newAddress,
  newEvents,
  newPerson,
  type Person,
  PREFIXES,
  refused,
  rowOf,
  signInOutcome,
  takeFootholds,
} from './support/account.js';
import { startApp, type TestApp } from './support/app.js';
import {
  BODY_FORMS,
  countRows,
  outcomeOf,
  PASSWORD,
  registerClient,
  sendAs,
  statusOf,
  type TestClient,
} from './support/flows.js';
import { type SmtpListener, startSmtp } from './support/smtp.js';

const REQUESTED = 'address_change_requested';
const CONFIRM = 'confirm_address';
const IN_USE = 'address_in_use';

let smtp: SmtpListener;
let test: TestApp;
let client: TestClient;
let bob: Person;
beforeAll(async () => {
  smtp = await startSmtp();
  test = await startApp((config) => {
    config.smtpUrl = smtp.url;
    config.accounts.blocked_email_domains = ['Blocked.example'];
  });
  await test.listen();
  client = await registerClient(test);
  bob = await newPerson(test, client, { name: 'bob' });
});
afterAll(async () => {
  await test.close();
  await smtp.close();
});

const change = (person: Person, email: unknown, password = PASSWORD) =>
  act(test, person, 'change_email', { email, password });
const journal = async (person: Person) => (await newEvents(test, person.id)).filter((type) => type.startsWith('email'));

describe('POST /api/pleroma/change_email, while mail is on (contract.md §5.7, security.md R80)', () => {
  it.each(PREFIXES.flatMap((prefix) => BODY_FORMS.map((form) => [prefix, form] as const)))(
    'under %s, with a %s body, only asks: the new address gets a link, the old one a notice',
    async (prefix, form) => {
      const person = await newPerson(test, client);
      const email = newAddress();
      const before = await rowOf(test, person.id);
      await journal(person);
      const mails = await mailsOf(test, smtp, async () => {
        const request = test.http.post(`${prefix}/change_email`).auth(person.token, { type: 'bearer' });
        const sent = { email: `  ${email.toUpperCase()} `, password: PASSWORD };
        expect(await outcomeOf(sendAs(request, form, sent))).toStrictEqual(DONE);
      });
      expect(titles(mails)).toEqual([
        [email, CONFIRM],
        [person.email, REQUESTED],
      ]);
      expect(mails.map(({ envelope }) => envelope.to)).toEqual([[email], [person.email]]);
      expect(mails[1]?.text).toContain(email);
      expect(await rowOf(test, person.id)).toEqual(before);
      expect(await linksOf(test, person.id)).toEqual([{ purpose: 'confirm_address', address: email }]);
      expect(await journal(person)).toEqual(['email.change_requested']);
    },
  );

  it('leaves the old address in force for sign-in and for a new password, and every session alive', async () => {
    const person = await newPerson(test, client);
    const { other } = await takeFootholds(test, client, person.name);
    const email = newAddress();
    await requestChange(test, smtp, person, email);
    expect(await signInOutcome(test, client, person.email)).toBe('signed in');
    expect(await signInOutcome(test, client, email)).toBe('Invalid identifier or password');
    for (const token of [person.token, other.access_token]) expect(await statusOf(test, token)).toBe(200);
    const [mail, ...more] = await mailsOf(test, smtp, async () => {
      for (const address of [email, person.email]) await test.http.post('/auth/password').send({ email: address });
      await smtp.next({ to: person.email, subject: /password/i });
    });
    expect([mail?.to, more]).toEqual([person.email, []]);
  });

  it('builds its links from the public URL alone (security.md R1)', async () => {
    const person = await newPerson(test, client);
    const email = newAddress();
    const evil = 'evil.example';
    const headers = { Host: evil, 'X-Forwarded-Host': evil, 'X-Forwarded-Proto': 'gopher', Forwarded: `host=${evil}` };
    const mails = await mailsOf(test, smtp, async () => {
      const request = test.http.post('/api/pleroma/change_email').auth(person.token, { type: 'bearer' });
      const answer = await request.set({ ...headers, Origin: `https://${evil}` }).send({ email, password: PASSWORD });
      expect(answer.body).toStrictEqual(DONE.body);
    });
    expect(mails).toHaveLength(2);
    for (const { raw, links } of mails) {
      expect(raw).not.toMatch(/evil|gopher/);
      expect(links.length).toBeGreaterThan(0);
      for (const link of links) expect(link).toMatch(`${test.config.publicUrl}/`);
    }
    expect(await openLink(test, await linkTo(test, smtp, email))).toBe(200);
  });

  it('replaces an earlier request with the new one', async () => {
    const person = await newPerson(test, client);
    const [first, second] = [newAddress(), newAddress()];
    const links = [await requestChange(test, smtp, person, first), await requestChange(test, smtp, person, second)];
    expect(await linksOf(test, person.id)).toEqual([{ purpose: 'confirm_address', address: second }]);
    expect([await openLink(test, links[0]!), await openLink(test, links[1]!)]).toEqual([404, 200]);
    // Also one for the same address.
    const again = await requestChange(test, smtp, person, second);
    expect([await openLink(test, links[1]!), await openLink(test, again)]).toEqual([404, 200]);
  });

  it('asks an account that had no address as well', async () => {
    const person = await newPerson(test, client, { email: null, emailVerifiedAt: null });
    const email = newAddress();
    const mails = await mailsOf(test, smtp, () => change(person, email));
    expect(titles(mails)).toEqual([[email, CONFIRM]]);
  });
});

describe('an address that is in use (security.md R81)', () => {
  it('gets the same answer, is told, and never becomes pending', async () => {
    const person = await newPerson(test, client);
    const ask = async (email: string) => {
      const answer = await test.http
        .post('/api/pleroma/change_email')
        .auth(person.token, { type: 'bearer' })
        .send({ email, password: PASSWORD });
      const { date: _, 'x-request-id': __, ...headers } = answer.headers;
      return { status: answer.status, text: answer.text, headers };
    };
    const written = async (email: string) => {
      const before = await countRows(test);
      const answer = await ask(email);
      const after = await countRows(test);
      await posted(test);
      const grown = ['audit_event', 'mail_outbox'].map((table) => after[table]! - before[table]!);
      return { answer, grown };
    };
    const free = await written(newAddress());
    for (const address of [bob.email, person.email]) {
      const mails = await mailsOf(test, smtp, async () => expect(await written(address)).toEqual(free));
      const expected = [`${address},${IN_USE}`, `${person.email},${REQUESTED}`];
      expect(titles(mails).map(String)).toEqual(expected.toSorted());
      const told = mails.find(({ template }) => template === IN_USE)!;
      // Nothing of who asked: it may be somebody who only mistyped.
      const asker = address === bob.email ? person.name : bob.name;
      expect(told.raw).not.toMatch(new RegExp(`${asker}|127\\.0\\.0\\.1`));
      expect(told.links.join()).not.toMatch(/auth\/link|token=/);
    }
    expect((await rowOf(test, person.id))['email']).toBe(person.email);
    expect((await rowOf(test, bob.id))['email']).toBe(bob.email);
  });

  it('looks pending like a free one, by a link that nobody has', async () => {
    const person = await newPerson(test, client);
    await change(person, bob.email);
    expect(await linksOf(test, person.id)).toEqual([{ purpose: CONFIRM, address: bob.email }]);
    const [sealed] = await test.dataSource.query(
      'select count(*) from mail_outbox where user_id = $1 and sealed_token is not null',
      [person.id],
    );
    expect(sealed.count).toBe(0);
    const own = await newPerson(test, client);
    await requestChange(test, smtp, own, newAddress());
    await change(own, own.email);
    expect(await linksOf(test, own.id)).toEqual([]);
  });

  it('ends an earlier request as a free one does, so that its link tells nothing', async () => {
    const outcomes = await Promise.all(
      [bob.email, newAddress()].map(async (wanted) => {
        const person = await newPerson(test, client);
        const link = await requestChange(test, smtp, person, newAddress());
        await change(person, wanted);
        return openLink(test, link);
      }),
    );
    expect(outcomes).toEqual([404, 404]);
  });

  it.each(['disabled_at = now()', `deletion_due_at = now() + interval '1 day'`])(
    'counts as in use with %s of its owner',
    async (state) => {
      const [person, holder] = [await newPerson(test, client), await newPerson(test, client)];
      await test.dataSource.query(`update "user" set ${state} where id = $1`, [holder.id]);
      const mails = await mailsOf(test, smtp, () => change(person, holder.email));
      expect(titles(mails)).toContainEqual([holder.email, IN_USE]);
      expect(titles(mails)).not.toContainEqual([holder.email, CONFIRM]);
    },
  );
});

describe('the sentences of change_email', () => {
  it('stand in the order of the contract', async () => {
    const person = await newPerson(test, client);
    const before = await rowOf(test, person.id);
    const mails = await mailsOf(test, smtp, async () => {
      expect(await change(person, '', 'wrong')).toStrictEqual(refused('Invalid password.'));
      expect(await change(person, 'nonsense', 'wrong')).toStrictEqual(refused('Invalid password.'));
      expect(await change(person, '')).toStrictEqual(refused("Email can't be blank."));
      expect(await change(person, ' \t ')).toStrictEqual(refused("Email can't be blank."));
      expect(await change(person, 'a..b@blocked.example')).toStrictEqual(refused('Email has invalid format.'));
      expect(await change(person, 'a@blocked.example')).toStrictEqual(refused('Email domain is not allowed.'));
      expect(await change(person, 'A@MAIL.BLOCKED.EXAMPLE')).toStrictEqual(refused('Email domain is not allowed.'));
    });
    expect(mails).toEqual([]);
    expect(await rowOf(test, person.id)).toEqual(before);
    expect(await linksOf(test, person.id)).toEqual([]);
    expect(await change(person, 'a@notblocked.example')).toStrictEqual(DONE);
  });

  it('lets an address be removed only where none is required and none is confirmed', async () => {
    for (const [email_required, confirm_email] of [
      [true, false],
      [false, true],
      [true, true],
      [false, null],
    ] as const) {
      const other = await startApp((config) => {
        config.smtpUrl = smtp.url;
        Object.assign(config.registrations, { email_required, confirm_email });
      }, test.database);
      const fields = { email: '', password: PASSWORD };
      expect(await act(other, bob, 'change_email', fields)).toStrictEqual(refused("Email can't be blank."));
      await other.close();
    }
  });
});
