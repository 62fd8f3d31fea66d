import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { User } from '../users/user.entity.js';

/** How far a backup is, in Pleroma's words (contract.md §5.10). */
export type BackupState = 'pending' | 'running' | 'complete' | 'failed';

/** How long a backup is kept, and how long one must wait for the next (contract.md §5.10). */
export const BACKUP_LIFE = `interval '7 days'`;

/** One archive of a person's own data. */
@Entity()
@Index('backup_of_user', ['userId', 'id'])
@Index('backup_by_age', ['createdAt'])
export class Backup {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id: number;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'backup_user' })
  user: User;

  @Column({ type: 'text', default: 'pending' })
  state: BackupState;

  /** Records in the archive so far. */
  @Column({ type: 'integer', default: 0 })
  processedNumber: number;

  /** The ZIP file; read only where it is downloaded. */
  @Column({ type: 'bytea', nullable: true, select: false })
  file: Buffer | null;

  /** Bytes. */
  @Column({ type: 'integer', default: 0 })
  fileSize: number;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
