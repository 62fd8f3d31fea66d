import type { EntityManager } from 'typeorm';
import { COLUMNS, IS_VISIBLE, type KnownAccount, WHO, withCounts } from './known-accounts.js';

/** The lists of accounts that one account has. */
export type AccountList = 'following' | 'followers' | 'blocks' | 'mutes' | 'follow_requests';

/** Which part of a list, by ids of accounts; the highest come first. */
export interface PageOfAccounts {
  limit: number;
  /** Only lower ones. */
  maxId?: string | undefined;
  /** Only higher ones. */
  sinceId?: string | undefined;
  /** Only higher ones, those next to it. */
  minId?: string | undefined;
}

/** An account and, in the list of mutes, when it ends. */
export interface ListedAccount extends KnownAccount {
  expiresAt: Date | null;
}

/** A part of a list, and whether there is more of it below. */
export interface ListedAccounts {
  accounts: ListedAccount[];
  hasMore: boolean;
}

/** Of each account in a list no more follows are counted; its own page tells them all. */
const MOST_COUNTED = 1000;

/** Who has the list, who stands in it, and which relations `r` it is made of. */
const LISTS: Record<AccountList, { own: string; other: string; where: string }> = {
  following: { own: 'source_id', other: 'target_id', where: `r.kind = 'follow' and r.state = 'accepted'` },
  followers: { own: 'target_id', other: 'source_id', where: `r.kind = 'follow' and r.state = 'accepted'` },
  blocks: { own: 'source_id', other: 'target_id', where: `r.kind = 'block'` },
  mutes: {
    own: 'source_id',
    other: 'target_id',
    where: `r.kind = 'mute' and (r.expires_at is null or r.expires_at > now())`,
  },
  follow_requests: { own: 'target_id', other: 'source_id', where: `r.kind = 'follow' and r.state = 'requested'` },
};

/** One page of a list: a walk along an index, because ids of accounts are its order. */
export async function listAccounts(
  list: AccountList,
  ownerId: string,
  { limit, maxId, sinceId, minId }: PageOfAccounts,
  db: Pick<EntityManager, 'query'>,
): Promise<ListedAccounts> {
  const { own, other, where } = LISTS[list];
  const isUpwards = minId !== undefined;
  const rows: ListedAccount[] = await db.query(
    withCounts(
      `select ${COLUMNS}, r.expires_at as "expiresAt" from relationship r ${WHO(`r.${other}`)}
       where r.${own} = $1 and ${where} and ${IS_VISIBLE}
         and ($2::uuid is null or r.${other} < $2) and ($3::uuid is null or r.${other} > $3)
       order by r.${other} ${isUpwards ? 'asc' : 'desc'} limit $4`,
      MOST_COUNTED,
    ),
    [ownerId, maxId ?? null, minId ?? sinceId ?? null, limit + 1],
  );
  // Of those read upwards the one too many stands on top, and whoever they were counted from is below.
  return isUpwards
    ? { accounts: rows.slice(-limit), hasMore: rows.length > 0 }
    : { accounts: rows.slice(0, limit), hasMore: rows.length > limit };
}
