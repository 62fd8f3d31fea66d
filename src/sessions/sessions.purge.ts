import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { purge } from '../database/purge.js';

/** What has ended is kept this long, so that the reuse of an old token can still be told from an unknown one. */
const KEPT = `interval '30 days'`;

/** Removes what has ended: sessions, tokens, browsers, retired keys, and client programs that nobody uses (contract.md §1.2). */
@Injectable()
export class SessionsPurge {
  private readonly log = new Logger(SessionsPurge.name);

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  @Interval(600_000)
  async run(): Promise<void> {
    try {
      await this.purge();
    } catch (err) {
      this.log.warn({ err }, 'Ended sessions could not be purged now');
    }
  }

  /** Each statement is complete in itself, so that replicas may do the same at once. */
  async purge(): Promise<void> {
    const statements = [
      `delete from browser_session where expires_at < now()`,
      `delete from access_token where expires_at < now() - interval '1 hour' and retired`,
      // A session has also ended when nothing of it can be used any more.
      `update session set revoked_at = now() where revoked_at is null and greatest(access_expires_at, refresh_expires_at) < now()`,
      `update application set ever_used = true where not ever_used and id in (select application_id from session where user_id is not null)`,
      `delete from session s where s.revoked_at < now() - ${KEPT}
         or (s.user_id is not null and not exists (select from "user" u where u.id = s.user_id))`,
      `delete from access_token t where not exists (select from session s where s.id = t.session_id)`,
      `delete from refresh_token r where not exists (select from session s where s.id = r.session_id)`,
      // Not the last one of a person, or the next sign-in, whosever it is, would count as their very first.
      `delete from seen_network n where seen_at < now() - interval '1 year'
         and exists (select from seen_network newer where newer.user_id = n.user_id and newer.seen_at > n.seen_at)`,
      `delete from pending_sign_in where expires_at < now()`,
      `delete from signing_key where retired_at < now() - ${KEPT}`,
      `with gone as (
         delete from application a where not a.ever_used and a.builtin is null and a.created_at < now() - interval '90 days'
           and not exists (select from session s where s.application_id = a.id and s.created_at > now() - interval '90 days')
         returning a.id
       ) delete from session s using gone where s.application_id = gone.id`,
    ];
    for (const statement of statements) await purge(this.dataSource, statement);
  }
}
