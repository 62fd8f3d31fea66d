import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** One Ed25519 key that signs `jwt` cookies. */
@Entity()
export class SigningKey {
  /** The RFC 7638 thumbprint of the public key. */
  @PrimaryColumn({ type: 'text' })
  kid: string;

  /** The private key (PKCS #8), sealed with `SECRET_KEY`. */
  @Column({ type: 'bytea' })
  sealedPrivateKey: Buffer;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;

  /** Signs no more, but what it signed is accepted until it has expired. */
  @Column({ type: 'timestamptz', nullable: true })
  retiredAt: Date | null;
}
