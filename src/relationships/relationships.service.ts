import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService, type AuditType } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { type AccountList, listAccounts, type ListedAccounts, type PageOfAccounts } from './account-lists.js';
import { answerFollow, lockPeople, relate, unrelate, type Wish } from './graph.js';
import { type AccountName, findAccount, findAccountId, type KnownAccount } from './known-accounts.js';
import { readRelationships, type Standing } from './read-relationships.js';
import type { RelationshipKind } from './relationship.entity.js';

/** How a follow is wanted; what is left out stays as it is, or is as usual. */
export type FollowOptions = Pick<Wish, 'reblogs' | 'notify' | 'languages'>;

/** How a mute is wanted. */
export type MuteOptions = Pick<Wish, 'notifications' | 'duration'>;

/** Hears of the answer to a request to follow, in the transaction that gives it. */
export type AnswerListener = (
  answer: { sourceId: string; targetId: string; isAccepted: boolean },
  tx: EntityManager,
) => Promise<void>;

const UNDONE = { follow: 'graph.unfollowed', block: 'graph.unblocked', mute: 'graph.unmuted' } as const;

const ANSWERED = { authorize: 'graph.follow_authorized', reject: 'graph.follow_rejected' } as const;

/**
 * What one person does to the social graph, and what everybody reads of it (contract.md §8.4). Accounts that cannot be seen
 * are unknown everywhere.
 */
@Injectable()
export class RelationshipsService {
  private readonly listeners: AnswerListener[] = [];

  constructor(
    private readonly audit: AuditService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /**
   * Follows an account, or asks it where it is locked or elsewhere.
   * @throws Refusal `record_not_found`, or `not_allowed` against a block of either
   */
  follow(personId: string, accountId: string, options: FollowOptions, client: ClientInfo): Promise<Standing> {
    return this.change(personId, accountId, client, async (tx) => {
      demandOther(personId, accountId);
      // Somebody who follows already changes only what they name.
      await lockPeople([personId], tx);
      const [present] = await tx.query(
        `select reblogs, notify, languages from relationship where source_id = $1 and kind = 'follow' and target_id = $2`,
        [personId, accountId],
      );
      const wish = {
        targetId: accountId,
        reblogs: options.reblogs ?? present?.reblogs,
        notify: options.notify ?? present?.notify,
        languages: options.languages ?? present?.languages,
      };
      return this.make('follow', personId, wish, 'graph.followed', tx);
    });
  }

  /** @throws Refusal `record_not_found`, or `not_allowed` for oneself */
  block(personId: string, accountId: string, client: ClientInfo): Promise<Standing> {
    return this.change(personId, accountId, client, (tx) => {
      demandOther(personId, accountId);
      return this.make('block', personId, { targetId: accountId }, 'graph.blocked', tx);
    });
  }

  /** @throws Refusal `record_not_found`, or `not_allowed` for oneself */
  mute(personId: string, accountId: string, options: MuteOptions, client: ClientInfo): Promise<Standing> {
    return this.change(personId, accountId, client, (tx) => {
      demandOther(personId, accountId);
      return this.make('mute', personId, { ...options, targetId: accountId }, 'graph.muted', tx);
    });
  }

  /**
   * Takes a relation away, if there is one; a follow also while it waits.
   * @throws Refusal `record_not_found`
   */
  end(kind: RelationshipKind, personId: string, accountId: string, client: ClientInfo): Promise<Standing> {
    return this.change(personId, accountId, client, async (tx) => {
      const ended = await unrelate(kind, personId, [accountId], tx);
      return ended.length === 0 ? null : UNDONE[kind];
    });
  }

  /** From now on the listener hears of every answer to a request. */
  onAnswer(listener: AnswerListener): void {
    this.listeners.push(listener);
  }

  /**
   * A person answers somebody who asked to follow them.
   * @throws Refusal `record_not_found` also when nobody asked
   */
  answer(personId: string, accountId: string, answer: 'authorize' | 'reject', client: ClientInfo): Promise<Standing> {
    return this.change(personId, accountId, client, async (tx) => {
      if (!(await answerFollow(personId, accountId, answer, tx))) throw new Refusal('record_not_found');
      const told = { sourceId: accountId, targetId: personId, isAccepted: answer === 'authorize' };
      for (const listener of this.listeners) await listener(told, tx);
      return ANSWERED[answer];
    });
  }

  /** How a person stands to each of these accounts, in their order; those that cannot be seen are left out. */
  read(personId: string, accountIds: readonly string[]): Promise<Standing[]> {
    return readRelationships(personId, accountIds, this.dataSource);
  }

  /** @throws Refusal `record_not_found` */
  async find(name: AccountName): Promise<KnownAccount> {
    const account = await findAccount(name, this.dataSource);
    if (!account) throw new Refusal('record_not_found');
    return account;
  }

  /** @throws Refusal `record_not_found` */
  async findId(name: AccountName): Promise<string> {
    const id = await findAccountId(name, this.dataSource);
    if (id === null) throw new Refusal('record_not_found');
    return id;
  }

  /** One page of an account's list. */
  list(list: AccountList, ownerId: string, page: PageOfAccounts): Promise<ListedAccounts> {
    return listAccounts(list, ownerId, page, this.dataSource);
  }

  /** One change with its journal, and what it has led to. */
  private change(
    personId: string,
    accountId: string,
    client: ClientInfo,
    work: (tx: EntityManager) => Promise<AuditType | null>,
  ): Promise<Standing> {
    return this.dataSource.transaction(async (tx) => {
      if ((await findAccountId({ id: accountId }, tx)) === null) throw new Refusal('record_not_found');
      const type = await work(tx);
      if (type !== null) await this.audit.record({ type, userId: personId }, client, tx);
      const [standing] = await readRelationships(personId, [accountId], tx);
      if (!standing) throw new Refusal('record_not_found');
      return standing;
    });
  }

  /** What goes into the journal; null when nothing changed. */
  private async make(
    kind: RelationshipKind,
    personId: string,
    wish: Wish,
    type: AuditType,
    tx: EntityManager,
  ): Promise<AuditType | null> {
    const { outcomes, changes } = await relate(kind, personId, [wish], uuidv7(), tx);
    const reason = outcomes[0]?.reason ?? null;
    if (reason !== null) throw new Refusal(reason === 'account_disabled' ? 'record_not_found' : 'not_allowed');
    return changes.length === 0 ? null : type;
  }
}

/** @throws Refusal `not_allowed` for oneself */
function demandOther(personId: string, accountId: string): void {
  if (personId === accountId) throw new Refusal('not_allowed');
}
