import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, type EntityManager, Repository } from 'typeorm';
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

const DAY_MS = 86_400_000;

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
      await this.events.delete({ createdAt: LessThan(new Date(Date.now() - 90 * DAY_MS)) });
    } catch (err) {
      this.log.warn({ err }, 'The journal could not be purged now');
    }
  }
}
