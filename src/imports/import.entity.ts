import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { RelationshipKind } from '../relationships/relationship.entity.js';
import { User } from '../users/user.entity.js';

/** What becomes of relations that the list does not name. */
export type ImportMode = 'merge' | 'overwrite';

/** Contract.md §7.5. */
export type ImportState = 'queued' | 'running' | 'preview' | 'finished' | 'cancelled' | 'undoing' | 'undone';

/** A list that somebody uploaded, and how far it is. */
@Entity()
@Index('import_of_user', ['userId', 'id'])
@Index('import_by_age', ['createdAt'])
export class Import {
  /** UUID v7, so that ids are in the order of time. */
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'import_user' })
  user: User;

  @Column({ type: 'text' })
  kind: RelationshipKind;

  @Column({ type: 'text' })
  mode: ImportMode;

  /** Looks only, until it is applied. */
  @Column({ type: 'boolean' })
  dryRun: boolean;

  @Column({ type: 'text' })
  state: ImportState;

  @Column({ type: 'text', nullable: true })
  fileName: string | null;

  @Column({ type: 'text' })
  dialect: string;

  @Column({ type: 'text' })
  encoding: string;

  @Column({ type: 'jsonb' })
  warnings: object[];

  /** SHA-256 of the rows: the same list sent again while this one is unfinished is this one. */
  @Column({ type: 'bytea' })
  digest: Buffer;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @Column({ type: 'timestamptz', nullable: true })
  startedAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  finishedAt: Date | null;

  /** Until then it can be undone. */
  @Column({ type: 'timestamptz', nullable: true })
  undoUntil: Date | null;
}
