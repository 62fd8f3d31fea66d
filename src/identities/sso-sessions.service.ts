import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { AuditService } from '../audit/audit.service.js';
import type { ClientInfo } from '../common/client-info.js';
import { purge } from '../database/purge.js';
import type { LogoutRequest } from '../providers/logout-claims.js';
import { endSessions } from '../sessions/end-sessions.js';
import { SsoSession } from './sso-session.entity.js';

/** Remembers which sessions began by which sign-in at a provider, and ends them when the provider says so. */
@Injectable()
export class SsoSessionsService {
  private readonly log = new Logger(SsoSessionsService.name);

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly audit: AuditService,
  ) {}

  /** Notes a sign-in that a provider vouched for; answers its id. */
  async begin(
    identityId: string,
    { providerSessionId, issuedAt }: { providerSessionId: string | null; issuedAt: number },
    tx: EntityManager,
  ): Promise<string> {
    const id = uuidv7();
    await tx.insert(SsoSession, { id, identityId, providerSessionId, vouchedAt: new Date(issuedAt * 1000) });
    return id;
  }

  /** The issuer behind a session of a client, or null. */
  async issuerOf(sessionId: number): Promise<string | null> {
    const [row] = await this.dataSource.query(
      `select i.issuer from session s join sso_session o on o.id = s.sso_session_id
       join linked_identity i on i.id = o.identity_id where s.id = $1`,
      [sessionId],
    );
    return row?.issuer ?? null;
  }

  /** Ends what a provider says has ended; sign-ins of after the token was made are not meant. Repeating it changes nothing. */
  async end(request: LogoutRequest, client: ClientInfo): Promise<void> {
    const people = await this.meant(request);
    for (const { userId, ids } of people) {
      await this.dataSource.transaction(async (tx) => {
        // The order of `endAccess`: a sign-in that is under way holds the old number and fails.
        await tx.query('update "user" set credential_epoch = credential_epoch + 1 where id = $1', [userId]);
        await tx.query('delete from pending_sign_in where sso_session_id = any($1)', [ids]);
        await tx.query('delete from browser_session where sso_session_id = any($1)', [ids]);
        await endSessions(tx, 'sso_session_id = any($1)', [ids]);
        await tx.query('delete from sso_session where id = any($1)', [ids]);
        await this.audit.record({ type: 'sso.logout', userId }, client, tx);
      });
    }
  }

  private meant({
    issuer,
    subject,
    providerSessionId,
    issuedAt,
  }: LogoutRequest): Promise<{ userId: string; ids: string[] }[]> {
    return this.dataSource.query(
      `select i.user_id as "userId", array_agg(o.id) as ids from sso_session o join linked_identity i on i.id = o.identity_id
       where i.issuer = $1 and ($2::text is null or i.subject = $2)
         and ($3::text is null or o.provider_session_id = $3 or ($2::text is not null and o.provider_session_id is null))
         and o.vouched_at <= to_timestamp($4)
       group by i.user_id`,
      [issuer, subject, providerSessionId, issuedAt],
    );
  }

  /** What has left neither browser nor session says nothing any more. */
  @Interval(3_600_000)
  async purge(): Promise<void> {
    try {
      await purge(
        this.dataSource,
        `delete from sso_session o where created_at < now() - interval '1 day'
           and not exists (select from browser_session b where b.sso_session_id = o.id)
           and not exists (select from session s where s.sso_session_id = o.id and s.revoked_at is null)`,
      );
    } catch (err) {
      this.log.warn({ err }, 'Ended sign-ins by providers could not be purged now');
    }
  }
}
