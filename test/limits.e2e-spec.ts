import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Adjust, startApp, type TestApp } from './support/app.js';
import {
  createUser,
  oauthQuery,
  obtainTokens,
  PASSWORD,
  registerClient,
  redirectOf,
  statusOf,
} from './support/flows.js';

/** One trusted hop, so that a test can be at many addresses; limits as they are by default. */
const enabled: Adjust = (config) => {
  config.limits.enabled = true;
  config.trustProxy = 1;
};

let test: TestApp;
let replica: TestApp;
let query: Record<string, string>;
let alice: string;
let accessToken: string;
beforeAll(async () => {
  test = await startApp(enabled);
  replica = await startApp(enabled, test.database);
  await Promise.all([test.listen(), replica.listen()]);
  const client = await registerClient(test);
  query = oauthQuery(client, { scope: 'read' });
  alice = await createUser(test, 'alice');
  await createUser(test, 'bob');
  accessToken = (await obtainTokens(test, client, 'alice', 'read')).access_token;
});
afterAll(async () => {
  await replica.close();
  await test.close();
});
beforeEach(() => test.dataSource.query('truncate attempt_budget'));

let addresses = 0;
const elsewhere = () => `198.51.${Math.floor(++addresses / 250)}.${addresses % 250}`;

/** One attempt, from an address of its own unless one is given. */
function attempt(identifier: string, password = 'wrong', ip = elsewhere(), app = test) {
  const request = app.http.post('/api/auth/login').query(query).set('X-Forwarded-For', ip);
  return request.type('form').send({ identifier, password });
}

type Answer = Awaited<ReturnType<typeof attempt>>;
const outcome = (answer: Answer) => {
  if (answer.status !== 302) return answer.status;
  return redirectOf(answer).sent['error'] ?? 'signed in';
};
const times = (count: number, work: (n: number) => Promise<unknown>) =>
  Array.from({ length: count }).reduce<Promise<unknown>>(
    (before, _, n) => before.then(() => work(n)),
    Promise.resolve(),
  );
const letPass = (name: string) =>
  test.dataSource.query(`update attempt_budget set expire = 1 where key like $1`, [`${name}:%`]);

/** Throttled, in the form of contract.md §0.8, for at most so many seconds. */
function expectThrottled(answer: Answer, seconds: number): void {
  expect(answer.status).toBe(429);
  expect(answer.body).toEqual({ error: 'Throttled' });
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.headers).not.toHaveProperty('location');
  expect(answer.headers).not.toHaveProperty('set-cookie');
  expect(answer.headers['retry-after']).toMatch(/^\d+$/);
  expect(Number(answer.headers['retry-after'])).toBeGreaterThan(seconds - 60);
  expect(Number(answer.headers['retry-after'])).toBeLessThanOrEqual(seconds);
}

describe('password attempts by identifier and account (contract.md §1.1, security.md R33)', () => {
  it.each(['alice', 'nobody_here'])(
    'are 10 in 15 minutes for %s, from wherever; then 429 even when right',
    async (identifier) => {
      await times(10, async () => expect(outcome(await attempt(identifier))).toBe('invalid_grant'));
      expectThrottled(await attempt(identifier, PASSWORD), 900);
      expectThrottled(await attempt(` ${identifier.toUpperCase()} `), 900);
      expect(outcome(await attempt('bob', PASSWORD))).toBe('signed in');
    },
  );

  it('never lock for longer than 15 minutes: then the right password signs in, and clears the counts (R36)', async () => {
    await times(12, () => attempt('alice'));
    const rows = await test.dataSource.query(
      'select key, expire - extract(epoch from now()) * 1000 as left from attempt_budget',
    );
    const lasting = rows.filter(({ left }: { left: string | null }) => left === null || Number(left) > 900_000);
    expect(lasting).toEqual([{ key: `password_streak:${alice}`, left: null }]);
    await letPass('password_identifier');
    await letPass('password_account');
    expect(outcome(await attempt('alice', PASSWORD))).toBe('signed in');
    const keys = await test.dataSource.query(
      `select key from attempt_budget where key ~ '^password_(identifier|account|streak)'`,
    );
    expect(keys).toEqual([]);
  });

  it('of an account count over all its identifiers; exhausted, the right password is answered as a wrong one', async () => {
    await times(5, () => attempt('alice'));
    await times(5, () => attempt('alice@example.org'));
    const right = await attempt('@alice', PASSWORD);
    const wrong = await attempt('bob', 'wrong');
    expect(outcome(right)).toBe('invalid_grant');
    const comparable = (answer: Answer) => {
      const { date: _, 'x-request-id': __, 'x-ratelimit-reset': ___, ...headers } = answer.headers;
      return { headers, text: answer.text };
    };
    expect(comparable(right)).toEqual(comparable(wrong));
    await letPass('password_account');
    expect(outcome(await attempt('alice', PASSWORD))).toBe('signed in');
  });

  it('are forgotten with a success: 9 failures, a success, 9 failures', async () => {
    await times(9, () => attempt('alice'));
    expect(outcome(await attempt('alice', PASSWORD))).toBe('signed in');
    await times(9, async () => expect(outcome(await attempt('alice'))).toBe('invalid_grant'));
    expect(outcome(await attempt('alice', PASSWORD))).toBe('signed in');
  });

  it('leave live sessions alone', async () => {
    await times(11, () => attempt('alice'));
    expect(await statusOf(test, accessToken)).toBe(200);
  });

  it('after 100 failures without a success are one in 15 minutes, until a success', async () => {
    await test.dataSource.query(`insert into attempt_budget values ($1, 100, null)`, [`password_streak:${alice}`]);
    expect(outcome(await attempt('alice'))).toBe('invalid_grant');
    expect(outcome(await attempt('alice', PASSWORD))).toBe('invalid_grant');
    await letPass('password_long_run');
    expect(outcome(await attempt('alice', PASSWORD))).toBe('signed in');
    await times(3, () => attempt('alice'));
    expect(outcome(await attempt('alice', PASSWORD))).toBe('signed in');
  });

  it('are never more than 10 of 40 at once over two replicas (R34)', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => attempt('alice', 'wrong', elsewhere(), n % 2 ? test : replica)),
    );
    const outcomes = answers.map(outcome);
    expect(new Set(outcomes)).toEqual(new Set(['invalid_grant', 429]));
    expect(outcomes.filter((one) => one !== 429).length).toBeLessThanOrEqual(10);
    const evaluated = await test.dataSource.query(
      `select count(*)::int as count from audit_event where type = 'login.failed' and user_id = $1 and created_at > now() - interval '5 seconds'`,
      [alice],
    );
    expect(evaluated[0].count).toBeGreaterThan(0);
  });

  it('survive a restart (R35)', async () => {
    await times(10, () => attempt('alice'));
    const restarted = await startApp(enabled, test.database);
    const answer = await attempt('alice', PASSWORD, elsewhere(), restarted);
    await restarted.close();
    expect(answer.status).toBe(429);
    expectThrottled(answer, 900);
  });

  it('count when the work fails afterwards, and when the client has gone (R35)', async () => {
    const pointsOf = async (identifier: string) => {
      const [row] = await test.dataSource.query('select points from attempt_budget where key = $1', [
        `password_identifier:${identifier}`,
      ]);
      return row?.points ?? 0;
    };
    await test.dataSource.query('alter table "user" rename to user_away');
    expect((await attempt('alice')).status).toBe(500);
    await test.dataSource.query('alter table user_away rename to "user"');
    expect(await pointsOf('alice')).toBe(1);

    const body = new URLSearchParams({ identifier: 'bob', password: 'wrong' }).toString();
    const { port } = test.app.getHttpServer().address() as AddressInfo;
    const socket = connect(port, '127.0.0.1');
    socket.end(
      `POST /api/auth/login?${new URLSearchParams(query).toString()} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${elsewhere()}\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      () => socket.destroy(),
    );
    await vi.waitUntil(async () => (await pointsOf('bob')) === 1, { timeout: 3000, interval: 20 });
  });

  it('are refused with 503 when they cannot be counted: no free guesses (D9)', async () => {
    await test.dataSource.query('alter table attempt_budget rename to budget_away');
    const answer = await attempt('alice', PASSWORD);
    await test.dataSource.query('alter table budget_away rename to attempt_budget');
    expect(answer.status).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });
});

describe('password attempts by address (contract.md §1.1, security.md R2, R3)', () => {
  it('are 25 failures in 5 minutes over all names; another address is free', async () => {
    await times(25, async (n) =>
      expect(outcome(await attempt(`name_${n}`, 'wrong', '192.0.2.1'))).toBe('invalid_grant'),
    );
    expectThrottled(await attempt('bob', PASSWORD, '192.0.2.1'), 300);
    expect(outcome(await attempt('bob', PASSWORD, '192.0.2.2'))).toBe('signed in');
    await letPass('password_address');
    expect(outcome(await attempt('bob', PASSWORD, '192.0.2.1'))).toBe('signed in');
  });

  it('are not given back by a success, which itself costs nothing', async () => {
    await times(24, (n) => attempt(`name_${n}`, 'wrong', '192.0.2.1'));
    await times(5, async () => expect(outcome(await attempt('bob', PASSWORD, '192.0.2.1'))).toBe('signed in'));
    expect(outcome(await attempt('name_x', 'wrong', '192.0.2.1'))).toBe('invalid_grant');
    expect(outcome(await attempt('bob', PASSWORD, '192.0.2.1'))).toBe(429);
  });

  it('are never more than 25 of 60 at once over two replicas', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => attempt(`name_${n}`, 'wrong', '192.0.2.1', n % 2 ? test : replica)),
    );
    const evaluated = answers.map(outcome).filter((one) => one !== 429);
    expect(evaluated.length).toBeGreaterThan(0);
    expect(evaluated.length).toBeLessThanOrEqual(25);
  });

  it('count a whole /64 of IPv6 as one, and every spelling of an address', async () => {
    await times(25, (n) => attempt(`name_${n}`, 'wrong', `2001:db8:1:2:${n.toString(16)}::${n}`));
    for (const ip of ['2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0DB8:0001:0002:0:0:0:9', '2001:db8:1:2::']) {
      expect(outcome(await attempt('bob', PASSWORD, ip)), ip).toBe(429);
    }
    expect(outcome(await attempt('bob', PASSWORD, '2001:db8:1:3::1'))).toBe('signed in');
  });

  it('count a mapped IPv4 address as the IPv4 one', async () => {
    await times(25, (n) => attempt(`name_${n}`, 'wrong', n % 2 ? '192.0.2.9' : '::ffff:192.0.2.9'));
    for (const ip of ['192.0.2.9', '::FFFF:192.0.2.9', '::ffff:c000:209']) {
      expect(outcome(await attempt('bob', PASSWORD, ip)), ip).toBe(429);
    }
    expect(outcome(await attempt('bob', PASSWORD, '::ffff:192.0.2.10'))).toBe('signed in');
  });

  it('with one trusted hop believe the right-most address only', async () => {
    await times(25, (n) => attempt(`name_${n}`, 'wrong', `10.0.${n}.1, 203.0.113.${n}, 192.0.2.7`));
    expect(outcome(await attempt('bob', PASSWORD, '198.51.100.1, 192.0.2.7'))).toBe(429);
    expect(outcome(await attempt('bob', PASSWORD, '192.0.2.7, 198.51.100.1'))).toBe('signed in');
  });

  it('with trusted addresses believe only what those add', async () => {
    const behindProxies = await startApp((config) => {
      enabled(config);
      config.trustProxy = ['127.0.0.0/8', '10.0.0.0/8'];
    }, test.database);
    await behindProxies.listen();
    const from = (ip: string) => attempt('bob', PASSWORD, ip, behindProxies);
    await times(25, (n) => attempt(`name_${n}`, 'wrong', `1.2.3.${n}, 192.0.2.8, 10.1.2.${n}`, behindProxies));
    expect(outcome(await from('10.9.9.9, 192.0.2.8'))).toBe(429);
    expect(outcome(await from('192.0.2.8, 203.0.113.1'))).toBe('signed in');
    await behindProxies.close();
  });

  it('without a trusted proxy believe no header at all (R2)', async () => {
    const direct = await startApp((config) => (config.limits.enabled = true), test.database);
    await direct.listen();
    const spoofed = (n: number) =>
      attempt(`name_${n}`, 'wrong', `203.0.113.${n}`, direct)
        .set('X-Real-IP', `203.0.113.${n}`)
        .set('Forwarded', `for=203.0.113.${n}`)
        .set('CF-Connecting-IP', `203.0.113.${n}`)
        .set('True-Client-IP', `203.0.113.${n}`)
        .set('X-Client-IP', `203.0.113.${n}`);
    await times(25, async (n) => expect(outcome(await spoofed(n))).toBe('invalid_grant'));
    expect(outcome(await spoofed(26))).toBe(429);
    const [{ ip }] = await test.dataSource.query('select ip from audit_event order by id desc limit 1');
    expect(ip).toBe('127.0.0.1');
    await direct.close();
  });
});
