import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A WebAuthn challenge that was answered, kept until it would have ended anyway, so that it is answered once. */
@Entity('webauthn_challenge')
@Index('webauthn_challenge_by_expiry', ['expiresAt'])
export class UsedChallenge {
  /** SHA-256 of what is random in the challenge, and of its end. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;
}
