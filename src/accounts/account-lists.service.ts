import { Injectable } from '@nestjs/common';
import { coversAny } from '../common/scopes.js';
import type { AccountList, ListedAccounts } from '../relationships/account-lists.js';
import type { AccountName } from '../relationships/known-accounts.js';
import { RelationshipsService } from '../relationships/relationships.service.js';
import type { Principal } from '../sessions/principal.js';
import type { AccountListQuery, FoundList } from './account-lists.dto.js';

const NOBODY: ListedAccounts = { accounts: [], hasMore: false };

/** Reads lists of accounts for whoever asks. */
@Injectable()
export class AccountListsService {
  constructor(private readonly relationships: RelationshipsService) {}

  /**
   * Whom an account follows, or who follows it; nobody, for whom it blocks.
   * @throws Refusal `record_not_found`
   */
  async follows(
    list: 'following' | 'followers',
    name: AccountName,
    query: AccountListQuery,
    caller: Principal | null,
  ): Promise<FoundList> {
    const ownerId = await this.relationships.findId(name);
    const [standing] = caller?.user ? await this.relationships.read(caller.user.id, [ownerId]) : [];
    const page = standing?.blockedBy ? NOBODY : await this.page(list, ownerId, query);
    return this.complete(`/api/v1/accounts/${ownerId}/${list}`, query, caller, page);
  }

  /** A list that only its owner reads. */
  async own(
    list: Exclude<AccountList, 'following' | 'followers'>,
    query: AccountListQuery,
    caller: Principal,
  ): Promise<FoundList> {
    const page = caller.user ? await this.page(list, caller.user.id, query) : NOBODY;
    return this.complete(`/api/v1/${list}`, query, caller, page);
  }

  private page(list: AccountList, ownerId: string, query: AccountListQuery): Promise<ListedAccounts> {
    const { limit, max_id: maxId, since_id: sinceId, min_id: minId } = query;
    return this.relationships.list(list, ownerId, { limit, maxId, sinceId, minId });
  }

  private async complete(
    path: string,
    query: AccountListQuery,
    caller: Principal | null,
    page: ListedAccounts,
  ): Promise<FoundList> {
    const reader =
      query.with_relationships && caller && coversAny(caller.scopes, ['read:follows']) ? caller.user : null;
    const ids = page.accounts.map(({ id }) => id);
    const standings = reader ? await this.relationships.read(reader.id, ids) : [];
    return { ...page, path, query, standings: new Map(standings.map((standing) => [standing.id, standing])) };
  }
}
