import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { Session } from './session.entity.js';

/** One access token of a session. */
@Entity()
@Index('access_token_of_session', ['sessionId'])
export class AccessToken {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'bigint' })
  sessionId: number;

  @ManyToOne(() => Session, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'session_id', foreignKeyConstraintName: 'access_token_session' })
  session: Session;

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
