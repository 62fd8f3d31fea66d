import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { type Role, User } from '../users/user.entity.js';

/** Somebody at an OpenID provider, who is one person here: known by issuer and subject, and by nothing else (contract.md §3.7). */
@Entity()
@Index('linked_identity_subject', ['issuer', 'subject'], { unique: true })
@Index('linked_identity_of_user', ['userId', 'issuer'], { unique: true })
export class LinkedIdentity {
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'linked_identity_user' })
  user: User;

  /** `iss` of its ID tokens. */
  @Column({ type: 'text' })
  issuer: string;

  /** `sub` of its ID tokens. */
  @Column({ type: 'text' })
  subject: string;

  /** The role that the provider's claims gave at the last sign-in; it is taken back when they no longer do. */
  @Column({ type: 'text', nullable: true })
  grantedRole: Role | null;

  /** The role that the person has without any provider, as it was when a granted role changed last; null until one does. */
  @Column({ type: 'text', nullable: true })
  ownRole: Role | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  /** Null until somebody signs in by it. */
  @Column({ type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;
}
