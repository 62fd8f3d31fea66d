import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.js';

/** A wish to link an identity, which waits for its owner to show on our page who they are (contract.md §3.8.2). */
@Entity()
@Index('sso_link_ticket_of_user', ['userId'])
@Index('sso_link_ticket_by_expiry', ['expiresAt'])
export class SsoLinkTicket {
  /** SHA-256 of the ticket. */
  @PrimaryColumn({ type: 'bytea' })
  hash: Buffer;

  @Column({ type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: false })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'sso_link_ticket_user' })
  user: User;

  /** Of the account when the link was asked for: a change of password since then voids it. */
  @Column({ type: 'integer' })
  credentialEpoch: number;

  /** The configured id of the provider. */
  @Column({ type: 'text' })
  provider: string;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;
}
