import { CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** A network that a person has signed in from; a sign-in from any other is told to them (contract.md §2.5). */
@Entity()
@Index('seen_network_by_age', ['seenAt'])
export class SeenNetwork {
  @PrimaryColumn({ type: 'uuid' })
  userId: string;

  /** The /16 of an IPv4 address, the /64 of an IPv6 one. */
  @PrimaryColumn({ type: 'text' })
  network: string;

  /** The latest sign-in from there, to the day. */
  @CreateDateColumn({ type: 'timestamptz' })
  seenAt: Date;
}
