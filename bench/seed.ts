import { createHash } from 'node:crypto';
import { hash } from '@node-rs/argon2';
import pg from 'pg';

/** How much there is. Session 1 + 10 k belongs to the heavy account, which therefore has 10,000 of them. */
export const TOKENS = 100_000;
export const ACCOUNTS = 10_000;
export const HEAVY_SHARE = 10;

/**
 * The last use of a session is written at most once a minute. At the rates measured here every token would be used about
 * five times a minute, so only one session in five has a last use that an update finds old; the others stay as they are.
 */
const NEWS_SHARE = 5;

/** The password of every account. */
export const PASSWORD = 'correct horse battery staple';

export const CLIENT_ID = secret('client', 1);
export const CLIENT_SECRET = secret('client secret', 1);
export const REDIRECT_URI = 'https://app.example/callback';
export const SCOPE = 'read write follow';

/** A secret that can be told from its number: 43 characters, as real ones are. */
export function secret(kind: string, index: number): string {
  return createHash('sha256').update(`${kind} ${index}`).digest('base64url');
}

/** The same secret, written in SQL. */
function secretSql(kind: string): string {
  return `translate(rtrim(encode(sha256(convert_to('${kind} ' || n, 'UTF8')), 'base64'), '='), '+/', '-_')`;
}

/** Its hash as it is stored. */
function hashSql(kind: string): string {
  return `sha256(convert_to(${secretSql(kind)}, 'UTF8'))`;
}

/** An id of account, in the order of a UUID v7. */
function accountSql(number: string): string {
  return `('019b2f6e-0000-7000-8000-' || lpad(to_hex(${number}), 12, '0'))::uuid`;
}

/** The name of an account. */
export function usernameOf(account: number): string {
  return `bench_${account}`;
}

/** Fills a migrated, empty database: accounts, one client, sessions with access and refresh tokens, signed-in browsers. */
export async function seed(db: pg.Client): Promise<void> {
  const passwordHash = await hash(PASSWORD, { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  const clientSecretHash = createHash('sha256').update(CLIENT_SECRET).digest();
  const owner = `case when n % ${HEAVY_SHARE} = 1 then 1 else 2 + n % ${ACCOUNTS - 1} end`;
  await db.query(
    `insert into "user" (id, username, email, password_hash, display_name, note)
     select ${accountSql('n')}, 'bench_' || n, 'bench_' || n || '@example.org', $1, 'Person ' || n, 'Made for the benchmark.'
     from generate_series(1, ${ACCOUNTS}) n`,
    [passwordHash],
  );
  await db.query(
    `insert into application (id, client_id, client_secret_hash, name, website, redirect_uris, scope)
     values (1, $1, $2, 'Bench', 'https://app.example', array[$3], $4)`,
    [CLIENT_ID, clientSecretHash, REDIRECT_URI, SCOPE],
  );
  await db.query(
    `insert into session (id, user_id, application_id, scope, created_at, last_used_at, ip, user_agent, access_expires_at, refresh_expires_at)
     select n, ${accountSql(owner)}, 1, $1, now() - (${TOKENS} - n) * interval '1 minute',
       now() + case when n % ${NEWS_SHARE} = 0 then interval '-1 day' else '1 day' end, '192.0.2.7', 'Mozilla/5.0 (bench)',
       now() + interval '90 days', now() + interval '180 days'
     from generate_series(1, ${TOKENS}) n`,
    [SCOPE],
  );
  await db.query(
    `insert into access_token (hash, session_id, scope, expires_at)
     select ${hashSql('token')}, n, $1, now() + interval '90 days' from generate_series(1, ${TOKENS}) n`,
    [SCOPE],
  );
  await db.query(
    `insert into refresh_token (hash, session_id, expires_at)
     select ${hashSql('refresh')}, n, now() + interval '180 days' from generate_series(1, ${TOKENS}) n`,
  );
  await db.query(
    `insert into browser_session (id, user_id, expires_at)
     select ${accountSql('n')}, ${accountSql('n')}, now() + interval '1 hour' from generate_series(1, ${ACCOUNTS}) n`,
  );
  // People sign in again from where they have been before, which is loopback here.
  await db.query(
    `insert into seen_network (user_id, network)
     select ${accountSql('n')}, '127.0.0.0/16' from generate_series(1, ${ACCOUNTS}) n`,
  );
  await db.query(`select setval('session_id_seq', ${TOKENS}), setval('application_id_seq', 1)`);
  // No checkpoint here: after one, each page is logged whole at its first change, which would count for the first load.
  await db.query('vacuum analyze');
}

/** Adds approved codes that wait to be redeemed, numbered from `first`. */
export async function seedCodes(db: pg.Client, first: number, count: number): Promise<void> {
  const account = `1 + n % ${ACCOUNTS}`;
  await db.query(
    `insert into authorization_code
       (hash, sealed_code, user_id, application_id, browser_session_id, redirect_uri, scope, approved_at, expires_at)
     select ${hashSql('code')}, '\\x00', ${accountSql(account)}, 1, ${accountSql(account)}, $3, $4, now(), now() + interval '1 hour'
     from generate_series($1::int, $2::int) n`,
    [first, first + count - 1, REDIRECT_URI, SCOPE],
  );
}
