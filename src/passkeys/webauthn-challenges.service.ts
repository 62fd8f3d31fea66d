import { randomBytes } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { keyedDigest, sameDigest, sha256 } from '../common/secrets.js';
import { Config } from '../config/config.js';
import { UsedChallenge } from './used-challenge.entity.js';

/** Seconds that a ceremony may take that begins at once. */
export const CEREMONY_LIFE = 300;

/** Seconds after which a page that was left open cannot use a passkey any more: its script may fetch nothing. */
export const PAGE_LIFE = 3600;

const RANDOM_BYTES = 16;
const EXPIRY_BYTES = 6;
const HEAD_BYTES = RANDOM_BYTES + EXPIRY_BYTES;

/** What a ceremony is for; a challenge of one kind is unknown as any other. */
export type CeremonyPurpose = 'register' | 'second_factor' | 'sign_in';

/**
 * Makes the challenges of WebAuthn ceremonies and takes each answer once. A challenge carries its end and our keyed digest
 * over end, purpose and person, so that showing a page writes nothing; only an answer does.
 */
@Injectable()
export class WebAuthnChallengesService {
  private readonly log = new Logger(WebAuthnChallengesService.name);

  constructor(
    @InjectRepository(UsedChallenge) private readonly used: Repository<UsedChallenge>,
    private readonly config: Config,
  ) {}

  /** A fresh challenge, good for so many seconds. */
  issue(purpose: CeremonyPurpose, userId: string | null, life: number): Uint8Array<ArrayBuffer> {
    const expiry = Buffer.alloc(EXPIRY_BYTES);
    expiry.writeUIntBE(Math.floor(Date.now() / 1000) + life, 0, EXPIRY_BYTES);
    const head = Buffer.concat([randomBytes(RANDOM_BYTES), expiry]);
    return new Uint8Array(Buffer.concat([head, this.digest(head, purpose, userId)]));
  }

  /** Whether a challenge is one that we made, for this and for this person. */
  isOurs(challenge: string, purpose: CeremonyPurpose, userId: string | null): boolean {
    const { head, digest } = parts(challenge);
    return head.length === HEAD_BYTES && sameDigest(digest, this.digest(head, purpose, userId));
  }

  /** Uses one of ours up; false when it has ended, by the database's clock, or was used before. */
  async consume(challenge: string): Promise<boolean> {
    const { head } = parts(challenge);
    const rows = await this.used.query(
      `insert into webauthn_challenge (hash, expires_at)
       select $1, to_timestamp($2) where to_timestamp($2) > now() on conflict do nothing returning hash`,
      [sha256(head.toString('base64url')), head.readUIntBE(RANDOM_BYTES, EXPIRY_BYTES)],
    );
    return rows.length === 1;
  }

  /** Ended ones need not be remembered. */
  @Interval(600_000)
  async purge(): Promise<void> {
    try {
      await this.used.createQueryBuilder().delete().where('expires_at < now()').execute();
    } catch (err) {
      this.log.warn({ err }, 'Ended challenges could not be purged now');
    }
  }

  private digest(head: Buffer, purpose: CeremonyPurpose, userId: string | null): Buffer {
    return keyedDigest(`${head.toString('base64url')} ${purpose} ${userId ?? ''}`, this.config.secretKey, 'passkeys');
  }
}

function parts(challenge: string): { head: Buffer; digest: Buffer } {
  const bytes = Buffer.from(challenge, 'base64url');
  return { head: bytes.subarray(0, HEAD_BYTES), digest: bytes.subarray(HEAD_BYTES) };
}
