import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Repository } from 'typeorm';
import type { OAuthParameters } from '../common/errors.js';
import { looksLikeSecret, randomSecret, sameDigest, sha256 } from '../common/secrets.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import type { FlowCookie, FlowCookies } from '../sso-flows/flow-cookie.js';
import { SsoRegistration, type WaitingPerson } from './sso-registration.entity.js';

/** How long somebody may take to choose a name (contract.md §3.7.1). */
const LIFETIME = `interval '10 minutes'`;

/** Keeps identities that nobody here has yet, each for the browser that proved it. */
@Injectable()
export class SsoRegistrationsService {
  private readonly log = new Logger(SsoRegistrationsService.name);

  constructor(@InjectRepository(SsoRegistration) private readonly rows: Repository<SsoRegistration>) {}

  /** Keeps one; answers the token of the page that goes on with it. */
  async open(
    provider: SsoProviderConfig,
    person: WaitingPerson,
    parameters: OAuthParameters,
    { flowId, value }: FlowCookie,
  ): Promise<string> {
    const token = randomSecret();
    await this.rows.query(
      `insert into sso_registration (hash, flow_id, browser_hash, provider, person, parameters, expires_at)
       values ($1, $2, $3, $4, $5, $6, now() + ${LIFETIME})`,
      [sha256(token), flowId, sha256(value), provider.id, JSON.stringify(person), JSON.stringify(parameters)],
    );
    return token;
  }

  /** The one of this token and this browser, also when its time is over, or null. */
  async find(token: string, cookies: FlowCookies): Promise<SsoRegistration | null> {
    if (!looksLikeSecret(token)) return null;
    const row = await this.rows.findOneBy({ hash: sha256(token) });
    const cookie = row && cookies(row.flowId);
    return row && cookie && sameDigest(row.browserHash, sha256(cookie)) ? row : null;
  }

  /** Whether it can still go on; uses nothing up. */
  async isLive({ hash }: SsoRegistration): Promise<boolean> {
    const rows = await this.rows.query('select from sso_registration where hash = $1 and expires_at > now()', [hash]);
    return rows.length === 1;
  }

  /** Uses it up; false when somebody was faster or its time is over. */
  async consume({ hash }: SsoRegistration, tx: EntityManager = this.rows.manager): Promise<boolean> {
    const [rows] = await tx.query(
      'delete from sso_registration where hash = $1 and expires_at > now() returning hash',
      [hash],
    );
    return rows.length === 1;
  }

  /** Ended ones go within the hour (contract.md §1.2). */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.rows.createQueryBuilder().delete().where('expires_at < now()').execute();
    } catch (err) {
      this.log.warn({ err }, 'Ended registrations by providers could not be purged now');
    }
  }
}
