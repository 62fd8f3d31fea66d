import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UserImportService } from '../src/users/user-import.service.js';
import { startApp, type TestApp } from './support/app.js';
import {
  oauthQuery,
  obtainTokens,
  PASSWORD,
  postLogin,
  redirectOf,
  registerClient,
  type TestClient,
} from './support/flows.js';
import { tapLog } from './support/tap-log.js';

/** Hashes of `PASSWORD` that other programs made: OpenSSL, libxcrypt, Python's hashlib. */
const HASHES = {
  argon2i: '$argon2i$v=19$m=1024,t=3,p=2$c2l4dGVlbiBieXRlIHNhbA$LGBwmJ050GPYby6hcfdXGi6OAu0WzyaxeXIA1M89yxY',
  argon2d: '$argon2d$v=19$m=1024,t=3,p=2$c2l4dGVlbiBieXRlIHNhbA$QGUnmwC1YCMhO1vOAJyWq3zDkjJzWy4NwINLkGNmjjw',
  argon2id: '$argon2id$v=19$m=1024,t=3,p=2$c2l4dGVlbiBieXRlIHNhbA$CU+EOn86CUcfVYH28fBb1HHmp2N8X6EX5pRFjroWWbk',
  bcrypt: '$2a$10$N9qo8uLOickgx2ZMRZoMyehtJ/whDdsI.d1w/JqKiOrDw8pCT0JLG',
  pbkdf2:
    '$pbkdf2-sha512$160000$8PHy8/T19vf4.fr7/P3./w$IZ18u1XuHWAqwoODp04mttmnZbpRtDBo6SAVlzgiMTYZpWtwU3qy1C3Cql/iLMmhZMHM3rzDv8GdBXY12LQCSA',
};
const OURS = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/;
const KINDS = Object.entries(HASHES);

let test: TestApp;
let client: TestClient;
beforeAll(async () => {
  test = await startApp();
  client = await registerClient(test);
});
afterAll(() => test.close());

const nameOf = (kind: string) => `from_${kind}`;
const person = (kind: string, passwordHash: string | null) => ({
  username: nameOf(kind),
  email: `${kind}@example.org`,
  displayName: kind,
  passwordHash,
});

async function stored(username: string): Promise<string | null> {
  const [row] = await test.dataSource.query('select password_hash from "user" where username = $1', [username]);
  return row.password_hash;
}

async function setHash(username: string, hash: string | null): Promise<void> {
  await test.dataSource.query('update "user" set password_hash = $2 where username = $1', [username, hash]);
}

/** Whether a sign-in over HTTP gets as far as the consent page. */
async function attempt(identifier: string, password: string): Promise<string> {
  const { to, sent } = redirectOf(await postLogin(test, oauthQuery(client), { identifier, password }));
  return to.endsWith('/oauth/consent') ? 'in' : `${sent['error']}: ${sent['error_description']}`;
}

beforeEach(async () => {
  await test.dataSource.query(`delete from "user" where username like 'from%'`);
  const people = KINDS.map(([kind, hash]) => person(kind, hash));
  await test.app.get(UserImportService).importAll(people);
});

describe.each(KINDS)('POST /api/auth/login with %s from another server', (kind, hash) => {
  const name = nameOf(kind);

  it('lets the person in by name and address, and replaces the hash by ours', async () => {
    expect(await stored(name)).toBe(hash);
    expect(await attempt(name, PASSWORD)).toBe('in');
    const renewed = await stored(name);
    expect(renewed).toMatch(OURS);
    expect(await attempt(`${kind}@example.org`, PASSWORD)).toBe('in');
    expect(await stored(name)).toBe(renewed);
    expect((await obtainTokens(test, client, name)).token_type).toBe('Bearer');
  });

  it('refuses a wrong password as any other, before and after, and leaves the hash alone', async () => {
    const wrong = await attempt('nobody_here', 'a wrong password');
    for (const password of ['a wrong password', `${PASSWORD} `, hash, 'x'.repeat(2000)]) {
      expect(await attempt(name, password), password).toBe(wrong);
    }
    expect(await stored(name)).toBe(hash);
    await attempt(name, PASSWORD);
    expect(await attempt(name, 'a wrong password')).toBe(wrong);
  });

  it('lets two in at once, and keeps one new hash', async () => {
    expect(await Promise.all([attempt(name, PASSWORD), attempt(name, PASSWORD)])).toEqual(['in', 'in']);
    expect(await stored(name)).toMatch(OURS);
    expect(await attempt(name, PASSWORD)).toBe('in');
  });
});

describe('a hash from another server', () => {
  it('is not put in place of a password that is changed during the sign-in', async () => {
    const other = test.dataSource.createQueryRunner();
    try {
      await other.startTransaction();
      await other.query(`update "user" set password_hash = 'changed' where username = 'from_bcrypt'`);
      const signIn = attempt('from_bcrypt', PASSWORD);
      await expect.poll(() => waiting('update "user" set password_hash%'), { timeout: 5000 }).toBe(1);
      await other.commitTransaction();
      await signIn;
    } finally {
      await other.release();
    }
    expect(await stored('from_bcrypt')).toBe('changed');
  });

  it('stays when it cannot be replaced now: the person is let in all the same', async () => {
    await test.dataSource.query(`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`);
    await test.dataSource.query(`
      create trigger refuse before update of password_hash on "user" for each row execute function refuse()`);
    const lines = tapLog(test);
    expect(await attempt('from_pbkdf2', PASSWORD)).toBe('in');
    await test.dataSource.query('drop function refuse cascade');
    expect(await stored('from_pbkdf2')).toBe(HASHES.pbkdf2);
    expect(lines.filter((line) => line.includes('could not be renewed now'))).toHaveLength(1);
    expect(await attempt('from_pbkdf2', PASSWORD)).toBe('in');
    expect(await stored('from_pbkdf2')).toMatch(OURS);
  });

  it.each([
    ['garbled', HASHES.bcrypt.slice(0, -1)],
    ['of an unknown kind', '$6$salt$digest'],
    ['of an absurd cost', HASHES.bcrypt.replace('$10$', '$31$')],
    ['empty', ''],
  ])('lets nobody in when it is %s', async (_, hash) => {
    await setHash('from_bcrypt', hash);
    expect(await attempt('from_bcrypt', PASSWORD)).toBe(await attempt('nobody_here', PASSWORD));
    expect(await stored('from_bcrypt')).toBe(hash);
  });

  it('is never logged', () => {
    for (const [, hash] of KINDS) expect(test.logs.filter((line) => line.includes(hash))).toEqual([]);
  });

  // Its hash costs ten of ours, so that no load on the machine decides this (security.md R32).
  it('makes a wrong password take as long for nobody as for its owner', async () => {
    await test.dataSource.query(`update "user" set password_hash = $1`, [HASHES.pbkdf2.replace('160000', '400000')]);
    const times: Record<string, number[]> = { from_pbkdf2: [], nobody_here: [], nobody_there: [] };
    for (let round = 0; round < 5; round++) {
      for (const name of Object.keys(times)) {
        const from = performance.now();
        await attempt(name, 'a wrong password');
        times[name]?.push(performance.now() - from);
      }
    }
    const median = (name: string) => times[name]?.sort((a, b) => a - b)[2] ?? 0;
    for (const name of ['nobody_here', 'nobody_there']) expect(median(name)).toBeGreaterThan(median('from_pbkdf2') / 2);
  });
});

/** How many statements like that wait for a lock. */
async function waiting(statement: string): Promise<number> {
  const [row] = await test.dataSource.query(
    `select count(*)::int as count from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and query like $1`,
    [statement],
  );
  return row.count;
}
