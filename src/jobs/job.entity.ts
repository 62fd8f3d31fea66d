import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** One piece of work that is done after the transaction that asked for it; the row goes when it is done. */
@Entity()
@Index('job_due', ['kind', 'runAt', 'id'], { where: 'failed_at is null' })
@Index('job_key', ['kind', 'key'], { unique: true, where: 'key is not null' })
export class Job {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id: number;

  @Column({ type: 'text' })
  kind: string;

  /** At most one job of a kind has this key, so that asking twice is asking once. */
  @Column({ type: 'text', nullable: true })
  key: string | null;

  /** Jobs of one lane run one after the other; null is in nobody's way. */
  @Column({ type: 'text', nullable: true })
  lane: string | null;

  @Column({ type: 'jsonb', default: {} })
  payload: object;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  runAt: Date;

  /** How often it was taken. Also the fencing number: who holds an older one writes nothing any more (security.md D6). */
  @Column({ type: 'integer', default: 0 })
  attempts: number;

  /** Until then it belongs to the worker that took it last. */
  @Column({ type: 'timestamptz', nullable: true })
  leasedUntil: Date | null;

  /** Given up; kept for the operator to see. */
  @Column({ type: 'timestamptz', nullable: true })
  failedAt: Date | null;

  /** Why the last attempt failed. */
  @Column({ type: 'text', nullable: true })
  failure: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
