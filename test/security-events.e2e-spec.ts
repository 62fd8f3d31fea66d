import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AuditService } from '../src/audit/audit.service.js';
import { startApp, type TestApp } from './support/app.js';
import { createUser, obtainTokens, PASSWORD, registerClient, type TestClient, type Tokens } from './support/flows.js';
import { call, grantScope } from './support/routes.js';

const PUB = 'https://gatehouse.example';
const PATH = '/api/v1/security_events';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0';

let test: TestApp;
let client: TestClient;
let bob: string;
let people = 0;
beforeAll(async () => {
  test = await startApp((config) => (config.publicUrl = PUB));
  await test.listen();
  client = await registerClient(test, { client_name: 'Pleroma FE' });
  bob = await createUser(test, 'bob');
});
afterAll(() => test.close());

/** A new person with an empty journal, and their access token. */
async function person(scope = 'read'): Promise<{ id: string; name: string; token: string; tokens: Tokens }> {
  const name = `person${++people}`;
  const id = await createUser(test, name);
  const tokens = await obtainTokens(test, client, name, 'read write');
  await grantScope(test, tokens.id, scope);
  await test.dataSource.query('delete from audit_event where user_id = $1', [id]);
  return { id, name, token: tokens.access_token, tokens };
}

/** Writes events, one a minute, each from an address of its own; answers their ids, oldest first. */
async function write(userId: string | null, count: number, more = { type: 'login.failed', app: client.id }) {
  const rows: { id: number }[] = await test.dataSource.query(
    `insert into audit_event (type, user_id, application_id, ip, user_agent, request_id, created_at)
     select $2, $1, $3, '192.0.2.' || n, $5, 'secret-request-id', '2026-01-02T03:04:05.678Z'::timestamptz + n * interval '1 minute'
     from generate_series(1, $4::int) n order by n returning id`,
    [userId, more.type, more.app, count, FIREFOX],
  );
  return rows.map(({ id }) => String(id));
}

const get = (token: string, query = '') => call(test, { method: 'GET', url: PATH + query }, token);
const ids = (body: { id: string }[]) => body.map(({ id }) => id);
/** The path of the `rel="next"` of a `Link` header; null when there is none. */
const nextOf = ({ headers }: { headers: Record<string, string> }) =>
  /^<https:\/\/gatehouse\.example(\/[^>]*)>; rel="next"$/.exec(headers['link'] ?? '')?.[1] ?? null;

describe('GET /api/v1/security_events', () => {
  it('lists a person’s own events, newest first, with all that the contract names and nothing else', async () => {
    const { id, token } = await person();
    const [first, second] = await write(id, 2);
    const answer = await get(token);
    expect(answer.status).toBe(200);
    const common = { type: 'login.failed', user_agent: FIREFOX, app_name: 'Pleroma FE' };
    expect(answer.body).toStrictEqual([
      { id: second, created_at: '2026-01-02T03:06:05.678Z', ip: '192.0.2.2', ...common },
      { id: first, created_at: '2026-01-02T03:05:05.678Z', ip: '192.0.2.1', ...common },
    ]);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
    });
    expect(answer.headers['access-control-expose-headers']).toContain('Link');
    expect(answer.headers).not.toHaveProperty('link');
  });

  it('is empty for somebody to whom nothing has happened', async () => {
    const { token } = await person();
    const answer = await get(token);
    expect({ status: answer.status, body: answer.body, link: answer.headers['link'] }).toEqual({
      status: 200,
      body: [],
      link: undefined,
    });
  });

  it('tells what really happened, and no secret of it', async () => {
    const { token, name, tokens } = await person();
    const wrong = { identifier: name, password: 'a wrong password' };
    const { client_id, client_secret, redirect_uri } = client;
    const query = { client_id, redirect_uri, response_type: 'code', scope: 'read' };
    await test.http.post('/api/auth/login').query(query).set('User-Agent', 'Ivory/1.0').type('form').send(wrong);
    const again = await obtainTokens(test, client, name);
    const answer = await get(token);
    const types = (answer.body as { type: string }[]).map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['token.issued', 'consent.approved', 'login.succeeded']));
    expect(types.at(-1)).toBe('login.failed');
    expect(answer.body.at(-1)).toMatchObject({ ip: '127.0.0.1', user_agent: 'Ivory/1.0' });
    for (const secret of [PASSWORD, wrong.password, client_secret, again.access_token, again.refresh_token, token]) {
      expect(answer.text).not.toContain(secret);
    }
    expect(answer.text).not.toContain(tokens.refresh_token);
  });

  it('pages through 95 events without a gap or a repetition, and says when it is over', async () => {
    const { id, token } = await person();
    const written = (await write(id, 95)).toReversed();
    const seen: string[][] = [];
    for (let path: string | null = PATH; path !== null;) {
      const answer = await call(test, { method: 'GET', url: path }, token);
      expect(answer.status).toBe(200);
      seen.push(ids(answer.body));
      path = nextOf(answer);
      expect(answer.headers['link'] === undefined).toBe(path === null);
      // Something happens meanwhile.
      await write(id, 1);
    }
    expect(seen.map(({ length }) => length)).toEqual([40, 40, 15]);
    expect(seen.flat()).toEqual(written);
  });

  it('keeps the caller’s limit in the link, and names no next page where the last one is full', async () => {
    const { id, token } = await person();
    const written = (await write(id, 10)).toReversed();
    const first = await get(token, '?limit=5');
    expect(first.headers['link']).toBe(`<${PUB}${PATH}?limit=5&max_id=${written[4]}>; rel="next"`);
    const second = await get(token, `?limit=5&max_id=${written[4]}`);
    expect(ids(second.body)).toEqual(written.slice(5));
    expect(second.headers).not.toHaveProperty('link');
    expect(await get(token, `?max_id=${written[9]}`)).toMatchObject({ status: 200, body: [] });
  });

  it('builds the link from the public URL, whatever the request says', async () => {
    const { id, token } = await person();
    await write(id, 2);
    const answer = await get(token, '?limit=1&x=evil').set({
      Host: 'evil.example',
      'X-Forwarded-Host': 'evil.example',
    });
    expect(nextOf(answer)).toMatch(/^\/api\/v1\/security_events\?limit=1&max_id=\d+$/);
  });

  it('never lists an event of somebody else or of nobody', async () => {
    const { id, token } = await person();
    const [own] = await write(id, 1);
    const [foreign] = await write(bob, 3);
    await write(null, 3);
    expect(ids((await get(token)).body)).toEqual([own]);
    expect(ids((await get(token, `?max_id=${Number(foreign) + 1}`)).body)).toEqual([own]);
  });

  it('names no app where there was none, and none that is gone', async () => {
    const { id, token } = await person();
    const gone = await registerClient(test);
    await write(id, 1, { type: 'token.issued', app: gone.id });
    await test.dataSource.query(
      `insert into audit_event (type, user_id) values ('account.approved', $1), ('session.revoked_all', $1)`,
      [id],
    );
    await test.dataSource.query('delete from session where application_id = $1', [gone.id]);
    await test.dataSource.query('delete from application where id = $1', [gone.id]);
    expect((await get(token)).body).toMatchObject([
      { type: 'session.revoked_all', app_name: null, ip: null, user_agent: null },
      { type: 'account.approved', app_name: null, ip: null, user_agent: null },
      { type: 'token.issued', app_name: null, ip: '192.0.2.1', user_agent: FIREFOX },
    ]);
  });

  it('lists what is younger than 90 days; the purge takes the rest', async () => {
    const { id, token } = await person();
    const [old, young] = await write(id, 2);
    const age = (days: string, event?: string) =>
      test.dataSource.query(`update audit_event set created_at = now() - $1::interval where id = $2`, [days, event]);
    await age('91 days', old);
    await age('89 days', young);
    await test.app.get(AuditService).purge();
    expect(ids((await get(token)).body)).toEqual([young]);
  });
});

describe('the scope of the journal', () => {
  it.each([
    ['read:security', 200],
    ['read', 200],
    ['read:accounts', 403],
    ['write', 403],
    ['write:security', 403],
    ['follow push profile', 403],
  ])('%s answers %i', async (scope, status) => {
    const { token } = await person(scope);
    const answer = await get(token);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual(status === 200 ? [] : { error: 'Insufficient permissions: read:security.' });
  });

  it('asks for a token', async () => {
    const answer = await call(test, { method: 'GET', url: PATH });
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 401,
      body: { error: 'The access token is invalid' },
    });
  });
});

describe('the parameters of the journal', () => {
  it.each([
    ['0', 1],
    ['-5', 1],
    ['1', 1],
    ['100', 100],
    ['101', 100],
    ['999999999999999', 100],
  ])('limit %s gives %i events, as in Mastodon', async (limit, length) => {
    const { id, token } = await person();
    await write(id, 120);
    const answer = await get(token, `?limit=${limit}`);
    expect(answer.body).toHaveLength(length);
    expect(nextOf(answer)).toContain(`limit=${length}&`);
  });

  it.each([
    ['limit', 'limit='],
    ['limit', 'limit=x'],
    ['limit', 'limit=1.5'],
    ['limit', 'limit=1e2'],
    ['limit', 'limit=%D9%A1'],
    ['limit', 'limit=9999999999999999'],
    ['limit', 'limit[]=1'],
    ['max_id', 'max_id='],
    ['max_id', 'max_id=0'],
    ['max_id', 'max_id=-1'],
    ['max_id', 'max_id=1%20or%201=1'],
    ['max_id', 'max_id=9007199254740992'],
    ['max_id', 'max_id=99999999999999999999'],
    ['max_id', 'max_id[]=1'],
  ])('%s is refused as %s', async (field, query) => {
    const { token } = await person();
    const answer = await get(token, `?${query}`);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: 400,
      body: {
        error: `${field} - Invalid value.`,
        errors: [{ title: 'Invalid value', source: { pointer: `/${field}` }, message: `${field} - Invalid value` }],
      },
    });
  });

  it('are both named when both are wrong, and refused when given twice', async () => {
    const { token } = await person();
    expect((await get(token, '?max_id=x&limit=x')).body.error).toBe('limit - Invalid value. max_id - Invalid value.');
    expect(await get(token, '?limit=1&limit=2')).toMatchObject({
      status: 400,
      body: { error: 'A parameter is given more than once' },
    });
  });
});
