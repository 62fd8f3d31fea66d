import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { act, changePassword, DONE, newEvents, newPerson, type Person, waitPatiently } from './support/account.js';
import { ACCOUNT_BLOCKS, changeUser } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, startEvilIssuer } from './support/evil-issuer.js';
import {
  BODY_FORMS,
  cookiesOf,
  outcomeOf,
  PASSWORD,
  redirectOf,
  registerClient,
  sendAs,
  type TestClient,
} from './support/flows.js';
import { PATHS } from './support/issuer-server.js';
import { forgetSteps, makeCodes, newGuarded } from './support/mfa.js';
import { begin, Roadblock } from './support/roadblock.js';
import {
  finishVisit,
  flowCookieOf,
  identitiesOf,
  LINK_OVER,
  LINKED,
  linkRefused,
  openTicket,
  provider,
} from './support/sso.js';

let test: TestApp;
let evil: EvilIssuer;
let client: TestClient;
let person: Person;
let ticket: string;
beforeAll(async () => {
  evil = await startEvilIssuer();
  test = await startApp((config) => (config.sso.providers = [provider('evil', evil.url)]));
  waitPatiently(test);
  await test.listen();
  client = await registerClient(test);
});
afterAll(async () => {
  await test.close();
  await evil.stop();
});
beforeEach(async () => {
  person = await newPerson(test, client);
  ticket = await openTicket(test, person, 'evil');
  evil.claims = { sub: person.name };
  evil.forget();
  await newEvents(test, person.id);
});
afterEach(() => {
  test.config.sso.providers = [provider('evil', evil.url)];
  evil.faults = {};
});

const submit = (fields: Record<string, string | undefined>) => {
  evil.forget();
  return test.http
    .post('/api/auth/sso/link')
    .type('form')
    .send({ ticket, ...fields });
};
type Answer = Awaited<ReturnType<typeof submit>>;

/** The provider is where it leads, with a cookie for this browser; answers the visit. */
function visitOf(answer: Answer) {
  expect(answer.status, answer.text).toBe(302);
  const [cookie] = cookiesOf(answer);
  expect(redirectOf(answer).to).toBe(`${evil.url}${PATHS.authorize}`);
  expect(cookie).toMatch(/^gh_flow_[\w-]{8}=[\w-]{43}; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/);
  return { location: String(answer.headers['location']), cookie: flowCookieOf(answer) };
}

/** Where an answer leads, which cookies it sets, and how often the provider was asked for it. */
const outcome = (answer: Answer) => ({
  status: answer.status,
  ...redirectOf(answer),
  cookies: cookiesOf(answer),
  asked: evil.total,
});

/** Back to the page, which says why. */
const again = (sentence: string) => ({
  status: 302,
  to: `${PUB}/oauth/sso/link`,
  sent: { ticket, error: 'invalid_request', error_description: sentence },
  cookies: [],
  asked: 0,
});

/** To the home page, which says that this is over. */
const OVER = { status: 302, ...LINK_OVER, cookies: [], asked: 0 };

const ticketsLeft = async () =>
  (await test.dataSource.query('select from sso_link_ticket where user_id = $1', [person.id])).length as number;

describe('POST /api/auth/sso/link (contract.md §3.8.2)', () => {
  it.each(BODY_FORMS)('goes on to the provider with the right password, and the link is made; %s', async (form) => {
    const visit = visitOf(await sendAs(test.http.post('/api/auth/sso/link'), form, { ticket, password: PASSWORD }));
    expect(await ticketsLeft()).toBe(0);
    expect(redirectOf(await finishVisit(test, visit))).toStrictEqual(LINKED);
    expect(await identitiesOf(test, person)).toEqual([{ issuer: evil.url, subject: person.name }]);
    expect(await newEvents(test, person.id)).toEqual(['sso.linked']);
  });

  it('leads back to the page after a wrong password, and the ticket is still good', async () => {
    for (const password of ['wrong', '', undefined, 'x'.repeat(1025)])
      expect(outcome(await submit({ password }))).toStrictEqual(again('Invalid password.'));
    expect(await newEvents(test, person.id)).toEqual(Array.from({ length: 4 }, () => 'password.refused'));
    expect(await ticketsLeft()).toBe(1);
    visitOf(await submit({ password: PASSWORD }));
  });

  it('takes the ticket from the body only', async () => {
    const post = test.http.post('/api/auth/sso/link').query({ ticket, password: PASSWORD });
    expect(outcome(await post.type('form').send({}))).toStrictEqual(OVER);
    expect(await ticketsLeft()).toBe(1);
  });

  it.each([undefined, '', 'x'.repeat(43), 'x', '../../x'])('does not know the ticket %j', async (unknown) => {
    expect(outcome(await submit({ ticket: unknown, password: PASSWORD }))).toStrictEqual(OVER);
  });

  it('does not know a ticket that was used, and it is used once by two at once', async () => {
    const block = await Roadblock.put(test, 'lock table sso_link_ticket in share mode');
    const both = [begin(submit({ password: PASSWORD })), begin(submit({ password: PASSWORD }))];
    await block.queue(2);
    await block.lift();
    const answers = await Promise.all(both);
    const went = answers.filter((answer) => redirectOf(answer).to !== `${PUB}/`);
    expect(went).toHaveLength(1);
    expect(outcome(answers.find((answer) => !went.includes(answer))!)).toMatchObject(LINK_OVER);
    visitOf(went[0]!);
    expect(outcome(await submit({ password: PASSWORD }))).toStrictEqual(OVER);
  });

  it('does not know a ticket whose ten minutes are over', async () => {
    const age = (seconds: number) =>
      test.dataSource.query(
        `update sso_link_ticket set expires_at = expires_at - make_interval(secs => $2) where user_id = $1`,
        [person.id, seconds],
      );
    await age(570);
    expect(outcome(await submit({ password: 'wrong' }))).toStrictEqual(again('Invalid password.'));
    await age(30);
    expect(outcome(await submit({ password: PASSWORD }))).toStrictEqual(OVER);
  });

  it.each(ACCOUNT_BLOCKS)('does not go on for an account of which %s', async (block) => {
    await changeUser(test, person.id, block);
    expect(outcome(await submit({ password: PASSWORD }))).toStrictEqual(OVER);
  });

  it('does not go on after a change of the password, whichever is sent', async () => {
    expect(await act(test, person, 'change_password', changePassword('a new horse'))).toEqual(DONE);
    for (const password of [PASSWORD, 'a new horse']) expect(outcome(await submit({ password }))).toStrictEqual(OVER);
  });

  it('does not go on to a provider that is not configured any more', async () => {
    test.config.sso.providers = [];
    expect(outcome(await submit({ password: PASSWORD }))).toStrictEqual(OVER);
  });

  it('knows no right password of an account without one', async () => {
    await test.dataSource.query('update "user" set password_hash = null where id = $1', [person.id]);
    expect(outcome(await submit({ password: PASSWORD }))).toStrictEqual(again('Invalid password.'));
    expect(outcome(await submit({ password: '' }))).toStrictEqual(again('Invalid password.'));
  });

  it('keeps the ticket while the provider is away', async () => {
    const shaky = await startEvilIssuer();
    test.config.sso.providers = [provider('evil', shaky.url)];
    await shaky.stop();
    const answer = await submit({ password: PASSWORD });
    expect(redirectOf(answer)).toStrictEqual(linkRefused('The provider cannot be reached now'));
    expect(cookiesOf(answer)).toEqual([]);
    expect(await ticketsLeft()).toBe(1);
    test.config.sso.providers = [provider('evil', evil.url)];
    visitOf(await submit({ password: PASSWORD }));
  });

  it('is no way for another site', async () => {
    const CROSS = {
      status: 403,
      body: { error: 'invalid_request', error_description: 'Cross-site request refused' },
    };
    const from = (headers: Record<string, string>) => submit({ password: PASSWORD }).set(headers);
    for (const headers of [
      { 'Sec-Fetch-Site': 'cross-site' },
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
    ] as Record<string, string>[]) {
      const answer = await from(headers);
      expect({ status: answer.status, body: answer.body }).toStrictEqual(CROSS);
      expect(cookiesOf(answer)).toEqual([]);
    }
    expect(await ticketsLeft()).toBe(1);
    visitOf(await from({ Origin: PUB, 'Sec-Fetch-Site': 'same-origin' }));
  });

  it('refuses fields that are no texts', async () => {
    const answer = outcomeOf(test.http.post('/api/auth/sso/link').send({ ticket, password: 5 }));
    expect(await answer).toStrictEqual({
      status: 400,
      body: { error: 'invalid_request', error_description: 'password - Invalid string.' },
    });
  });
});

describe('POST /api/auth/sso/link, where a second factor is on', () => {
  const NEEDED = 'A code of your second factor is needed as well.';

  it('asks for it, and goes on with the right one', async () => {
    const guarded = await newGuarded(test, client);
    person = guarded;
    ticket = await openTicket(test, guarded, 'evil');
    await newEvents(test, guarded.id);
    expect(outcome(await submit({ password: PASSWORD }))).toStrictEqual(again(NEEDED));
    expect(outcome(await submit({ password: PASSWORD, code: '' }))).toStrictEqual(again(NEEDED));
    expect(outcome(await submit({ password: PASSWORD, code: guarded.app.wrongCode }))).toStrictEqual(
      again('Invalid code.'),
    );
    expect(outcome(await submit({ code: guarded.app.code() }))).toStrictEqual(again('Invalid password.'));
    expect(await newEvents(test, guarded.id)).toEqual(['mfa.failed', 'password.refused']);
    const code = guarded.app.code();
    visitOf(await submit({ password: PASSWORD, code }));
    // That code is spent, and so is the ticket.
    ticket = await openTicket(test, guarded, 'evil');
    expect(outcome(await submit({ password: PASSWORD, code }))).toStrictEqual(again('Invalid code.'));
    await forgetSteps(test, guarded);
    visitOf(await submit({ password: PASSWORD, code: guarded.app.code() }));
  });

  it('takes a backup code, once', async () => {
    const guarded = await newGuarded(test, client);
    const [first = '', second = ''] = await makeCodes(test, guarded);
    ticket = await openTicket(test, guarded, 'evil');
    visitOf(await submit({ password: PASSWORD, code: first }));
    ticket = await openTicket(test, guarded, 'evil');
    expect(outcome(await submit({ password: PASSWORD, code: first }))).toStrictEqual(again('Invalid code.'));
    visitOf(await submit({ password: PASSWORD, code: second }));
  });
});
