import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import type { OAuthParameters } from '../common/errors.js';
import { User } from '../users/user.entity.js';

/**
 * What a visit to a provider is for: to sign in, to link what is there to an account, or to prove by an identity linked
 * before that one may link another.
 */
export type FlowKind = 'login' | 'link' | 'prove';

/** One visit of a browser to a provider, from the redirect there to the callback: the row decides, not the callback's query. */
@Entity()
@Index('sso_flow_of_user', ['userId'])
@Index('sso_flow_by_expiry', ['expiresAt'])
export class SsoFlow {
  /** SHA-256 of `state`. */
  @PrimaryColumn({ type: 'bytea' })
  stateHash: Buffer;

  /** 43 characters; not secret: its beginning is in the cookie's name. */
  @Column({ type: 'text' })
  id: string;

  @Column({ type: 'text' })
  kind: FlowKind;

  /** The configured id of the provider. */
  @Column({ type: 'text' })
  provider: string;

  /** SHA-256 of the cookie of the browser that began; nonce and PKCE verifier are made from that cookie as well. */
  @Column({ type: 'bytea' })
  browserHash: Buffer;

  /** The authorization request that a sign-in belongs to. */
  @Column({ type: 'jsonb', nullable: true })
  parameters: OAuthParameters | null;

  /** Whose account is linked. */
  @Column({ type: 'uuid', nullable: true })
  userId: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'sso_flow_user' })
  user: User | null;

  /** Of that account when the link was asked for: a change of password since then voids it. */
  @Column({ type: 'integer', nullable: true })
  credentialEpoch: number | null;

  /** The session that asked for the link; it must still live at the end. Null where the person has shown on our page who they are. */
  @Column({ type: 'bigint', nullable: true })
  sessionId: number | null;

  /** SHA-256 of the ticket that goes on when a `prove` has succeeded. */
  @Column({ type: 'bytea', nullable: true })
  ticketHash: Buffer | null;

  @Column({ type: 'timestamptz' })
  expiresAt: Date;

  /** Single use; a used one is kept until it ends, so that a repeated callback can be led back to its sign-in. */
  @Column({ type: 'timestamptz', nullable: true })
  usedAt: Date | null;
}
