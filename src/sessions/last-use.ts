import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { ClientInfo } from '../common/client-info.js';
import { Config } from '../config/config.js';
import { poolOf } from '../database/pool.js';

/** Uses that are written in one statement. */
const BATCH = 1000;

interface Use {
  hash: Buffer;
  at: Date;
  ip: string;
  userAgent: string | null;
}

/**
 * Gathers the last use of sessions in memory and writes it every few seconds, because a write a request would cost more
 * than the request. What a crash loses is a few seconds of "last used", never a token.
 */
@Injectable()
export class LastUse implements BeforeApplicationShutdown {
  private readonly log = new Logger(LastUse.name);
  private uses = new Map<number, Use>();
  /** Sessions whose use was noted in this minute: the next one is no news. */
  private noted = new Set<number>();

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly config: Config,
  ) {}

  note(sessionId: number, hash: Buffer, client: () => ClientInfo): void {
    if (this.noted.has(sessionId)) return;
    this.noted.add(sessionId);
    const { ip, userAgent } = client();
    this.uses.set(sessionId, { hash, at: new Date(), ip, userAgent });
  }

  @Interval(60_000)
  forget(): void {
    this.noted = new Set();
  }

  @Interval(5000)
  async flush(): Promise<void> {
    const uses = [...this.uses];
    this.uses = new Map();
    try {
      for (let start = 0; start < uses.length; start += BATCH) await this.write(uses.slice(start, start + BATCH));
    } catch (err) {
      this.log.warn({ err }, 'The last use of sessions could not be written; it will be at their next use');
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.flush();
  }

  /** Access tokens slide on with use, written at most once an hour (contract.md §1, `oauth.access_token_idle`). */
  private async write(uses: [number, Use][]): Promise<void> {
    await poolOf(this.dataSource).query({
      name: 'note_last_use',
      text: `
        with used as (
          select * from unnest($1::bigint[], $2::bytea[], $3::timestamptz[], $4::text[], $5::text[]) as u (id, hash, at, ip, user_agent)
        ), slid as (
          update access_token t set expires_at = now() + make_interval(secs => $6)
          from used where t.hash = used.hash and not t.retired and $6 > 0 and t.expires_at > now()
            and t.expires_at < now() + make_interval(secs => $6) - interval '1 hour'
          returning t.session_id, t.expires_at
        )
        update session s set last_used_at = used.at, ip = used.ip, user_agent = used.user_agent,
          access_expires_at = coalesce(slid.expires_at, s.access_expires_at)
        from used left join slid on slid.session_id = used.id where s.id = used.id and s.revoked_at is null and (s.last_used_at is null or s.last_used_at < used.at)`,
      values: [
        uses.map(([id]) => id),
        uses.map(([, { hash }]) => hash),
        uses.map(([, { at }]) => at),
        uses.map(([, { ip }]) => ip),
        uses.map(([, { userAgent }]) => userAgent),
        this.config.oauth.access_token_idle,
      ],
    });
  }
}
