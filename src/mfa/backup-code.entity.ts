import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** One unused backup code of a person; the row goes when it is used. */
@Entity()
@Index('backup_code_of_user', ['userId'])
export class BackupCode {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id: number;

  @Column({ type: 'uuid' })
  userId: string;

  /** The same for all codes of a set, so that one Argon2id tells whether a code is one of them. */
  @Column({ type: 'bytea' })
  salt: Buffer;

  /** Argon2id of the code. */
  @Column({ type: 'bytea' })
  hash: Buffer;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt: Date;
}
