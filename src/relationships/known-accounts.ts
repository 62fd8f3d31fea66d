import type { EntityManager } from 'typeorm';
import { userIsVisible } from '../users/account-state.js';
import { FOLLOWERS, FOLLOWING } from '../users/own-account.js';
import type { Role } from '../users/user.entity.js';

/** An account that others can see, of a person here or elsewhere. */
export interface KnownAccount {
  id: string;
  username: string;
  /** Null for somebody here. */
  host: string | null;
  displayName: string;
  /** Plain text. */
  note: string;
  locked: boolean;
  bot: boolean;
  discoverable: boolean;
  role: Role;
  createdAt: Date;
  /** Of an account elsewhere, as its host names them. */
  uri: string | null;
  url: string | null;
  /** Accepted follows by and of accounts that can be seen. */
  followersCount: number;
  followingCount: number;
}

/** By what one account is asked for. */
export type AccountName = { id: string } | { username: string; host: string | null };

/** Joins whoever `id` is: `u` is a person here, `e` somebody elsewhere. */
export const WHO = (id: string) => `left join "user" u on u.id = ${id} left join remote_account e on e.id = ${id}`;

/** Whether they can be seen; unknown ones cannot. */
export const IS_VISIBLE = `(e.id is not null or (u.id is not null and ${userIsVisible('u')}))`;

/** What is read of `u` or `e`, but for the counts. */
export const COLUMNS = `coalesce(u.id, e.id) as id, coalesce(u.username, e.username) as username, e.host,
  coalesce(u.display_name, '') as "displayName", coalesce(u.note, '') as note, coalesce(u.locked, false) as locked,
  coalesce(u.bot, false) as bot, coalesce(u.discoverable, true) as discoverable, coalesce(u.role, 'user') as role,
  coalesce(u.created_at, e.created_at) as "createdAt", e.uri, e.url`;

/** The accounts of a query that yields `id`, with their counts up to `most`, by id from the highest. */
export function withCounts(accounts: string, most: number | null = null): string {
  return `select a.*, ${FOLLOWERS('a.id', most)} as "followersCount", ${FOLLOWING('a.id', most)} as "followingCount"
    from (${accounts}) a order by a.id desc`;
}

/** One account that can be seen, or null; none is looked up elsewhere. */
export async function findAccount(name: AccountName, db: Pick<EntityManager, 'query'>): Promise<KnownAccount | null> {
  const { named, values } = queryOf(name);
  const rows: KnownAccount[] = await db.query(
    withCounts(`select ${COLUMNS} from (${named}) n ${WHO('n.id')} where ${IS_VISIBLE}`),
    values,
  );
  return rows[0] ?? null;
}

/** Only its id. */
export async function findAccountId(name: AccountName, db: Pick<EntityManager, 'query'>): Promise<string | null> {
  const { named, values } = queryOf(name);
  const statement = `select n.id from (${named}) n ${WHO('n.id')} where ${IS_VISIBLE}`;
  const rows: { id: string }[] = await db.query(statement, values);
  return rows[0]?.id ?? null;
}

function queryOf(name: AccountName): { named: string; values: unknown[] } {
  if ('id' in name) return { named: 'select $1::uuid as id', values: [name.id] };
  const { username, host } = name;
  return host === null
    ? { named: 'select id from "user" where username = $1', values: [username] }
    : { named: 'select id from remote_account where username = $1 and host = $2', values: [username, host] };
}
