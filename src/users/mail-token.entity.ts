import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from './user.entity.js';

/** What the holder of a link from a mail may do (contract.md §5.3, §5.5). */
export type MailTokenPurpose =
  | 'confirm_registration'
  | 'confirm_address'
  | 'undo_address'
  | 'cancel_deletion'
  | 'confirm_recovery'
  | 'stop_recovery'
  | 'reset_password';

/** The token of one link in a mail: single use, for one account, one purpose and one address. */
@Entity()
@Index('mail_token_of_user', ['userId', 'purpose'])
@Index('mail_token_of_address', ['address'], { where: `purpose = 'undo_address'` })
@Index('mail_token_by_expiry', ['expiresAt'])
export class MailToken {
  /** SHA-256 of the token. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'mail_token_user' })
  user: User;

  @Column({ type: 'text' })
  purpose: MailTokenPurpose;

  /** The address that is confirmed or restored; the stored one at the time of the mail for the others. */
  @Column({ type: 'text', nullable: true })
  address: string | null;

  /** Whether who opens it must show a second factor, because none was shown when it was asked for (contract.md §5.7). */
  @Column({ type: 'boolean', default: false })
  needsFactor: boolean;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;
}
