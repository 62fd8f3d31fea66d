import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import type { ClientInfo } from '../common/client-info.js';
import { AuditEvent } from './audit-event.entity.js';

/** Every kind of event the journal knows (contract.md: "audit X"). */
export type AuditType =
  | 'account.approved'
  | 'account.created'
  | 'client.registered'
  | 'code.reused'
  | 'consent.approved'
  | 'consent.denied'
  | 'login.blocked'
  | 'login.continued'
  | 'login.failed'
  | 'login.succeeded'
  | 'logout'
  | 'refresh.reused'
  | 'session.revoked'
  | 'session.revoked_all'
  | 'token.issued';

/** What happened, to whom, through which client program. */
export interface AuditEntry {
  type: AuditType;
  userId?: string | null;
  applicationId?: number | null;
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
