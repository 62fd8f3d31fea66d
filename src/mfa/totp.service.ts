import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, Not, Repository } from 'typeorm';
import { keyIdOf, openSealed, type Rotation, sealNow } from '../common/secret-keys.js';
import { Config } from '../config/config.js';
import { newSecret, provisioningUri, stepOf } from './totp.js';
import { TotpCredential } from './totp-credential.entity.js';

/** For what TOTP secrets are sealed. */
export const TOTP_PURPOSE = 'totp secret';

/** How long a setup waits to be confirmed (contract.md §6.2). */
const PENDING_LIFE = `interval '10 minutes'`;

/** What an authenticator app needs. */
export interface TotpSetup {
  /** Base32. */
  key: string;
  uri: string;
}

/** Keeps authenticator apps: set up apart from what is active, each time step accepted once (RFC 6238). */
@Injectable()
export class TotpService {
  constructor(
    @InjectRepository(TotpCredential) private readonly rows: Repository<TotpCredential>,
    private readonly config: Config,
  ) {}

  /** Makes a secret that waits to be confirmed; an active one is neither touched nor told. */
  async setUp(user: { id: string; username: string }): Promise<TotpSetup> {
    const key = newSecret();
    const { sealed, keyId } = sealNow(Buffer.from(key), this.config, TOTP_PURPOSE);
    await this.reseal(user.id);
    await this.rows.query(
      `insert into totp_credential (user_id, key_id, pending_sealed_secret, pending_expires_at)
       values ($1, $2, $3, now() + ${PENDING_LIFE})
       on conflict (user_id) do update set pending_sealed_secret = excluded.pending_sealed_secret,
         pending_expires_at = excluded.pending_expires_at,
         key_id = case when totp_credential.sealed_secret is null then excluded.key_id else totp_credential.key_id end`,
      [user.id, keyId, sealed],
    );
    return { key, uri: this.uriOf(user, key) };
  }

  /** What the QR code of a key says. */
  uriOf({ username }: { username: string }, key: string): string {
    const issuer = this.config.mfa.totp_issuer ?? this.config.instance.title;
    return provisioningUri(issuer, `${username}@${this.config.domain}`, key);
  }

  /** Whether somebody has a setup that waits to be confirmed. */
  async isPending(userId: string): Promise<boolean> {
    return (await this.findPending(userId)) !== null;
  }

  /** Makes the waiting secret the active one if the code is its; false otherwise. */
  async confirm(userId: string, code: string, tx: EntityManager): Promise<boolean> {
    const row = await this.findPending(userId, tx);
    const step = row?.pendingSealedSecret ? this.stepFor(row, row.pendingSealedSecret, code) : null;
    if (!row || step === null) return false;
    const [changed] = await tx.query(
      `update totp_credential set sealed_secret = pending_sealed_secret, enabled_at = now(), last_step = $3,
         pending_sealed_secret = null, pending_expires_at = null
       where user_id = $1 and pending_sealed_secret = $2 and pending_expires_at > now() returning user_id`,
      [userId, row.pendingSealedSecret, step],
    );
    return changed.length === 1;
  }

  /** Whether a code is right; its step is spent with it, and every earlier one (RFC 6238 §5.2). One statement decides two at once. */
  async consume(userId: string, code: string): Promise<boolean> {
    const row = await this.rows.findOneBy({ userId });
    const step = row?.sealedSecret ? this.stepFor(row, row.sealedSecret, code) : null;
    if (!row || step === null) return false;
    const [changed] = await this.rows.query(
      `update totp_credential set last_step = $3
       where user_id = $1 and sealed_secret = $2 and (last_step is null or last_step < $3) returning user_id`,
      [userId, row.sealedSecret, step],
    );
    return changed.length === 1;
  }

  /** Removes the active secret and one that waits; false when none was active. */
  async remove(userId: string, tx: EntityManager): Promise<boolean> {
    const [removed] = await tx.query(
      'delete from totp_credential where user_id = $1 returning sealed_secret is not null as "wasOn"',
      [userId],
    );
    return removed[0]?.wasOn === true;
  }

  /** In a transaction on its own connection: one that waits for a second would wait for ever when all do. */
  private findPending(userId: string, tx: EntityManager = this.rows.manager): Promise<TotpCredential | null> {
    return tx
      .createQueryBuilder(TotpCredential, 't')
      .where('t.user_id = :userId and t.pending_sealed_secret is not null and t.pending_expires_at > now()', { userId })
      .getOne();
  }

  /** Seals everybody's secrets with the present `SECRET_KEY`, after a change of it. */
  async resealAll(): Promise<Rotation> {
    const rotation = { resealed: 0, unopened: 0 };
    const present = keyIdOf(this.config.secretKey);
    const others = await this.rows.find({ where: { keyId: Not(present) } });
    for (const row of others) {
      const isOpened = await this.resealRow(row);
      rotation[isOpened ? 'resealed' : 'unopened']++;
    }
    return rotation;
  }

  private stepFor({ keyId }: TotpCredential, sealed: Buffer, code: string): number | null {
    const secret = openSealed({ sealed, keyId }, this.config, TOTP_PURPOSE);
    return secret ? stepOf(secret.toString(), code) : null;
  }

  /** A row has one key id for both of its secrets, so that one of the present key must not join one of the previous. */
  private async reseal(userId: string): Promise<void> {
    const row = await this.rows.findOneBy({ userId });
    if (row && row.keyId !== keyIdOf(this.config.secretKey)) await this.resealRow(row);
  }

  /** False when neither key opens them: then the row is left as it is. */
  private async resealRow({ userId, keyId, sealedSecret, pendingSealedSecret }: TotpCredential): Promise<boolean> {
    const [active, pending] = [sealedSecret, pendingSealedSecret].map((sealed) => {
      const secret = sealed && openSealed({ sealed, keyId }, this.config, TOTP_PURPOSE);
      return secret && sealNow(secret, this.config, TOTP_PURPOSE).sealed;
    });
    if ((sealedSecret && !active) || (pendingSealedSecret && !pending)) return false;
    await this.rows.query(
      `update totp_credential set sealed_secret = $4, pending_sealed_secret = $5, key_id = $6
       where user_id = $1 and sealed_secret is not distinct from $2 and pending_sealed_secret is not distinct from $3`,
      [userId, sealedSecret, pendingSealedSecret, active, pending, keyIdOf(this.config.secretKey)],
    );
    return true;
  }
}
