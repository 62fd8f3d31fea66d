import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { OAuthParameters } from '../common/errors.js';
import { User } from '../users/user.entity.js';

/** What a sign-in still needs after the first proof of identity. */
export type SignInStepName = 'reactivation' | 'second_factor';

/** A sign-in that waits for one more step of the same browser (contract.md §3.9). */
@Entity()
@Index('pending_sign_in_of_user', ['userId'])
@Index('pending_sign_in_by_expiry', ['expiresAt'])
export class PendingSignIn {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  /** SHA-256 of the `gh_mfa` cookie of the browser that began. */
  @Column({ type: 'bytea' })
  browserHash: Buffer;

  @Column({ type: 'text' })
  step: SignInStepName;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'pending_sign_in_user' })
  user: User;

  /** Of the account when the first proof was right: a change of it since then voids the sign-in. */
  @Column({ type: 'integer' })
  credentialEpoch: number;

  /** The sign-in at a provider that it began by; null where none vouched. */
  @Column({ type: 'uuid', nullable: true })
  ssoSessionId: string | null;

  /** Answers so far, right or wrong. */
  @Column({ type: 'integer', default: 0 })
  attempts: number;

  /** The authorization request that it belongs to. */
  @Column({ type: 'jsonb' })
  parameters: OAuthParameters;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;
}
