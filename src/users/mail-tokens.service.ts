import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, In, Repository } from 'typeorm';
import { looksLikeSecret, randomSecret, sha256 } from '../common/secrets.js';
import { lockUser } from './lock-user.js';
import { MailToken, type MailTokenPurpose } from './mail-token.entity.js';

/** Seconds that a link lives (contract.md §5.3, §5.5); cancelling a deletion lives as long as the grace. */
export const MAIL_TOKEN_LIFE = {
  confirm_registration: 48 * 3600,
  confirm_address: 3600,
  undo_address: 7 * 86_400,
  confirm_recovery: 3600,
  reset_password: 3600,
} as const;

/** What a link is made for. */
export interface NewMailToken {
  userId: string;
  purpose: MailTokenPurpose;
  address: string | null;
  /** Seconds. */
  life: number;
  needsFactor?: boolean;
}

/** Keeps the tokens of links in mails: made with the mail, looked at without effect, used once. */
@Injectable()
export class MailTokensService {
  private readonly log = new Logger(MailTokensService.name);

  constructor(@InjectRepository(MailToken) private readonly tokens: Repository<MailToken>) {}

  /** Makes a token and answers its value and its end. An earlier one for the same purpose dies, but for undoing: see `undo_address`. */
  async issue(
    { userId, purpose, address, life, needsFactor = false }: NewMailToken,
    tx: EntityManager,
  ): Promise<{ token: string; expiresAt: Date }> {
    // Otherwise two at once would not void each other.
    await lockUser(userId, tx);
    // Each change of the address can be undone by itself: a thief's second change must not take the first owner's link.
    if (purpose !== 'undo_address') await this.revoke(userId, [purpose], tx);
    const token = randomSecret();
    const [row] = await tx.query(
      `insert into mail_token (hash, user_id, purpose, address, expires_at, needs_factor)
       values ($1, $2, $3, $4, now() + make_interval(secs => $5), $6) returning expires_at as "expiresAt"`,
      [sha256(token), userId, purpose, address, life, needsFactor],
    );
    return { token, expiresAt: row.expiresAt };
  }

  /** The live token of that value, or null; with its person. */
  async find(token: string, purposes: readonly MailTokenPurpose[]): Promise<MailToken | null> {
    if (!looksLikeSecret(token)) return null;
    return this.tokens
      .createQueryBuilder('t')
      .innerJoinAndSelect('t.user', 'u')
      .where('t.hash = :hash and t.purpose in (:...purposes) and t.expires_at > now()', {
        hash: sha256(token),
        purposes,
      })
      .getOne();
  }

  /** Uses a token up; false when it was used, voided or has expired meanwhile. */
  async consume({ hash, userId }: MailToken, tx: EntityManager): Promise<boolean> {
    // Person first, link second, as whoever voids links does: else the two would wait for each other.
    await lockUser(userId, tx);
    const [rows] = await tx.query('delete from mail_token where hash = $1 and expires_at > now() returning hash', [
      hash,
    ]);
    return rows.length === 1;
  }

  /** Voids what is outstanding for a person. */
  async revoke(userId: string, purposes: MailTokenPurpose[], tx: EntityManager): Promise<void> {
    await tx.delete(MailToken, { userId, purpose: In(purposes) });
  }

  /** Expired ones go within the hour (contract.md §1.2). */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.tokens.createQueryBuilder().delete().where('expires_at < now()').execute();
    } catch (err) {
      this.log.warn({ err }, 'Expired links could not be purged now');
    }
  }
}
