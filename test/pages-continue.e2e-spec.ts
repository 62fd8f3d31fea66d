import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNT_BLOCKS, changeUser, UNBLOCKED } from './support/account-states.js';
import { PUB, startApp, type TestApp } from './support/app.js';
import { createUser, oauthQuery, redirectOf, registerClient, signIn, type TestClient } from './support/flows.js';
import { ACCEPT_HTML, expectPage, formsOf, queryOf } from './support/pages.js';

/** Everything that a state may hold and that something on the way might change. */
const STATE = 'a&b=c#d%26%0d%0a+ \t"<\'>\u{1f4a1}\r\nline\n';

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test);
  await createUser(test, 'alice');
});
afterAll(() => test.close());

const page = (query: Record<string, string | undefined>, of = client) =>
  test.http.get('/oauth/authorize').query(oauthQuery(of, query)).set('Accept', ACCEPT_HTML);

describe('"Continue as" on the login page', () => {
  let cookie: string;
  beforeAll(async () => {
    ({ cookie } = await signIn(test, client, 'alice'));
  });
  const offers = (html: string) => formsOf(html).filter(({ action }) => action.startsWith('/api/auth/continue'));

  it('is offered to a browser that is signed in, for whichever app', async () => {
    const other = await registerClient(test, { client_name: 'Other client' });
    for (const asked of [client, other]) {
      const html = expectPage(await page({ state: STATE }, asked).set('Cookie', cookie));
      const [offer, ...more] = offers(html);
      expect(more).toEqual([]);
      expect(offer).toMatchObject({ method: 'post', fields: {}, buttons: ['Continue as @alice'] });
      expect(queryOf(offer?.action ?? '')).toEqual(oauthQuery(asked, { state: STATE }));
      const actions = formsOf(html).map(({ action }) => action.split('?')[0]);
      expect(actions).toEqual(['/api/auth/continue', '/api/auth/login', '/api/auth/passkey']);
    }
  });

  it('leads to consent', async () => {
    const [offer] = offers(expectPage(await page({}).set('Cookie', cookie)));
    const answer = await test.http.post(offer?.action ?? '').set('Cookie', cookie);
    expect(redirectOf(answer)).toMatchObject({ to: `${PUB}/oauth/consent`, sent: { client_id: client.client_id } });
  });

  it.each([{ prompt: 'login' }, { prompt: 'login consent' }, { force_login: 'true' }])(
    'is hidden by %j',
    async (query) => {
      const html = expectPage(await page(query).set('Cookie', cookie));
      expect(offers(html)).toEqual([]);
      expect(html).not.toContain('alice');
    },
  );

  it.each([{ prompt: 'consent' }, { force_login: 'false' }, { 'prompt[]': 'login' }])(
    'is not hidden by %j',
    async (query) => {
      expect(offers(expectPage(await page(query).set('Cookie', cookie)))).toHaveLength(1);
    },
  );

  it.each(['', 'jwt=', 'jwt=nonsense', 'jwt=a.b.c'])('is not offered to the cookie "%s"', async (sent) => {
    expect(offers(expectPage(await page({}).set('Cookie', sent)))).toEqual([]);
  });

  it('is not offered after a sign-out, though the cookie comes back', async () => {
    const { cookie: ended } = await signIn(test, client, 'alice');
    await test.http.post('/api/auth/logout').set('Cookie', ended);
    expect(offers(expectPage(await page({}).set('Cookie', ended)))).toEqual([]);
  });

  it('is not offered when the session has expired', async () => {
    const { cookie: old } = await signIn(test, client, 'alice');
    await test.dataSource.query(
      `update browser_session set expires_at = now() - interval '1 second' where id = (select max(id::text)::uuid from browser_session)`,
    );
    expect(offers(expectPage(await page({}).set('Cookie', old)))).toEqual([]);
  });

  it.each(ACCOUNT_BLOCKS)('is not offered to an account with %s', async (change) => {
    const id = await createUser(test, `blocked_${ACCOUNT_BLOCKS.indexOf(change)}`);
    const { cookie: blocked } = await signIn(test, client, `blocked_${ACCOUNT_BLOCKS.indexOf(change)}`);
    await changeUser(test, id, change);
    expect(offers(expectPage(await page({}).set('Cookie', blocked)))).toEqual([]);
    await changeUser(test, id, UNBLOCKED);
    expect(offers(expectPage(await page({}).set('Cookie', blocked)))).toHaveLength(1);
  });
});
