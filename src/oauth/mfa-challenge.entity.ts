import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.js';

/** A password grant that waits for the second factor: the `mfa_token` of a client program (contract.md §2.5.3, §2.6). */
@Entity()
@Index('mfa_challenge_of_user', ['userId'])
@Index('mfa_challenge_by_expiry', ['expiresAt'])
export class MfaChallenge {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'mfa_challenge_user' })
  user: User;

  @Column({ type: 'bigint' })
  applicationId: number;

  /** What will be granted. */
  @Column({ type: 'text' })
  scope: string;

  /** Of the account when the password was right. */
  @Column({ type: 'integer' })
  credentialEpoch: number;

  @Column({ type: 'integer', default: 0 })
  failedAttempts: number;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;
}
