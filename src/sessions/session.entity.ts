import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Application } from '../applications/application.entity.js';
import { User } from '../users/user.entity.js';

/** One grant to one client: all access and refresh tokens that descend from one sign-in (contract.md §4). */
@Entity()
@Index('session_of_user', ['userId', 'id'], { where: 'revoked_at is null' })
@Index('session_of_application', ['applicationId'])
export class Session {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  /** Null for a client's own token. */
  @Column({ type: 'uuid', nullable: true })
  userId: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'session_user' })
  user: User | null;

  @Column({ type: 'bigint' })
  applicationId: number;

  @ManyToOne(() => Application, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'application_id', foreignKeyConstraintName: 'session_application' })
  application: Application;

  /** What was granted; words joined by spaces. */
  @Column({ type: 'text' })
  scope: string;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @Column({ type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;

  @Column({ type: 'text', nullable: true })
  ip: string | null;

  @Column({ type: 'text', nullable: true })
  userAgent: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  revokedAt: Date | null;
}
