import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { looksLikeSecret, randomSecret, sha256 } from '../common/secrets.js';
import type { SsoProviderConfig } from '../config/sso-config.js';
import type { Linker } from '../sso-flows/sso-flows.service.js';
import { SsoLinkTicket } from './sso-link-ticket.entity.js';

/** Contract.md §3.8.1. */
const LIFETIME = `interval '10 minutes'`;

/** Keeps wishes to link that wait for a proof of identity; each is used once. */
@Injectable()
export class SsoLinkTicketsService {
  private readonly log = new Logger(SsoLinkTicketsService.name);

  constructor(@InjectRepository(SsoLinkTicket) private readonly tickets: Repository<SsoLinkTicket>) {}

  /** Makes one and answers its value. */
  async open({ userId, credentialEpoch }: Linker, provider: SsoProviderConfig): Promise<string> {
    const ticket = randomSecret();
    await this.tickets.query(
      `insert into sso_link_ticket (hash, user_id, credential_epoch, provider, expires_at)
       values ($1, $2, $3, $4, now() + ${LIFETIME})`,
      [sha256(ticket), userId, credentialEpoch, provider.id],
    );
    return ticket;
  }

  /** The live one of that value with its person, or null; looks only. */
  find(ticket: string): Promise<SsoLinkTicket | null> {
    return looksLikeSecret(ticket) ? this.findByHash(sha256(ticket)) : Promise.resolve(null);
  }

  /** The same by its hash. */
  findByHash(hash: Buffer): Promise<SsoLinkTicket | null> {
    return this.tickets
      .createQueryBuilder('t')
      .innerJoinAndSelect('t.user', 'u')
      .where('t.hash = :hash and t.expires_at > now() and u.credential_epoch = t.credential_epoch', { hash })
      .getOne();
  }

  /** Uses it up; false when somebody was faster or its time is over. */
  async consume({ hash }: SsoLinkTicket): Promise<boolean> {
    const [rows] = await this.tickets.query(
      'delete from sso_link_ticket where hash = $1 and expires_at > now() returning hash',
      [hash],
    );
    return rows.length === 1;
  }

  /** Ended ones go within the hour (contract.md §1.2). */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.tickets.createQueryBuilder().delete().where('expires_at < now()').execute();
    } catch (err) {
      this.log.warn({ err }, 'Ended wishes to link could not be purged now');
    }
  }
}
