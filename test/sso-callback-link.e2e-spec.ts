import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newPerson, type Person } from './support/account.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type AuthorizeFault, EVIL_DESCRIPTION } from './support/evil-answers.js';
import { type EvilFaults, type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import { ask, cookiesOf, countRows, redirectOf, registerClient } from './support/flows.js';
import { begin, Roadblock } from './support/roadblock.js';
import {
  deliver,
  forgetProviders,
  identitiesOf,
  LINK_OVER,
  LINKED,
  linkRefused,
  provider,
  startLink,
  type Visit,
} from './support/sso.js';

const NOBODY = '0192b0c4-0000-7000-8000-000000000000';

let test: TestApp;
let evil: EvilIssuer;
let rival: EvilIssuer;
let person: Person;

beforeAll(async () => {
  [evil, rival] = [await startEvilIssuer(), await startEvilIssuer()];
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url), provider('rival', rival.url)];
  });
  await test.listen();
  person = await newPerson(test, await registerClient(test));
  // Discovery and keys are at hand from now on: whatever the issuers are asked is about one visit.
  await arrive();
  await deliver(test, own.callback.href, own.cookie);
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), rival.stop()]);
});

/** A visit that is over at the provider: its callback waits to be delivered. */
interface Ready extends Visit {
  callback: URL;
}

let own: Ready;
let before: Record<string, number>;

async function arrive(authorize?: AuthorizeFault): Promise<Ready> {
  const visit = await startLink(test, person, 'evil');
  evil.faults = { ...(authorize && { authorize }) };
  own = { ...visit, callback: new URL(await evilCallback(visit.location)) };
  before = await rows();
  for (const issuer of [evil, rival]) issuer.forget();
  evil.tokenRequests.length = 0;
  return own;
}

beforeEach(async () => {
  await test.dataSource.query('delete from linked_identity');
  await arrive();
});
afterEach(() => {
  evil.faults = {};
});

/** The callback with other parameters; null leaves one out. */
function altered({ callback }: Ready, changes: Record<string, string | null>, path = callback.pathname): string {
  const url = new URL(path + callback.search, callback);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href;
}

/** How many rows there are, but for what works in the background. */
async function rows(): Promise<Record<string, number>> {
  const { job: _, ...others } = await countRows(test);
  return others;
}

/** Delivers, and tells what the browser is told. */
async function tell(callback: string, cookie: string | null) {
  const answer = await deliver(test, callback, cookie);
  return { status: answer.status, text: answer.text, ...redirectOf(answer), cookies: cookiesOf(answer) };
}

const refused = (where: { to: string; sent: Record<string, string> }) => ({
  status: 302,
  text: '',
  ...where,
  cookies: [],
});

/** What one is told whose visit is not known at all: nothing says that it was to link. */
const UNKNOWN = {
  to: `${PUB}/oauth/authorize`,
  sent: {
    error: 'invalid_request',
    error_description: 'This sign-in has expired or was started elsewhere',
  },
};

/** Nothing has been made, and no provider has been asked anything. */
async function expectNothing(): Promise<void> {
  expect(await rows()).toEqual(before);
  expect([evil.total, rival.total]).toEqual([0, 0]);
}

/** The right browser still links, with the right callback. */
async function expectUnspent(): Promise<void> {
  expect(await tell(own.callback.href, own.cookie)).toMatchObject(LINKED);
  expect(await identitiesOf(test, person)).toEqual([{ issuer: evil.url, subject: 'alice' }]);
}

describe('a callback that belongs to no link of this browser (contract.md §3.7, security.md R90)', () => {
  it.each<[string, (own: Ready, other: Ready) => [changes: Record<string, string | null>, cookie: string | null]]>([
    ['no cookie', () => [{}, null]],
    ['a cookie of another value', ({ cookie }) => [{}, `${cookie.split('=')[0]}=${'x'.repeat(43)}`]],
    ['the cookie of another visit', (_, { cookie }) => [{}, cookie]],
    ['no state', ({ cookie }) => [{ state: null }, cookie]],
    ['an empty state', ({ cookie }) => [{ state: '' }, cookie]],
    ['an unknown state', ({ cookie }) => [{ state: 'x'.repeat(43) }, cookie]],
    [
      'the state of another visit',
      ({ cookie }, other) => [{ state: other.callback.searchParams.get('state') }, cookie],
    ],
  ])('is refused, and what its query says of links picks the page only: %s', async (_, wrong) => {
    const right = own;
    const other = await arrive();
    own = right;
    const [changes, cookie] = wrong(right, other);
    for (const link of ['true', '1', 'on'])
      expect(await tell(altered(right, { ...changes, link, user_id: person.id }), cookie)).toEqual(refused(LINK_OVER));
    for (const link of [null, 'false', '', 'yes'])
      expect(await tell(altered(right, { ...changes, link }), cookie)).toEqual(refused(UNKNOWN));
    await expectNothing();
    await expectUnspent();
  });
});

describe('a callback of a link that cannot go on (contract.md §3.7)', () => {
  it('leads home: ten minutes are over', async () => {
    await test.dataSource.query('update sso_flow set expires_at = now() where used_at is null');
    expect(await tell(own.callback.href, own.cookie)).toEqual(refused(LINK_OVER));
    await expectNothing();
  });

  it('leads home: it was used; the provider is not asked again', async () => {
    await expectUnspent();
    before = await rows();
    evil.forget();
    expect(await tell(own.callback.href, own.cookie)).toEqual(refused(LINK_OVER));
    await expectNothing();
  });

  it('leads home: it began at another provider (security.md R92)', async () => {
    const elsewhere = altered(own, { iss: rival.url }, '/oauth/sso/rival/callback');
    expect(await tell(elsewhere, own.cookie)).toEqual(refused(LINK_OVER));
    await expectNothing();
    await expectUnspent();
  });

  it.each([
    ['link', 'false'],
    ['link', ''],
    ['user_id', NOBODY],
    ['user_id', ''],
    ['client_id', 'gatehouse'],
    ['flow_id', 'x'.repeat(43)],
    ['flow', 'x'.repeat(43)],
  ])('leads home: its query says %s=%s, and its row does not (security.md R93)', async (name, value) => {
    expect(await tell(altered(own, { [name]: value }), own.cookie)).toEqual(refused(LINK_OVER));
    await expectNothing();
    await expectUnspent();
  });

  it('goes on when its query repeats what its row says', async () => {
    const [{ id }] = await test.dataSource.query(
      'select id from sso_flow where used_at is null order by expires_at desc limit 1',
    );
    const echoes = { flow_id: id, flow: id, link: 'true', user_id: person.id };
    expect(await tell(altered(own, echoes), own.cookie)).toMatchObject(LINKED);
  });

  it('is spent once by two at once, and the provider is asked once', async () => {
    const block = await Roadblock.put(test, 'select from sso_flow for update');
    const both = [1, 2].map(() => begin(tell(own.callback.href, own.cookie)));
    await block.queue(2);
    await block.lift();
    const outcomes = (await Promise.all(both)).toSorted((a, b) => a.cookies.length - b.cookies.length);
    expect(outcomes).toMatchObject([LINK_OVER, LINKED]);
    expect([evil.count('token'), evil.count('userinfo')]).toEqual([1, 1]);
  });

  it('is not for HEAD, which spends nothing', async () => {
    const { pathname, search } = own.callback;
    expect((await ask(test, 'HEAD', pathname + search, { cookie: own.cookie })).status).toBe(405);
    await expectNothing();
    await expectUnspent();
  });
});

describe('a link that the provider does not vouch for (contract.md §3.7)', () => {
  const UNTRUSTED = 'The answer of the provider could not be trusted';
  const AWAY = 'The provider cannot be reached now';

  it.each<[AuthorizeFault, string]>([
    ['access_denied', 'The provider refused the request'],
    ['server_error', UNTRUSTED],
    ['wrong iss', UNTRUSTED],
    ['no iss', UNTRUSTED],
    ['no code', UNTRUSTED],
  ])('leads home, and no code goes out: %s', async (fault, sentence) => {
    await arrive(fault);
    const answer = await deliver(test, own.callback.href, own.cookie);
    expect({ status: answer.status, ...redirectOf(answer) }).toEqual({ status: 302, ...linkRefused(sentence) });
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(JSON.stringify(answer.headers)).not.toContain(EVIL_DESCRIPTION.slice(0, 8));
    await expectNothing();
    expect(await tell(own.callback.href, own.cookie)).toEqual(refused(LINK_OVER));
  });

  it.each<[EvilFaults, string]>([
    [{ idToken: 'bad signature' }, UNTRUSTED],
    [{ idToken: 'wrong nonce' }, UNTRUSTED],
    [{ idToken: 'strangers in aud, azp ours' }, UNTRUSTED],
    [{ token: 'invalid_grant' }, UNTRUSTED],
    [{ userinfo: 'another sub' }, UNTRUSTED],
    [{ token: 'says 500' }, AWAY],
    [{ userinfo: 'never ends' }, AWAY],
  ])('leads home: %j', async (faults, sentence) => {
    evil.faults = faults;
    expect(await tell(own.callback.href, own.cookie)).toEqual(refused(linkRefused(sentence)));
    expect(await rows()).toEqual(before);
    forgetProviders(test);
  });
});
