import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** Somebody on another server whom WebFinger has found (RFC 7033). */
@Entity()
@Index('remote_account_handle', ['host', 'username'], { unique: true })
export class RemoteAccount {
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  /** Lower case. */
  @Column({ type: 'text' })
  username: string;

  /** ASCII, lower case. */
  @Column({ type: 'text' })
  host: string;

  /** The actor's id. */
  @Column({ type: 'text' })
  uri: string;

  /** Their page; null where the host names none. */
  @Column({ type: 'text', nullable: true })
  url: string | null;

  /** When the host last said so. */
  @Column({ type: 'timestamptz' })
  resolvedAt: Date;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
