import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { Application } from '../applications/application.entity.js';
import { BrowserSession } from '../browsers/browser-session.entity.js';
import { User } from '../users/user.entity.js';

/** One authorization request of a signed-in person, and the code that stands for it (RFC 6749 §4.1). */
@Entity()
@Index('authorization_code_pending', ['browserSessionId', 'applicationId'])
@Index('authorization_code_by_expiry', ['expiresAt'])
export class AuthorizationCode {
  /** SHA-256 of the code. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  /** The code itself, sealed with `SECRET_KEY`: a consent form that sends no code must still be answered with it (contract.md §3.5). */
  @Column({ type: 'bytea' })
  sealedCode: Buffer;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'authorization_code_user' })
  user: User;

  @Column({ type: 'bigint' })
  applicationId: number;

  @ManyToOne(() => Application, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'application_id', foreignKeyConstraintName: 'authorization_code_application' })
  application: Application;

  /** The browser session that may approve it; gone with a logout, as the code then is. */
  @Column({ type: 'uuid' })
  browserSessionId: string;

  @ManyToOne(() => BrowserSession, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'browser_session_id', foreignKeyConstraintName: 'authorization_code_browser_session' })
  browserSession: BrowserSession;

  @Column({ type: 'text' })
  redirectUri: string;

  /** What would be granted; words joined by spaces. */
  @Column({ type: 'text' })
  scope: string;

  @Column({ type: 'text', nullable: true })
  state: string | null;

  @Column({ type: 'text', nullable: true })
  codeChallenge: string | null;

  /** Until then it waits for consent, or for redemption once approved. */
  @Column({ type: 'timestamptz' })
  expiresAt: Date;

  /** Inert until then. */
  @Column({ type: 'timestamptz', nullable: true })
  approvedAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  redeemedAt: Date | null;

  /** The session it was redeemed for: revoked when the code comes back. */
  @Column({ type: 'bigint', nullable: true })
  sessionId: number | null;

  @Column({ type: 'integer', default: 0 })
  failedAttempts: number;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
