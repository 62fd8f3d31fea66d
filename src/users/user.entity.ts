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

  /** Argon2id, or what another server hashed until the next sign-in; null fails every password check. */
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

  /** Whoever wants to follow has to be accepted. */
  @Column({ type: 'boolean', default: false })
  locked: boolean;

  /** Says of itself that it is a program. */
  @Column({ type: 'boolean', default: false })
  bot: boolean;

  /** Wants to be found. */
  @Column({ type: 'boolean', default: true })
  discoverable: boolean;

  /** What frontends keep here, by their key (Pleroma's `pleroma_settings_store`). */
  @Column({ type: 'jsonb', default: {} })
  settingsStore: object;

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

  /** Staff's own doing can only be undone by staff (contract.md §5.8). */
  @Column({ type: 'boolean', default: false })
  disabledByStaff: boolean;

  /** When the account is erased; set is deleted, as far as anybody can see. */
  @Column({ type: 'timestamptz', nullable: true })
  deletionDueAt: Date | null;

  /** Nothing but the name is left. */
  @Column({ type: 'timestamptz', nullable: true })
  erasedAt: Date | null;

  /** Raised when everything the person has proved before must count no more; a proof under way holds the old number. */
  @Column({ type: 'integer', default: 0 })
  credentialEpoch: number;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
