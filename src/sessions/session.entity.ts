import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * One grant to one client: all access and refresh tokens that descend from one sign-in (contract.md §4). It has no foreign
 * keys, because each grant would lock the rows it refers to, all grants to one client the same one; a session whose
 * person or client is gone is not found by any statement.
 */
@Entity()
@Index('session_of_user', ['userId', 'id'], { where: 'revoked_at is null' })
@Index('session_of_application', ['applicationId'])
@Index('session_of_sso_session', ['ssoSessionId'], { where: 'sso_session_id is not null' })
export class Session {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  /** Null for a client's own token. */
  @Column({ type: 'uuid', nullable: true })
  userId: string | null;

  @Column({ type: 'bigint' })
  applicationId: number;

  /** What was granted; words joined by spaces. */
  @Column({ type: 'text' })
  scope: string;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  /** When the person proved who they are, which a browser may have kept for an hour; null when nobody did. */
  @Column({ type: 'timestamptz', nullable: true })
  signedInAt: Date | null;

  /** The sign-in at a provider that it began by; null where none vouched. */
  @Column({ type: 'uuid', nullable: true })
  ssoSessionId: string | null;

  /** When its newest access token ends; `infinity` is never. Repeated here, so that the list is one walk down one index. */
  @Column({ type: 'timestamptz' })
  accessExpiresAt: Date;

  /** When its newest refresh token ends; `-infinity` when it has none. */
  @Column({ type: 'timestamptz' })
  refreshExpiresAt: Date;

  @Column({ type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;

  @Column({ type: 'text', nullable: true })
  ip: string | null;

  @Column({ type: 'text', nullable: true })
  userAgent: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  revokedAt: Date | null;
}
