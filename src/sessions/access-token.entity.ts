import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** One access token of a session. */
@Entity()
@Index('access_token_of_session', ['sessionId'])
export class AccessToken {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'bigint' })
  sessionId: number;

  /** The session's scope, or what a refresh narrowed it to. */
  @Column({ type: 'text' })
  scope: string;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  /** Null never expires. */
  @Column({ type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  /** Replaced by a refresh: no longer slides. */
  @Column({ type: 'boolean', default: false })
  retired: boolean;
}
