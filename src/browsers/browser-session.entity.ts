import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.js';

/** One signed-in browser, named by the `sid` of its `jwt` cookie. */
@Entity()
@Index('browser_session_of_user', ['userId'])
@Index('browser_session_by_expiry', ['expiresAt'])
@Index('browser_session_of_sso_session', ['ssoSessionId'], { where: 'sso_session_id is not null' })
export class BrowserSession {
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'browser_session_user' })
  user: User;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;

  /** The sign-in at a provider that it began by; null where none vouched. */
  @Column({ type: 'uuid', nullable: true })
  ssoSessionId: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
