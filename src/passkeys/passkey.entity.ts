import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** One WebAuthn credential of a person: a passkey or a security key. */
@Entity()
@Index('passkey_of_user', ['userId'])
@Index('passkey_credential', ['credentialId'], { unique: true })
export class Passkey {
  @PrimaryColumn({ type: 'uuid' })
  id: string;

  @Column({ type: 'uuid' })
  userId: string;

  /** The authenticator's id of it, base64url. */
  @Column({ type: 'text' })
  credentialId: string;

  /** COSE key. */
  @Column({ type: 'bytea' })
  publicKey: Buffer;

  /** The signature counter at its last use; 0 when the authenticator keeps none. */
  @Column({ type: 'bigint', default: 0 })
  counter: number;

  /** How browsers reach it: `internal`, `usb`, `nfc`, `ble`, `hybrid`. */
  @Column({ type: 'text', array: true, default: [] })
  transports: string[];

  /** What its owner calls it. */
  @Column({ type: 'text' })
  name: string;

  /** Whether its owner's other devices have it as well. */
  @Column({ type: 'boolean', default: false })
  isBackedUp: boolean;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  @Column({ type: 'timestamptz', nullable: true })
  lastUsedAt: Date | null;
}
