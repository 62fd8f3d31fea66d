import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import type { ClientInfo } from '../common/client-info.js';
import { cutPage, type Page } from '../common/paging.js';
import { AuditEvent } from './audit-event.entity.js';

/** Every kind of event the journal knows (contract.md: "audit X"). */
export type AuditType =
  | 'account.approved'
  | 'account.created'
  | 'account.deletion_cancelled'
  | 'account.deletion_scheduled'
  | 'account.disabled'
  | 'account.erased'
  | 'account.imported'
  | 'account.reactivated'
  | 'account.role_changed'
  | 'backup.created'
  | 'backup.downloaded'
  | 'backup.requested'
  | 'client.registered'
  | 'code.reused'
  | 'consent.approved'
  | 'consent.denied'
  | 'email.change_requested'
  | 'email.changed'
  | 'email.confirmation_sent'
  | 'email.confirmed'
  | 'email.corrected'
  | 'email.restored'
  | 'graph.blocked'
  | 'graph.follow_authorized'
  | 'graph.follow_rejected'
  | 'graph.followed'
  | 'graph.muted'
  | 'graph.unblocked'
  | 'graph.unfollowed'
  | 'graph.unmuted'
  | 'import.cancelled'
  | 'import.finished'
  | 'import.started'
  | 'import.undone'
  | 'login.blocked'
  | 'login.continued'
  | 'login.failed'
  | 'login.mfa_required'
  | 'login.succeeded'
  | 'logout'
  | 'mfa.codes_created'
  | 'mfa.disabled'
  | 'mfa.enabled'
  | 'mfa.failed'
  | 'mfa.passed'
  | 'mfa.recovery_begun'
  | 'mfa.recovery_done'
  | 'mfa.recovery_requested'
  | 'mfa.recovery_stopped'
  | 'passkey.added'
  | 'passkey.refused'
  | 'passkey.removed'
  | 'passkey.renamed'
  | 'password.changed'
  | 'password.refused'
  | 'password.reset'
  | 'password.reset_demanded'
  | 'password.reset_requested'
  | 'profile.changed'
  | 'refresh.reused'
  | 'session.revoked'
  | 'session.revoked_all'
  | 'sso.linked'
  | 'sso.logout'
  | 'sso.refused'
  | 'sso.unlinked'
  | 'token.issued';

/** What happened, to whom, through which client program. */
export interface AuditEntry {
  type: AuditType;
  userId?: string | null;
  applicationId?: number | null;
}

/** One event as the person concerned sees it. */
export interface ListedEvent extends Pick<AuditEvent, 'id' | 'type' | 'createdAt' | 'ip' | 'userAgent'> {
  /** Null when it was no client program, or one that is gone. */
  appName: string | null;
}

/** Events that one run of the purge removes. */
const BATCH = 10_000;

/** Keeps the journal: an event is written with the change it tells of, or on its own for a refusal. */
@Injectable()
export class AuditService {
  private readonly log = new Logger(AuditService.name);

  constructor(@InjectRepository(AuditEvent) private readonly events: Repository<AuditEvent>) {}

  /** Writes one event, in the caller's transaction when there is one. */
  async record(entry: AuditEntry, client: ClientInfo | null, tx: EntityManager = this.events.manager): Promise<void> {
    await tx.insert(AuditEvent, {
      type: entry.type,
      userId: entry.userId ?? null,
      applicationId: entry.applicationId ?? null,
      ip: client?.ip ?? null,
      userAgent: client?.userAgent ?? null,
      requestId: client?.requestId ?? null,
    });
  }

  /** Writes the same event for many people at once, in the caller's transaction. */
  async recordForAll(type: AuditType, userIds: string[], tx: EntityManager): Promise<void> {
    await tx.query('insert into audit_event (type, user_id) select $1, unnest($2::uuid[])', [type, userIds]);
  }

  /**
   * A person's own events, newest first; `below` is the `next` of the page before. It is one walk down the index of their
   * events, which the planner only takes for bounds that are pairs of values it cannot see: otherwise it walks down the
   * ids of everybody, or reads and sorts all events of the person, as their share of the table seems to suggest.
   */
  async list(userId: string, limit: number, below: number = Number.MAX_SAFE_INTEGER): Promise<Page<ListedEvent>> {
    const rows: ListedEvent[] = await this.events.query(
      `select e.id, e.type, e.created_at as "createdAt", e.ip, e.user_agent as "userAgent", a.name as "appName"
       from audit_event e left join application a on a.id = e.application_id
       where e.user_id is not null
         and (e.user_id, e.id) >= ((select $1::uuid), 0) and (e.user_id, e.id) < ((select $1::uuid), $2::bigint)
       order by e.user_id desc, e.id desc limit $3`,
      [userId, below, limit + 1],
    );
    return cutPage(rows, limit);
  }

  /** Events are kept 90 days (contract.md §4.4). */
  @Interval(3_600_000)
  async purge(): Promise<void> {
    try {
      // Ids grow with time, so the oldest are found without an index of their own.
      await this.events
        .query(`delete from audit_event where id in (select id from audit_event order by id limit ${BATCH})
        and created_at < now() - interval '90 days'`);
    } catch (err) {
      this.log.warn({ err }, 'The journal could not be purged now');
    }
  }
}
