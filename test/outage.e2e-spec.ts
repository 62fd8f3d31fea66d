import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import {
  approve,
  clientToken,
  countRows,
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  postLogin,
  redemption,
  registerClient,
  requestToken,
  signIn,
  type TestClient,
  type Tokens,
} from './support/flows.js';
import { Wire } from './support/wire.js';

let database: TestDatabase;
let wire: Wire;
let test: TestApp;
/** Beside the wire, for what the test itself wants of the database. */
let direct: pg.Client;
let client: TestClient;
let tokens: Tokens;
let appToken: string;
beforeAll(async () => {
  database = await createDatabase();
  wire = await Wire.to(database.url);
  test = await startApp(() => {}, { url: wire.url, drop: async () => {} });
  await test.listen();
  direct = new pg.Client({ connectionString: database.url });
  await direct.connect();
  client = await registerClient(test, { scopes: 'read write' });
  await createUser(test, 'alice');
  tokens = await obtainTokens(test, client, 'alice');
  appToken = await clientToken(test, client);
});
afterAll(async () => {
  await test.close();
  await direct.end();
  await wire.cut();
  await database.drop();
});

const query = () => oauthQuery(client, { scope: 'read' });
const names = { next: 0 };
const register = () => {
  const username = `person_${++names.next}`;
  const fields = { username, email: `${username}@example.org`, password: PASSWORD, agreement: true };
  return test.http.post('/api/v1/accounts').auth(appToken, { type: 'bearer' }).send(fields);
};

/** Every way of showing a good credential. */
const CREDENTIALS: Record<
  string,
  () => PromiseLike<{ status: number; headers: Record<string, string>; text: string }>
> = {
  'a password': () => postLogin(test, query()),
  'an access token': () => test.http.get('/api/oauth_tokens').auth(tokens.access_token, { type: 'bearer' }),
  'a refresh token': () =>
    requestToken(test, client, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }),
  'a client secret': () => requestToken(test, client, { grant_type: 'client_credentials' }),
  'an app token': register,
  'a client id': () => test.http.post('/api/auth/continue').query(query()),
  'a token to revoke': () => test.http.post('/oauth/revoke').send({ ...client, token: 'A'.repeat(43) }),
  'a registration': () =>
    test.http.post('/api/v1/apps').send({ client_name: 'x', redirect_uris: 'https://app.example' }),
};

/** Away for the moment: said at once, and never taken for a bad credential (contract.md §0.7). */
async function expectAway(ask: (typeof CREDENTIALS)[string], name: string, seconds = 2.5): Promise<void> {
  const asked = performance.now();
  const { status, headers, text } = await ask();
  expect({ name, status }).toEqual({ name, status: 503 });
  expect((performance.now() - asked) / 1000).toBeLessThan(seconds);
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
  expect(headers).not.toHaveProperty('location');
  expect(headers).not.toHaveProperty('set-cookie');
  expect(headers).not.toHaveProperty('www-authenticate');
  expect(Object.values(JSON.parse(text))).toContain('Service unavailable');
  expect(text).not.toMatch(/postgres|ECONN|127\.0\.0\.1|timeout|terminated|select/i);
}

describe('the database away (contract.md §0.7, security.md D3)', () => {
  it('makes good credentials unanswerable, not wrong; the process lives, and the first success comes within 5 seconds', async () => {
    const browser = await signIn(test, client, 'alice');
    const code = await approve(test, client, browser);
    await wire.cut();
    await Promise.all(Object.entries(CREDENTIALS).map(([name, ask]) => expectAway(ask, name)));
    await expectAway(() => requestToken(test, client, redemption(client, code)), 'a code');
    const { client_id, redirect_uri } = client;
    const post = () => test.http.post('/api/auth/redirect').set('Cookie', browser.cookie);
    await expectAway(() => post().send({ client_id, redirect_uri, code: browser.code }), 'a session cookie');
    const ready = await test.http.get('/health/ready');
    expect({ status: ready.status, body: ready.body }).toEqual({
      status: 503,
      body: { status: 'unavailable', reasons: ['database'] },
    });
    expect((await test.http.get('/health/live')).body).toEqual({ status: 'ok' });

    await wire.mend();
    const mended = performance.now();
    await expect
      .poll(async () => (await CREDENTIALS['a password']?.())?.status, { timeout: 5000, interval: 50 })
      .toBe(302);
    expect(performance.now() - mended).toBeLessThan(5000);
    expect((await test.http.get('/health/ready')).status).toBe(200);
    // What was acknowledged before is still there.
    expect((await CREDENTIALS['an access token']?.())?.status).toBe(200);
    expect((await requestToken(test, client, redemption(client, code))).status).toBe(200);
  });

  it('shows a page to a browser', async () => {
    await wire.cut();
    const answer = await postLogin(test, query()).set('Accept', 'text/html');
    await wire.mend();
    expect(answer.status).toBe(503);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('survives every connection being ended under it, again and again (D8)', async () => {
    for (let round = 0; round < 5; round++) {
      const asked = Promise.all([postLogin(test, query()), CREDENTIALS['an access token']?.(), register()]);
      await direct.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      );
      for (const answer of await asked) expect([200, 302, 503]).toContain(answer?.status);
    }
    await expect
      .poll(async () => (await CREDENTIALS['a password']?.())?.status, { timeout: 5000, interval: 50 })
      .toBe(302);
    expect((await CREDENTIALS['an access token']?.())?.status).toBe(200);
  });
});

describe('the database unwilling (security.md D8, D9, D10)', () => {
  afterEach(() => direct.query('drop trigger if exists unwilling on browser_session; drop function if exists refuse'));

  it.each(['40001', '40P01', '55P03', '53100', '53200', '53300', '53400', '57P01', '57P03', '58030', '25006'])(
    'with %s answers 503, not 500',
    async (code) => {
      await direct.query(`create function refuse() returns trigger language plpgsql as $$ begin
          raise exception 'canary %', 'of the database' using errcode = '${code}', detail = 'canary detail'; end $$;
        create trigger unwilling before insert on browser_session for each row execute function refuse()`);
      const before = await countRows(test);
      const answer = await postLogin(test, query());
      expect(answer.status).toBe(503);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(answer.headers).not.toHaveProperty('set-cookie');
      expect(answer.text).not.toContain('canary');
      expect(await countRows(test)).toEqual(before);
    },
  );

  it('with a fault of our own answers 500, and tells nothing of it (R11)', async () => {
    await direct.query(`create function refuse() returns trigger language plpgsql as $$ begin
        raise exception 'canary' using errcode = 'P0001', hint = 'canary hint'; end $$;
      create trigger unwilling before insert on browser_session for each row execute function refuse()`);
    const answer = await postLogin(test, query());
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({ error: 'server_error', error_description: 'Internal server error' });
  });

  it('read-only reads on, and refuses to write with 503 until it is itself again (D10)', async () => {
    const name = new URL(database.url).pathname.slice(1);
    const reconnect = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`;
    await direct.query(`alter database ${name} set default_transaction_read_only = on`);
    await direct.query(reconnect);
    await expect
      .poll(async () => (await CREDENTIALS['an access token']?.())?.status, { timeout: 5000, interval: 20 })
      .toBe(200);
    await expectAway(() => postLogin(test, query()), 'a password');
    await expectAway(register, 'an app token');
    await direct.query(`alter database ${name} reset default_transaction_read_only`);
    await direct.query(reconnect);
    await expect
      .poll(async () => (await CREDENTIALS['a password']?.())?.status, { timeout: 5000, interval: 20 })
      .toBe(302);
  });
});

describe('the pool exhausted (security.md D7)', () => {
  const connections = async () => {
    const { rows } = await direct.query(
      'select count(*)::int as count from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    return rows[0].count as number;
  };
  /** How many statements wait for a lock. */
  const waiting = async () => {
    // Within a transaction the first look is kept otherwise.
    await direct.query('select pg_stat_clear_snapshot()');
    const { rows } = await direct.query(
      `select count(*)::int as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    return rows[0].count as number;
  };
  const lock = async (table: string) => {
    await direct.query('begin');
    await direct.query(`lock table ${table} in access exclusive mode`);
  };

  afterEach(() => direct.query('rollback'));

  it.each([
    ['sign-ins', 302, () => postLogin(test, query())],
    ['token checks', 200, () => test.http.get('/api/oauth_tokens').auth(tokens.access_token, { type: 'bearer' })],
  ])(
    'answers %s 503 after two seconds of waiting, lives on, and is whole again when the lock goes',
    async (_, status, work) => {
      const before = await connections();
      await lock('"user"');
      const refused: { seconds: number; retry: number }[] = [];
      const asked = Array.from({ length: 60 }, async () => {
        const from = performance.now();
        const answer = await work();
        const [seconds, retry] = [(performance.now() - from) / 1000, Number(answer.headers['retry-after'])];
        if (answer.status === 503) refused.push({ seconds, retry });
        return answer.status;
      });
      // Ten hold the connections that the others wait for.
      await expect.poll(waiting, { timeout: 2000, interval: 20 }).toBeGreaterThan(0);
      await expect.poll(() => refused.length, { timeout: 4000, interval: 20 }).toBeGreaterThanOrEqual(50);
      expect((await test.http.get('/health/live')).status).toBe(200);
      await direct.query('rollback');
      const answers = await Promise.all(asked);
      expect(answers.filter((answer) => answer !== 503)).toEqual(
        Array.from({ length: 60 - refused.length }, () => status),
      );
      expect(Math.max(...refused.map(({ seconds }) => seconds))).toBeLessThan(3.5);
      expect(Math.min(...refused.map(({ retry }) => retry))).toBeGreaterThan(0);
      await expect.poll(async () => (await work()).status, { timeout: 1000, interval: 20 }).toBe(status);
      // Ten of the pool, and the one for short reads.
      expect(await connections()).toBeLessThanOrEqual(Math.max(before, 11));
    },
  );

  it('ends by itself while the lock still stands: statements that wait are given up, and nobody calls us dead', async () => {
    await lock('"user"');
    const asked = Array.from({ length: 10 }, () => postLogin(test, query()).then(({ status }) => status));
    await expect.poll(waiting, { timeout: 1000, interval: 10 }).toBe(10);
    const [ready, live] = await Promise.all([test.http.get('/health/ready'), test.http.get('/health/live')]);
    expect(new Set(await Promise.all(asked))).toEqual(new Set([503]));
    expect(live.body).toEqual({ status: 'ok' });
    expect(ready.body).toEqual({ status: 'ok' });
    await direct.query('rollback');
    expect((await postLogin(test, query())).status).toBe(302);
  });

  it.each([
    ['registrations', register],
    ['sign-ins', () => postLogin(test, query())],
  ])('is not brought about by %s that hold one connection and wait for another', async (_, work) => {
    await lock('audit_event');
    const asked = Array.from({ length: 10 }, () => work().then(({ status }) => status));
    // Now every connection of the pool is in the middle of a transaction.
    await expect.poll(waiting, { timeout: 4000, interval: 20 }).toBe(10);
    await direct.query('rollback');
    expect(await Promise.all(asked)).not.toContain(503);
  });
});
