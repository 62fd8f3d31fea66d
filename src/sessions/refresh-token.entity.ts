import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** One refresh token of a session; used ones are kept, so that their reuse is noticed. */
@Entity()
@Index('refresh_token_of_session', ['sessionId'])
export class RefreshToken {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'bigint' })
  sessionId: number;

  /** Null never expires. */
  @Column({ type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  usedAt: Date | null;
}
