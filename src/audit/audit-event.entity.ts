import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** One event of the security journal; never holds a secret. */
@Entity()
@Index('audit_event_of_user', ['userId', 'id'], { where: 'user_id is not null' })
export class AuditEvent {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id: number;

  @Column({ type: 'text' })
  type: string;

  /** The person concerned; null when nobody was recognised. No foreign key: the journal outlives the account. */
  @Column({ type: 'uuid', nullable: true })
  userId: string | null;

  @Column({ type: 'bigint', nullable: true })
  applicationId: number | null;

  @Column({ type: 'text', nullable: true })
  ip: string | null;

  @Column({ type: 'text', nullable: true })
  userAgent: string | null;

  @Column({ type: 'text', nullable: true })
  requestId: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
