import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionsPurge } from '../src/sessions/sessions.purge.js';
import { LastUse } from '../src/sessions/last-use.js';
import { startApp, type TestApp } from './support/app.js';
import {
  clientToken,
  createUser,
  obtainTokens,
  registerClient,
  requestToken,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { call } from './support/routes.js';

const LIST = { method: 'GET', url: '/api/oauth_tokens' };

let test: TestApp;
let client: TestClient;
let people = 0;
beforeAll(async () => {
  test = await startApp();
  await test.listen();
  client = await registerClient(test, { client_name: 'Pleroma FE', website: 'https://fe.example' });
});
afterAll(() => test.close());

/** A new person, so that their list is their own. */
async function person(): Promise<{ name: string; id: string }> {
  const name = `person${++people}`;
  return { name, id: await createUser(test, name) };
}
const obtain = (name: string, scope?: string) => obtainTokens(test, client, name, scope);
const list = async (token: string): Promise<{ id: number; current: boolean; valid_until: string }[]> => {
  const { status, body } = await call(test, LIST, token);
  expect(status).toBe(200);
  return body;
};
const set = (table: string, change: string, { id }: Tokens) =>
  test.dataSource.query(`update ${table} set ${change} where ${table === 'session' ? 'id' : 'session_id'} = $1`, [id]);
const refresh = ({ refresh_token }: Tokens) =>
  requestToken(test, client, { grant_type: 'refresh_token', refresh_token });

describe('GET /api/oauth_tokens', () => {
  it('lists the session with all that is known of it, and no secret', async () => {
    const { name } = await person();
    const tokens = await obtain(name, 'read write');
    await set('session', `access_expires_at = '2031-04-02 15:51:08.234234+00'`, tokens);
    for (const url of ['/api/oauth_tokens', '/api/oauth_tokens/', '/api/oauth_tokens.json']) {
      const answer = await call(test, { ...LIST, url }, tokens.access_token);
      expect(answer.status).toBe(200);
      expect(answer.body).toStrictEqual([
        {
          id: tokens.id,
          app_name: 'Pleroma FE',
          app_website: 'https://fe.example',
          valid_until: '2031-04-02T15:51:08.234234',
          current: true,
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          last_used_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          ip: '127.0.0.1',
          user_agent: null,
          device: null,
          scopes: ['read', 'write'],
        },
      ]);
      expect(answer.headers).toMatchObject({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
      });
    }
  });

  it('puts the calling one first, then the others by last use', async () => {
    const { name } = await person();
    const all = [await obtain(name), await obtain(name), await obtain(name), await obtain(name)] as const;
    const [a, b, c, calling] = all;
    await set('session', `last_used_at = now() - interval '2 days'`, a);
    await set('session', `last_used_at = now() - interval '1 day'`, b);
    await set('session', `last_used_at = now() - interval '3 days'`, calling);
    const rows = await list(calling.access_token);
    expect(rows.map(({ id }) => id)).toStrictEqual([calling.id, c.id, b.id, a.id]);
    expect(rows.map(({ current }) => current)).toStrictEqual([true, false, false, false]);
  });

  it('tells address and program of the last use', async () => {
    const { name } = await person();
    const tokens = await obtain(name);
    await set('session', `last_used_at = now() - interval '1 hour'`, tokens);
    await call(test, LIST, tokens.access_token).set('User-Agent', `Soapbox	${'x'.repeat(300)}`);
    await test.app.get(LastUse).flush();
    const [row] = (await call(test, LIST, tokens.access_token)).body;
    expect(row.user_agent).toBe(`Soapbox ${'x'.repeat(300)}`.slice(0, 256));
    expect(row.device).toBe('Soapbox');
    expect(Date.now() - Date.parse(row.last_used_at)).toBeLessThan(60_000);
  });

  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0', 'Firefox on Linux'],
    ['Tusky/25.0 Android/14', 'Tusky on Android'],
    ['{{}}', null],
  ])('tells in words what the program %s is', async (userAgent, device) => {
    const { name } = await person();
    const tokens = await obtain(name);
    await test.dataSource.query('update session set user_agent = $1 where id = $2', [userAgent, tokens.id]);
    const [row] = (await call(test, LIST, tokens.access_token)).body;
    expect({ user_agent: row.user_agent, device: row.device }).toStrictEqual({ user_agent: userAgent, device });
  });

  it('says of a token without an end that it lasts for ever', async () => {
    const { name } = await person();
    const tokens = await obtain(name);
    await set('session', `access_expires_at = 'infinity'`, tokens);
    expect((await list(tokens.access_token))[0]?.valid_until).toBe('9999-12-31T23:59:59.999999');
  });

  it('leaves out revoked and expired ones, app tokens, and everybody else’s', async () => {
    const [{ name }, stranger] = [await person(), await person()];
    const [mine, revoked, expired] = [await obtain(name), await obtain(name), await obtain(name)];
    await obtain(stranger.name);
    await clientToken(test, client);
    await set('session', 'revoked_at = now()', revoked);
    await set('session', 'access_expires_at = now(), refresh_expires_at = now()', expired);
    expect((await list(mine.access_token)).map(({ id }) => id)).toStrictEqual([mine.id]);
  });

  it('is not crowded out by what has expired', async () => {
    const { name, id } = await person();
    const [old, mine] = [await obtain(name), await obtain(name)];
    await test.dataSource.query(
      `insert into session (user_id, application_id, scope, access_expires_at, refresh_expires_at)
       select $1, $2, 'read', now() - interval '1 minute', '-infinity' from generate_series(1, 150)`,
      [id, client.id],
    );
    await test.app.get(SessionsPurge).purge();
    expect((await list(mine.access_token)).map((row) => row.id)).toStrictEqual([mine.id, old.id]);
  });

  it('still lists one whose access token has ended while its refresh token lives, until that ends', async () => {
    const { name } = await person();
    const [mine, dormant] = [await obtain(name), await obtain(name)];
    await set('session', `access_expires_at = now(), refresh_expires_at = '2032-01-02 03:04:05.6+00'`, dormant);
    const found = (await list(mine.access_token)).find(({ id }) => id === dormant.id);
    expect(found?.valid_until).toBe('2032-01-02T03:04:05.600000');
  });

  it('keeps its id through refreshes, once in the list', async () => {
    const { name } = await person();
    const tokens = await obtain(name);
    const { body } = await refresh(tokens);
    expect((await list(body.access_token)).map(({ id }) => id)).toStrictEqual([tokens.id]);
    expect((await list(tokens.access_token)).map(({ current }) => current)).toStrictEqual([true]);
  });
});
