import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** A client program that was registered (RFC 6749 §2). */
@Entity()
@Index('application_client_id', ['clientId'], { unique: true })
@Index('application_builtin', ['builtin'], { unique: true, where: 'builtin is not null' })
export class Application {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' })
  id: number;

  @Column({ type: 'text' })
  clientId: string;

  /** SHA-256; null makes a public client, which must use PKCE. */
  @Column({ type: 'bytea', nullable: true })
  clientSecretHash: Buffer | null;

  @Column({ type: 'text' })
  name: string;

  @Column({ type: 'text', nullable: true })
  website: string | null;

  /** As sent, one per item; compared byte for byte. */
  @Column({ type: 'text', array: true })
  redirectUris: string[];

  /** Known words and unknown well-formed ones, as registered; joined by spaces. */
  @Column({ type: 'text' })
  scope: string;

  /** Which client of our own this is; null for everybody else's. */
  @Column({ type: 'text', nullable: true })
  builtin: string | null;

  /** A person has once signed in with it, so it is never removed for lack of use (contract.md §1.2). */
  @Column({ type: 'boolean', default: false })
  everUsed: boolean;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
