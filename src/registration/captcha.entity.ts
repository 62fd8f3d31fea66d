import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One captcha that was given out; its answers are kept as digests only. */
@Entity()
@Index('captcha_by_expiry', ['expiresAt'])
export class Captcha {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  /** SHA-256 of the `answer_data` that belongs to it. */
  @Column({ type: 'bytea' })
  dataHash: Buffer;

  /** Keyed digests of the answers that are right: of the picture, and of the question in words. */
  @Column({ type: 'bytea', array: true })
  answers: Buffer[];

  /** Spent by a guess, right or wrong. */
  @Column({ type: 'timestamptz', nullable: true })
  usedAt: Date | null;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;
}
