import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** What a person may do on the instance beyond their own account. */
export type Role = 'user' | 'moderator' | 'admin';

/** A person with a local account. */
@Entity()
@Index('user_username', ['username'], { unique: true })
@Index('user_email', ['email'], { unique: true })
export class User {
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  /** Lower case; taken for ever. */
  @Column({ type: 'text' })
  username: string;

  /** Trimmed and lower-cased. */
  @Column({ type: 'text', nullable: true })
  email: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  emailVerifiedAt: Date | null;

  /** Argon2id; null fails every password check. */
  @Column({ type: 'text', nullable: true })
  passwordHash: string | null;

  @Column({ type: 'text', default: 'user' })
  role: Role;

  @Column({ type: 'text', default: '' })
  displayName: string;

  @Column({ type: 'text', default: '' })
  note: string;

  @Column({ type: 'text', nullable: true })
  locale: string | null;

  /** Why the person wants in, for those who approve. */
  @Column({ type: 'text', nullable: true })
  registrationReason: string | null;

  @Column({ type: 'boolean', default: false })
  approvalPending: boolean;

  @Column({ type: 'boolean', default: false })
  confirmationPending: boolean;

  @Column({ type: 'boolean', default: false })
  passwordResetRequired: boolean;

  @Column({ type: 'timestamptz', nullable: true })
  disabledAt: Date | null;

  @Column({ type: 'timestamptz', nullable: true })
  deletionDueAt: Date | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
