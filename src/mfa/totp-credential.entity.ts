import { Column, Entity, JoinColumn, OneToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.js';

/** The authenticator app of a person: the secret that counts, and beside it one that is being set up. */
@Entity()
export class TotpCredential {
  @PrimaryColumn({ type: 'uuid' })
  userId: string;

  @OneToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'totp_credential_user' })
  user: User;

  /** Sealed with `SECRET_KEY`; null while nothing is active. */
  @Column({ type: 'bytea', nullable: true })
  sealedSecret: Buffer | null;

  /** Which `SECRET_KEY` sealed the secrets of this row. */
  @Column({ type: 'text' })
  keyId: string;

  @Column({ type: 'timestamptz', nullable: true })
  enabledAt: Date | null;

  /** The greatest accepted time step (RFC 6238 §5.2): only a later one is accepted, whatever route it comes by. */
  @Column({ type: 'bigint', nullable: true })
  lastStep: number | null;

  /** The secret that waits to be confirmed. */
  @Column({ type: 'bytea', nullable: true })
  pendingSealedSecret: Buffer | null;

  @Column({ type: 'timestamptz', nullable: true })
  pendingExpiresAt: Date | null;
}
