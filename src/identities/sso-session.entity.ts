import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { LinkedIdentity } from './linked-identity.entity.js';

/** One sign-in that a provider vouched for: what its back-channel logout ends (Back-Channel Logout 1.0 §2.7). */
@Entity()
@Index('sso_session_of_identity', ['identityId'])
@Index('sso_session_at_provider', ['providerSessionId'], { where: 'provider_session_id is not null' })
export class SsoSession {
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  @Column({ type: 'uuid' })
  identityId: string;

  @ManyToOne(() => LinkedIdentity, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'identity_id', foreignKeyConstraintName: 'sso_session_identity' })
  identity: LinkedIdentity;

  /** `sid` of the ID token, where the provider sends one. */
  @Column({ type: 'text', nullable: true })
  providerSessionId: string | null;

  /** `iat` of the ID token, by the provider's clock: a logout token of before cannot mean this sign-in. */
  @Column({ type: 'timestamptz' })
  vouchedAt: Date;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
