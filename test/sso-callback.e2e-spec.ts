import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PUB, startApp, type TestApp } from './support/app.js';
import { type EvilIssuer, evilCallback, startEvilIssuer } from './support/evil-issuer.js';
import {
  cookiesOf,
  countRows,
  createUser,
  oauthQuery,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { begin, Roadblock } from './support/roadblock.js';
import { deliver, giveIdentity, LINK_OVER, provider, startVisit, type Visit } from './support/sso.js';

const OVER = 'This sign-in has expired or was started elsewhere';

let test: TestApp;
let evil: EvilIssuer;
let rival: EvilIssuer;
let client: TestClient;
let oauth: Record<string, string>;

beforeAll(async () => {
  [evil, rival] = [await startEvilIssuer(), await startEvilIssuer()];
  test = await startApp((config) => {
    config.sso.providers = [provider('evil', evil.url), provider('rival', rival.url)];
  });
  await test.listen();
  client = await registerClient(test);
  oauth = oauthQuery(client, { state: 'a state' });
  await giveIdentity(test, { id: await createUser(test, 'alice') }, evil.url, 'alice');
  // Discovery and keys are at hand from now on: whatever the issuers are asked is about one visit.
  await deliver(test, (await arrive()).callback.href, own.cookie);
});
afterAll(async () => {
  await test.close();
  await Promise.all([evil.stop(), rival.stop()]);
});

/** A visit that is over at the provider: its callback waits to be delivered. */
interface Ready extends Visit {
  callback: URL;
}

async function arrive(): Promise<Ready> {
  const visit = await startVisit(test, { ...oauth, issuer: 'evil' });
  own = { ...visit, callback: new URL(await evilCallback(visit.location)) };
  return own;
}

/** The callback with other parameters; null leaves one out. */
function altered({ callback }: Ready, changes: Record<string, string | null>, path = callback.pathname): string {
  const url = new URL(path + callback.search, callback);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url.href;
}

let own: Ready;
let before: Record<string, number>;
beforeEach(async () => {
  await arrive();
  before = await rows();
  for (const issuer of [evil, rival]) issuer.forget();
  evil.tokenRequests.length = 0;
});
afterEach(() => {
  evil.metadata = {};
});

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

/** What a refusal looks like; what is known of the sign-in comes back with it. */
const refused = (known: Record<string, string>, description = OVER, error = 'invalid_request') => ({
  status: 302,
  text: '',
  to: `${PUB}/oauth/authorize`,
  sent: { ...known, error, error_description: description },
  cookies: [],
});

/** Nothing has been made, and no provider has been asked anything. */
async function expectNothing(): Promise<void> {
  expect(await rows()).toEqual(before);
  expect([evil.total, rival.total, evil.tokenRequests]).toEqual([0, 0, []]);
}

/** The right browser still gets in, with the right callback. */
async function expectUnspent(): Promise<void> {
  const { to, cookies } = await tell(own.callback.href, own.cookie);
  expect(to).toBe(`${PUB}/oauth/consent`);
  const [name] = own.cookie.split('=');
  const cleared = `${name}=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax`;
  expect(cookies).toEqual(expect.arrayContaining([cleared, expect.stringMatching(/^jwt=[\w-]+\.[\w-]+\.[\w-]+; /)]));
  expect(cookies).toHaveLength(2);
  expect(evil.tokenRequests).toHaveLength(1);
}

describe('a callback that belongs to no visit of this browser (contract.md §3.7, security.md R90)', () => {
  const half = (cookie: string, index: 0 | 1) => cookie.split('=')[index] ?? '';

  it.each<[string, (own: Ready, other: Ready) => [callback: string, cookie: string | null]]>([
    ['no cookie', ({ callback }) => [callback.href, null]],
    ['an empty cookie', ({ callback, cookie }) => [callback.href, `${half(cookie, 0)}=`]],
    ['a cookie of another value', ({ callback, cookie }) => [callback.href, `${half(cookie, 0)}=${'x'.repeat(43)}`]],
    ['the cookie of another visit', ({ callback }, { cookie }) => [callback.href, cookie]],
    [
      'the cookie of another visit under the name of this one',
      ({ callback, cookie }, other) => [callback.href, `${half(cookie, 0)}=${half(other.cookie, 1)}`],
    ],
    ['the value under no name of a visit', ({ callback, cookie }) => [callback.href, `gh_flow_=${half(cookie, 1)}`]],
    ['no state', (visit) => [altered(visit, { state: null }), visit.cookie]],
    ['an empty state', (visit) => [altered(visit, { state: '' }), visit.cookie]],
    ['an unknown state', (visit) => [altered(visit, { state: 'x'.repeat(43) }), visit.cookie]],
    ['a state that is none', (visit) => [altered(visit, { state: 'a state' }), visit.cookie]],
    [
      'a state with something behind it',
      (visit) => [visit.callback.href.replace(/(state=[^&]*)/, '$1%20'), visit.cookie],
    ],
    [
      'the state of another visit',
      (visit, other) => [altered(visit, { state: other.callback.searchParams.get('state') }), visit.cookie],
    ],
    ['an error and no cookie', (visit) => [altered(visit, { error: 'access_denied', code: null }), null]],
  ])('is refused: %s', async (_, wrong) => {
    const right = own;
    const other = await arrive();
    own = right;
    before = await rows();
    evil.forget();
    expect(await tell(...wrong(right, other))).toEqual(refused({}));
    await expectNothing();
    await expectUnspent();
  });

  it('is refused, and shows the home page of a link, when its query speaks of one', async () => {
    expect(await tell(altered(own, { link: 'true' }), null)).toMatchObject(LINK_OVER);
    await expectNothing();
    await expectUnspent();
  });
});

describe('a callback of a visit that cannot go on (contract.md §3.7)', () => {
  it('leads back with the request: ten minutes are over', async () => {
    await test.dataSource.query('update sso_flow set expires_at = now() where used_at is null');
    expect(await tell(own.callback.href, own.cookie)).toEqual(refused(oauth));
    expect(await tell(own.callback.href, null)).toEqual(refused({}));
    await expectNothing();
  });

  it('leads back with the request: it was used; the provider is not asked again (security.md R90)', async () => {
    await expectUnspent();
    before = await rows();
    evil.forget();
    evil.tokenRequests.length = 0;
    expect(await tell(own.callback.href, own.cookie)).toEqual(refused(oauth));
    expect(await tell(altered(own, { error: 'access_denied' }), own.cookie)).toEqual(refused(oauth));
    expect(await tell(own.callback.href, null)).toEqual(refused({}));
    await expectNothing();
  });

  it('leads back with the request: it began at another provider (security.md R92)', async () => {
    const elsewhere = altered(own, {}, '/oauth/sso/rival/callback');
    expect(await tell(elsewhere, own.cookie)).toEqual(refused(oauth));
    expect(await tell(altered(own, { iss: rival.url }, '/oauth/sso/rival/callback'), own.cookie)).toEqual(
      refused(oauth),
    );
    expect(await tell(elsewhere, null)).toEqual(refused({}));
    await expectNothing();
    await expectUnspent();
  });

  it.each<[string, string]>([
    ['client_id', 'another'],
    ['client_id', ''],
    ['link', 'true'],
    ['link', '1'],
    ['user_id', '0192b0c4-0000-7000-8000-000000000000'],
    ['flow_id', 'x'.repeat(43)],
    ['flow_id', ''],
    ['flow', 'x'.repeat(43)],
  ])(
    'leads back with the request: its query says %s=%s, and its row does not (security.md R93)',
    async (name, value) => {
      expect(await tell(altered(own, { [name]: value }), own.cookie)).toEqual(refused(oauth));
      await expectNothing();
      await expectUnspent();
    },
  );

  it('goes on when its query repeats what its row says', async () => {
    const [{ id }] = await test.dataSource.query(
      'select id from sso_flow where used_at is null order by expires_at desc limit 1',
    );
    const { client_id } = client;
    const { to } = await tell(
      altered(own, { client_id, flow_id: id, flow: id, link: 'false', id_token: 'x', response: 'y' }),
      own.cookie,
    );
    expect(to).toBe(`${PUB}/oauth/consent`);
  });

  it('is spent once by two at once, and the provider is asked once', async () => {
    const block = await Roadblock.put(test, 'select from sso_flow for update');
    const both = [1, 2].map(() => begin(tell(own.callback.href, own.cookie)));
    await block.queue(2);
    await block.lift();
    const outcomes = (await Promise.all(both)).toSorted((a, b) => b.to.localeCompare(a.to));
    expect(outcomes.map(({ to }) => to)).toEqual([`${PUB}/oauth/consent`, `${PUB}/oauth/authorize`]);
    expect(outcomes[1]).toEqual(refused(oauth));
    expect([evil.count('token'), evil.count('userinfo')]).toEqual([1, 1]);
  });

  it('does not mix two visits of one browser up, and refuses the code of the one in the other', async () => {
    const first = own;
    const second = await arrive();
    const jar = `${first.cookie}; ${second.cookie}`;
    const code = first.callback.searchParams.get('code');
    // PKCE and the nonce tell whose code it is.
    expect(await tell(altered(second, { code }), jar)).toEqual(
      refused(oauth, 'The answer of the provider could not be trusted', 'server_error'),
    );
    const third = await arrive();
    expect((await tell(third.callback.href, `${jar}; ${third.cookie}`)).to).toBe(`${PUB}/oauth/consent`);
  });
});
