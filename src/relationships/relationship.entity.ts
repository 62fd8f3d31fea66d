import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** What one account has to do with another. */
export type RelationshipKind = 'follow' | 'block' | 'mute';

/** A follow waits for an answer where its target is locked, or on another server. */
export type RelationshipState = 'accepted' | 'requested';

/**
 * One account's relation to another, of one kind. Neither end has a foreign key: either may be a person here or an account
 * elsewhere, and a batch of thousands would look every one of them up.
 */
@Entity()
@Index('relationship_of_target', ['targetId', 'kind', 'sourceId'])
@Index('relationship_expiry', ['expiresAt'], { where: 'expires_at is not null' })
export class Relationship {
  @PrimaryColumn({ type: 'uuid' })
  sourceId: string;

  @PrimaryColumn({ type: 'text' })
  kind: RelationshipKind;

  @PrimaryColumn({ type: 'uuid' })
  targetId: string;

  @Column({ type: 'text', default: 'accepted' })
  state: RelationshipState;

  /** Of a follow: whether the target's boosts are shown. */
  @Column({ type: 'boolean', default: true })
  reblogs: boolean;

  /** Of a follow: whether each post is told of. */
  @Column({ type: 'boolean', default: false })
  notify: boolean;

  /** Of a follow: the languages whose posts are shown; null is all. */
  @Column({ type: 'text', array: true, nullable: true })
  languages: string[] | null;

  /** Of a mute: whether it holds for notifications, too. */
  @Column({ type: 'boolean', default: true })
  notifications: boolean;

  /** Of a mute: when it ends; null is never. */
  @Column({ type: 'timestamptz', nullable: true })
  expiresAt: Date | null;

  /** Names the last change: an import undoes only what nobody has touched since (contract.md §7.5). */
  @Column({ type: 'uuid' })
  revision: string;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
