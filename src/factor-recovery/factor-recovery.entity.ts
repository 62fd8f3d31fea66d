import { Column, CreateDateColumn, Entity, JoinColumn, OneToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.js';

/** A person who says that every factor is lost, and waits; anybody who still has one, or a session, can put an end to it. */
@Entity()
export class FactorRecovery {
  @PrimaryColumn({ type: 'uuid' })
  userId: string;

  @OneToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'factor_recovery_user' })
  user: User;

  /** Of the account when the password was right: with a change of it since then this is void. */
  @Column({ type: 'integer' })
  credentialEpoch: number;

  @CreateDateColumn({ type: 'timestamptz' })
  requestedAt: Date;

  /** When the factors go, unless somebody objects; null until the link in the mail is used. */
  @Column({ type: 'timestamptz', nullable: true })
  dueAt: Date | null;
}
