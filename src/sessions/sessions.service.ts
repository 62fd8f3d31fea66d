import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Pool } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { Refusal } from '../common/errors.js';
import { looksLikeSecret, sha256 } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { poolOf } from '../database/pool.js';
import { ShortReads } from '../database/short-reads.js';
import { NoticesService } from '../users/notices.service.js';
import { endAccess } from './end-access.js';
import { endSessions } from './end-sessions.js';
import { findByAccessToken, findWithOwnAccount, type FoundToken } from './find-by-access-token.js';
import { type Grant, type IssuedRow, type IssuedSession, issueStatement } from './issue-session.js';
import { LastUse } from './last-use.js';
import { type ListedSession, listSessions } from './list-sessions.js';
import { findRefreshToken, type RefreshRequest, refreshSession } from './refresh-session.js';

/** Issues, recognises, lists and revokes sessions: one grant to one client, with every token that descends from it. */
@Injectable()
export class SessionsService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly config: Config,
    private readonly audit: AuditService,
    private readonly notices: NoticesService,
    private readonly lastUse: LastUse,
    private readonly reads: ShortReads,
  ) {}

  /** Spends a grant for a session and its tokens, in one statement; null when the grant yields nothing. */
  async issue(grant: Grant, client: ClientInfo, tx?: EntityManager): Promise<IssuedSession | null> {
    const { statement, complete } = issueStatement(this.config, grant, client);
    const rows: IssuedRow[] = tx
      ? await tx.query(statement.text, statement.values)
      : (await this.pool.query<IssuedRow>(statement)).rows;
    const [row] = rows;
    return row ? complete(row) : null;
  }

  /**
   * A new pair of tokens for a refresh token, or null. One that was spent long ago may be stolen, so that showing it
   * again ends the whole session (RFC 9700 §4.14.2).
   */
  async refresh(request: RefreshRequest, client: ClientInfo): Promise<IssuedSession | null> {
    const issued = await refreshSession(this.pool, this.config, request, client);
    if (!issued) await this.endIfReused(request, client);
    return issued;
  }

  /** The words a refresh token stands for, or null when the client has no such token. */
  async scopeOfRefreshToken(token: string, applicationId: number): Promise<string[] | null> {
    return (await findRefreshToken(this.pool, token, applicationId))?.scope.split(' ') ?? null;
  }

  /** What an access token stands for, or null for one that we never issued; notes its use when it is alive. */
  async recognise(accessToken: string, client: () => ClientInfo, withOwnAccount = false): Promise<FoundToken | null> {
    if (!looksLikeSecret(accessToken)) return null;
    const hash = sha256(accessToken);
    const found = await (withOwnAccount ? findWithOwnAccount : findByAccessToken)(this.reads, hash);
    if (found && !found.isDead) this.lastUse.note(found.principal.sessionId, hash, client);
    return found;
  }

  /** Whether a client ever had a session of this person with such a scope, as far back as sessions are kept. */
  async hadScope(userId: string, applicationId: number, matches: (scope: string) => boolean): Promise<boolean> {
    const rows: { scope: string }[] = await this.dataSource.query(
      'select distinct scope from session where user_id = $1 and application_id = $2',
      [userId, applicationId],
    );
    return rows.some(({ scope }) => matches(scope));
  }

  /** A person's live sessions, the calling one first, then by last use. */
  list(userId: string, currentId: number): Promise<ListedSession[]> {
    return listSessions(this.reads, userId, currentId);
  }

  /**
   * Ends one session of a person.
   * @throws Refusal `record_not_found` when it is unknown, ended or somebody else's
   */
  async revoke(userId: string, sessionId: number, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      const [ended] = await endSessions(tx, 'id = $1 and user_id = $2', [sessionId, userId]);
      if (!ended) throw new Refusal('record_not_found');
      await this.audit.record({ type: 'session.revoked', ...ended }, client, tx);
    });
  }

  /** Ends all sessions of a person, their signed-in browsers and unredeemed codes; `keepId` names one that lives on. */
  async revokeAll(userId: string, keepId: number | null, client: ClientInfo): Promise<void> {
    await this.dataSource.transaction(async (tx) => {
      await endAccess(tx, userId, keepId);
      await this.audit.record({ type: 'session.revoked_all', userId }, client, tx);
      await this.notices.tell('sessions_revoked', userId, client, tx);
    });
  }

  /** Ends the session that an access or refresh token belongs to; nothing happens for a token of another client (RFC 7009 §2.1). */
  async revokeByToken(token: string, applicationId: number | null, client: ClientInfo): Promise<void> {
    if (!looksLikeSecret(token)) return;
    await this.dataSource.transaction(async (tx) => {
      const [ended] = await endSessions(
        tx,
        `id = (select session_id from access_token where hash = $1 union all select session_id from refresh_token where hash = $1)
         and application_id = coalesce($2, application_id)`,
        [sha256(token), applicationId],
      );
      if (ended) await this.audit.record({ type: 'session.revoked', ...ended }, client, tx);
    });
  }

  private async endIfReused({ token, applicationId }: RefreshRequest, client: ClientInfo): Promise<void> {
    const found = await findRefreshToken(this.pool, token, applicationId);
    if (!found?.isReused) return;
    await this.dataSource.transaction(async (tx) => {
      const [ended] = await endSessions(tx, 'id = $1', [found.sessionId]);
      if (!ended) return;
      await this.audit.record({ type: 'refresh.reused', ...ended }, client, tx);
      await this.notices.tell('session_reused', found.userId, client, tx, { applicationId });
    });
  }

  private get pool(): Pool {
    return poolOf(this.dataSource);
  }
}
