import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Facts } from '../letters/letter.js';

/** One mail, written in the transaction of the change it tells of. */
@Entity('mail_outbox')
@Index('mail_outbox_of_user', ['userId'])
@Index('mail_outbox_by_age', ['createdAt'])
export class OutboxMail {
  /** Also its Message-ID, the same at every attempt. */
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  /** Whom it concerns; null for staff. */
  @Column({ type: 'uuid', nullable: true })
  userId: string | null;

  /** One address, never a list, never a name with it (security.md R82). */
  @Column({ type: 'text' })
  recipient: string;

  @Column({ type: 'text' })
  template: string;

  /** What the letter tells. */
  @Column({ type: 'jsonb' })
  facts: Facts;

  /** The token of its link, sealed with `SECRET_KEY`; gone as soon as the mail is. */
  @Column({ type: 'bytea', nullable: true })
  sealedToken: Buffer | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @Column({ type: 'timestamptz', nullable: true })
  sentAt: Date | null;

  /** Given up. */
  @Column({ type: 'timestamptz', nullable: true })
  failedAt: Date | null;

  /** What the server said last. */
  @Column({ type: 'text', nullable: true })
  failure: string | null;
}
